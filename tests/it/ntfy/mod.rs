//! ntfy, against a server of our own that is as strict as the real one: its rules are those of `server.go`, `types.go`,
//! `actions.go` and `errors.go` in <https://github.com/binwiederhier/ntfy>, which nobody offers as a package.

pub mod bench;
mod fake;
mod stories;
mod verdicts;

use sereno::channel::ntfy::{Login, Ntfy, Settings};
use sereno::outgoing::Inside;

use fake::Server;

const PUBLIC_URL: &str = "https://sereno.example";
/// A person's topic.
const ANA: &str = "sereno-ana-7Kx2f9";
const TOKEN: &str = "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2";

fn settings(server: &Server) -> Settings {
    Settings {
        url: server.url().parse().unwrap(),
        login: Login::Token(TOKEN.into()),
        public_url: PUBLIC_URL.into(),
        people: [ANA.to_owned()].into(),
        inside: Inside::Private,
        rate: 0.0,
    }
}

/// The real adapter, speaking to `server`.
fn adapter(server: &Server) -> Ntfy {
    Ntfy::new(settings(server)).unwrap()
}
