//! The same mail to a server that somebody else wrote (`maildev`), read back as it took it apart.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sereno::channel::email::{Email, Security, Settings};
use sereno::channel::{Channel as _, Outgoing, Verdict};
use sereno::clock::within;
use tokio::net::TcpStream;

use super::{ANA, FROM, PUBLIC_URL};
use crate::channel::contract::{buttons, line};

/// How long it may take to be there, in real time.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

struct Maildev {
    process: Child,
    smtp: u16,
    web: String,
    client: reqwest::Client,
}

impl Maildev {
    async fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/node_modules/maildev/bin/maildev");
        let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (smtp, web) = (port(), port());
        let mut command = Command::new("node");
        command.arg(script).args(["--ip", "127.0.0.1", "--web-ip", "127.0.0.1"]);
        command.args(["--smtp", &smtp.to_string(), "--web", &web.to_string()]);
        let process =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("node is there: run ./tests/run");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let maildev = Self { process, smtp, web: format!("http://127.0.0.1:{web}"), client };
        let there = async {
            // Its two servers come up one after the other.
            while maildev.client.get(format!("{}/healthz", maildev.web)).send().await.is_err()
                || TcpStream::connect(("127.0.0.1", maildev.smtp)).await.is_err()
            {
                let _again = within(LOOK_AGAIN, std::future::pending::<()>()).await;
            }
        };
        within(PATIENCE, there).await.expect("maildev is there: run ./tests/run");
        maildev
    }

    fn channel(&self) -> Email {
        let settings = Settings {
            host: "127.0.0.1".into(),
            port: Some(self.smtp),
            security: Security::None,
            login: None,
            from: FROM.into(),
            ca: None,
            public_url: PUBLIC_URL.into(),
            people: [ANA.to_owned()].into(),
            rate: 0.0,
        };
        Email::new(settings).unwrap()
    }

    /// Waits until it has read so many mails: it takes one before it looks into it.
    async fn mails(&self, count: usize) -> Vec<Value> {
        let look = async {
            loop {
                let answer = self.client.get(format!("{}/email", self.web)).send().await.unwrap();
                let mails: Vec<Value> = answer.json().await.unwrap();
                if mails.len() >= count {
                    return mails;
                }
                let _again = within(LOOK_AGAIN, std::future::pending::<()>()).await;
            }
        };
        within(PATIENCE, look).await.expect("every mail is read")
    }
}

impl Drop for Maildev {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

#[tokio::test]
async fn a_foreign_server_reads_a_mail_as_it_was_meant() {
    let maildev = Maildev::start().await;
    let channel = maildev.channel();
    channel.prepare().await.unwrap();
    let out = Outgoing { buttons: buttons(2, 40), ..line(ANA, "⏳ Víctor <b>asks</b> & waits") };
    let Verdict::Sent(first) = channel.send(&out).await else { panic!("it was not sent") };
    let Verdict::Sent(_) = channel.edit(&Outgoing { version: 2, ..line(ANA, "✅ decided") }, &first).await else {
        panic!("it was not sent")
    };
    let mails = maildev.mails(2).await;
    assert_eq!(mails.len(), 2);
    let (asked, told) = (&mails[0], &mails[1]);
    assert_eq!(asked["subject"], "⏳ Víctor <b>asks</b> & waits");
    assert_eq!((&asked["to"][0]["address"], &asked["from"][0]["name"]), (&ANA.into(), &"sereno".into()));
    assert!(asked["text"].as_str().unwrap().contains("Víctor <b>asks</b> & waits"), "{}", asked["text"]);
    let html = asked["html"].as_str().unwrap();
    assert!(html.contains("&lt;b&gt;asks&lt;/b&gt; &amp; waits") && !html.contains("<b>asks"), "{html}");
    assert!(html.contains(&format!("{PUBLIC_URL}/m#")), "a button is a link to our page: {html}");
    let name = |mail: &Value| mail["headers"]["message-id"].as_str().unwrap().to_owned();
    let follows = told["headers"]["references"].to_string();
    assert!(follows.contains(name(asked).trim_matches(['<', '>'])), "{follows} follows {}", name(asked));
}
