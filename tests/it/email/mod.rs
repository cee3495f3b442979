//! E-mail, against a mail server that somebody else wrote (aiosmtpd), whose mails a reader that somebody else wrote
//! (Python's) takes apart.

pub mod bench;
mod files;
mod goldens;
mod headers;
pub mod links;
mod maildev;
mod pictures;
pub mod post;
mod stops;
mod stories;
mod verdicts;

use sereno::channel::email::{Email, Security, Settings};

use post::Post;

/// Who writes.
const FROM: &str = "sereno <sereno@example.org>";
/// Where links lead.
const PUBLIC_URL: &str = "https://sereno.example";
/// A person's address.
pub const ANA: &str = "ana@example.org";

/// The real adapter's settings for `post`.
fn settings(post: &Post) -> Settings {
    Settings {
        host: "localhost".into(),
        port: Some(post.port),
        security: post.security,
        login: post.login.map(|(name, password)| (name.to_owned(), password.to_owned())),
        from: FROM.into(),
        ca: post.authority(),
        public_url: PUBLIC_URL.into(),
        people: [ANA.to_owned()].into(),
        rate: 0.0,
    }
}

/// The real adapter, speaking to `post`.
fn adapter(post: &Post) -> Email {
    Email::new(settings(post)).unwrap()
}

/// An adapter without secrets, for a server that has none.
pub fn plain_post() -> Post {
    Post::start(Security::None, None)
}

/// The part of a configuration that leads to `post`.
pub fn config(post: &Post) -> String {
    format!(
        "[channels.mail]\nkind = \"email\"\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\nfrom = \"{FROM}\"\n",
        post.port
    )
}
