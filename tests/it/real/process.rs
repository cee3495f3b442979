//! A sereno that can be killed at any moment and started again on the same store, and people who talk to it.
//!
//! It is the real binary of [`crate::binary`]; what is awaited here happens in real time, in one place.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::binary::{Home, Serve};
use crate::telegram::fake::TOKEN;

/// How long anything that should happen at once may take on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);

/// Waits until `look` finds something; what was waited for is said when it does not.
#[expect(clippy::disallowed_methods, reason = "a real process works in real time")]
pub async fn until<T>(deadline: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = std::time::Instant::now() + deadline;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(std::time::Instant::now() < end, "waited {deadline:?} in vain until {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// A sereno, running or not, with two approvers who speak through the API.
pub struct Sereno {
    home: Home,
    serve: Option<Serve>,
    said: Vec<String>,
    client: reqwest::Client,
}

impl Sereno {
    /// Starts it with `more` in its configuration.
    pub fn start(more: &str) -> Self {
        let approver =
            |name: &str| format!("[api.tokens.{name}]\ntoken_file = \"{name}.token\"\nrole = \"approver\"\n");
        let home = Home::new(&format!("{}{}{more}", approver("abel"), approver("bea")));
        home.write("abel.token", "token-of-abel");
        home.write("bea.token", "token-of-bea");
        home.write("tg.token", TOKEN);
        let client = reqwest::Client::builder().no_proxy().timeout(SOON).build().unwrap();
        let mut sereno = Self { home, serve: None, said: Vec::new(), client };
        sereno.again();
        sereno
    }

    /// Starts it on the store that it has, and waits until it is ready.
    pub fn again(&mut self) {
        assert!(self.serve.is_none(), "it runs already");
        self.serve = Some(self.home.serve(&[]));
    }

    /// The link with which the first admin signs in, which it prints while nobody has.
    pub fn link(&mut self) -> String {
        let said = self.serve.as_mut().expect("it runs").wait_for("#signin=");
        said.rsplit(' ').next().unwrap().to_owned()
    }

    /// Ends it without a chance to do anything.
    pub fn kill(&mut self) {
        self.said.extend(self.serve.take().expect("it runs").kill());
    }

    /// What a subcommand that must succeed printed.
    pub fn print(&self, args: &[&str]) -> String {
        let ran = self.home.run(args);
        assert_eq!(ran.code, 0, "sereno {args:?}: {}", ran.err);
        ran.out
    }

    /// Says `text` with the token of `who`.
    pub async fn say(&self, who: &str, text: &str) -> Value {
        let url = format!("{}/v1/commands", self.home.url());
        let request = self.client.post(url).bearer_auth(format!("token-of-{who}"));
        let response = request.json(&json!({ "text": text })).send().await.unwrap();
        assert!(response.status().is_success(), "{text}: {}", response.status());
        response.json().await.unwrap()
    }

    /// The answer to a command as text.
    pub async fn text(&self, text: &str) -> String {
        self.say("abel", text).await["text"].as_str().unwrap().to_owned()
    }

    /// Waits until the answer to a command holds `words`.
    pub async fn shows(&self, command: &str, words: &str) -> String {
        let what = format!("{command} shows {words:?}");
        until(SOON, &what, async || {
            let text = self.text(command).await;
            text.contains(words).then_some(text)
        })
        .await
    }

    /// Waits until an approval is asked for; its code.
    pub async fn question(&self) -> String {
        until(SOON, "somebody asks", async || {
            let answer = self.say("abel", "/approvals").await;
            answer["content"]["pending"][0]["code"].as_str().map(str::to_owned)
        })
        .await
    }

    /// Waits until nothing is in the outbox any more.
    pub async fn has_sent_all(&self) {
        until(SOON, "the outbox is empty", async || {
            (self.print(&["outbox", "list"]) == "nothing waits\n").then_some(())
        })
        .await;
    }

    /// Stops it: nothing went wrong in it, and nobody has touched the audit.
    pub fn end(mut self) {
        assert!(self.print(&["audit", "verify"]).starts_with("ok: "));
        let (code, said) = self.serve.take().expect("it runs").stop();
        self.said.push(said);
        let said = self.said.join("\n");
        assert_eq!(code, 0, "{said}");
        assert!(!said.contains("ERROR") && !said.contains("panicked"), "{said}");
    }
}

/// A tool that the tests need and that `tests/run` installs.
pub fn installed(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    assert!(path.exists(), "{} is missing: run ./tests/run", path.display());
    path
}
