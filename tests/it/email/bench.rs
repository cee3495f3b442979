//! E-mail's bench for the contract of channels: a mailbox as its owner sees it.

use async_trait::async_trait;
use sereno::channel::Channel;
use sereno::channel::email::{Email, Security};

use super::post::{Mail, Post};
use super::{ANA, adapter, settings};
use crate::channel::contract::{Bench, Seen, line};

const PASSWORD: &str = "a password of the tests";

pub struct EmailBench {
    channel: Email,
    post: Post,
}

impl EmailBench {
    pub fn start() -> Self {
        let post = Post::start(Security::StartTls, Some(("sereno", PASSWORD)));
        Self { channel: adapter(&post), post }
    }

    /// The mails, each name once, as mail programs show them: under one name there is one mail.
    fn mailbox(&self) -> Vec<Mail> {
        let mut shown: Vec<Mail> = Vec::new();
        for mail in self.post.to(ANA) {
            match shown.iter().find(|have| have.header("Message-ID") == mail.header("Message-ID")) {
                Some(have) => assert_eq!(have.raw, mail.raw, "the same name, and another mail"),
                None => shown.push(mail),
            }
        }
        shown
    }
}

fn seen(mail: &Mail) -> Seen {
    assert_eq!(mail.defects, [""; 0]);
    assert_eq!(mail.kinds, ["multipart/alternative", "text/plain", "text/html"]);
    assert!(mail.secret && mail.login);
    let (text, buttons) = (mail.text(), mail.links());
    let (markup, read) = page(&mail.html);
    let title = text.lines().next().unwrap();
    assert!(read.contains(title), "the page does not say {title}");
    for (label, token) in &buttons {
        assert!(read.contains(label.as_str()) && mail.html.contains(&format!("/m#{token}\"")), "{label}");
    }
    Seen {
        text,
        markup,
        buttons,
        silent: mail.header("Importance") == Some("low"),
        under: mail.header("In-Reply-To").map(str::to_owned),
    }
}

/// Elements of the card, and the text of the whole page as a browser reads it. Where a text is interrupted so that
/// nothing makes a link of it, nothing is seen.
fn page(html: &str) -> (Vec<String>, String) {
    let html = html.replace("<wbr>", "");
    let card = html.split_once("<h1").unwrap().1.split_once("<a ").map_or(html.as_str(), |(card, _)| card);
    let markup = card.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag.to_owned());
    let body = html.split_once("<body").unwrap().1;
    let text: String = body.split('<').map(|rest| rest.split_once('>').map_or(rest, |(_, text)| text)).collect();
    let references = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
        ("&amp;", "&"),
    ];
    let text = references.iter().fold(text, |text, (written, means)| text.replace(written, means));
    (markup.collect(), text)
}

#[async_trait]
impl Bench for EmailBench {
    fn channel(&self) -> &dyn Channel {
        &self.channel
    }

    fn target(&self) -> &'static str {
        ANA
    }

    fn seen(&self) -> Vec<Seen> {
        self.mailbox().iter().map(seen).collect()
    }

    fn posted(&self) -> usize {
        self.mailbox().len()
    }

    fn secrets(&self) -> Vec<String> {
        vec![PASSWORD.to_owned()]
    }

    async fn breaks(&self) -> Vec<String> {
        let mut told = Vec::new();
        let faults = [
            ("rcpt", "550 5.1.1 nobody here"),
            ("body", "554 5.7.1 no"),
            ("data", "451 later"),
            ("cut", ""),
            ("lost", ""),
        ];
        for (at, reply) in faults {
            self.post.fails(at, reply, 1);
            told.push(format!("{:?}", self.channel.send(&line(ANA, "again")).await));
        }
        // A server that says our own words back.
        self.post.fails("auth", &format!("535 5.7.8 {PASSWORD} is wrong"), 1);
        told.push(format!("{:?}", adapter(&self.post).prepare().await));
        let mut wrong = settings(&self.post);
        wrong.login = Some(("sereno".into(), format!("{PASSWORD}, nearly")));
        told.push(format!("{:?}", Email::new(wrong.clone()).unwrap().send(&line(ANA, "again")).await));
        wrong.ca = None;
        told.push(format!("{:?}", Email::new(wrong.clone()).unwrap().prepare().await));
        wrong.port = Some(1);
        told.push(format!("{:?}", Email::new(wrong).unwrap().prepare().await));
        self.post.fails("mail", "451 4.3.0 not now", 1_000_000);
        told
    }
}
