//! Benches of the channels that need no platform: the phone page and the log.

use std::io;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::http::HeaderMap;
use serde_json::Value;
use sereno::channel::log::LogChannel;
use sereno::channel::web::{Changed, WebChannel};
use sereno::channel::{Channel, Outgoing, PollError, PushError, Verdict};
use sereno::core::policy::ChannelPolicy;
use sereno::render::html;
use tokio::sync::broadcast::Receiver;

use super::contract::{Bench, Seen, line, push};

/// The page: sending means that whoever has it open looks; what they see is drawn from the store.
pub struct WebBench {
    channel: Page,
}

/// The page's channel, and the cards that the store would have.
struct Page {
    web: WebChannel,
    changes: Mutex<Receiver<Changed>>,
    cards: Mutex<Vec<(u64, Seen)>>,
    posted: Mutex<usize>,
}

impl WebBench {
    pub fn new() -> Self {
        let web = WebChannel::default();
        let changes = Mutex::new(web.changes());
        Self { channel: Page { web, changes, cards: Mutex::default(), posted: Mutex::default() } }
    }
}

impl Page {
    /// Whoever watches must have been told of exactly this copy.
    fn look(&self, out: &Outgoing, is_new: bool) {
        let told = self.changes.lock().unwrap().try_recv().unwrap();
        assert_eq!(told, Changed { person: out.target.clone(), copy: out.copy });
        let mut cards = self.cards.lock().unwrap();
        if is_new {
            *self.posted.lock().unwrap() += 1;
        } else {
            cards.retain(|(copy, _)| *copy != out.copy);
        }
        cards.push((out.copy, page_seen(out)));
    }
}

#[async_trait]
impl Channel for Page {
    fn policy(&self) -> ChannelPolicy {
        self.web.policy()
    }

    async fn send(&self, out: &Outgoing) -> Verdict {
        let verdict = self.web.send(out).await;
        self.look(out, true);
        verdict
    }

    async fn edit(&self, out: &Outgoing, receipt: &str) -> Verdict {
        let verdict = self.web.edit(out, receipt).await;
        self.look(out, false);
        verdict
    }
}

#[async_trait]
impl Bench for WebBench {
    fn channel(&self) -> &dyn Channel {
        &self.channel
    }

    fn target(&self) -> &'static str {
        "ana"
    }

    fn seen(&self) -> Vec<Seen> {
        self.channel.cards.lock().unwrap().iter().map(|(_, seen)| seen.clone()).collect()
    }

    fn posted(&self) -> usize {
        *self.channel.posted.lock().unwrap()
    }

    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    async fn breaks(&self) -> Vec<String> {
        let poll = self.channel.web.poll(0).await.unwrap_err();
        let push = self.channel.web.pushed(&push(&HeaderMap::new(), b"{}")).unwrap_err();
        assert_eq!((&poll, push), (&PollError::NotPolled, PushError::NotPushed));
        vec![format!("{poll:?} {push:?}")]
    }
}

/// Elements, and the text between them with its references resolved, as a browser reads it.
fn page_seen(out: &Outgoing) -> Seen {
    let drawn = html(&out.doc);
    let (mut text, mut markup, mut rest) = (String::new(), Vec::new(), drawn.as_str());
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, tail) = after.split_once('>').expect("every tag ends");
        markup.push(tag.to_owned());
        rest = tail;
    }
    text.push_str(rest);
    let references = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let text = references.iter().fold(text, |text, (written, means)| text.replace(written, means));
    let buttons = out.buttons.iter().map(|button| (button.label.clone(), button.token.clone())).collect();
    Seen { text, markup, buttons, silent: out.silent, under: out.under.clone() }
}

/// The log: lines of JSON, until its reader goes away.
pub struct LogBench {
    channel: LogChannel,
    pipe: Pipe,
}

#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<(Vec<u8>, bool)>>);

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pipe = self.0.lock().unwrap();
        if pipe.1 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        pipe.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LogBench {
    pub fn new() -> Self {
        let pipe = Pipe::default();
        Self { channel: LogChannel::new(Box::new(pipe.clone())), pipe }
    }

    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.pipe.0.lock().unwrap().0.clone()).unwrap();
        // One message is one line, whatever stands in it.
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[async_trait]
impl Bench for LogBench {
    fn channel(&self) -> &dyn Channel {
        &self.channel
    }

    fn target(&self) -> &'static str {
        "stdout"
    }

    fn seen(&self) -> Vec<Seen> {
        let mut seen: Vec<(Value, Seen)> = Vec::new();
        for line in self.lines() {
            let now = Seen {
                text: line["text"].as_str().unwrap().to_owned(),
                silent: line["silent"] == true,
                ..Seen::default()
            };
            if line["what"] == "edit" {
                seen.retain(|(copy, _)| *copy != line["copy"]);
            }
            seen.push((line["copy"].clone(), now));
        }
        seen.into_iter().map(|(_, seen)| seen).collect()
    }

    fn posted(&self) -> usize {
        self.lines().iter().filter(|line| line["what"] == "message").count()
    }

    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    async fn breaks(&self) -> Vec<String> {
        self.pipe.0.lock().unwrap().1 = true;
        let verdict = self.channel.send(&line("stdout", "into nothing")).await;
        // A line that could not be written has not arrived.
        assert!(matches!(verdict, Verdict::Retry { after: None, uncertain: false, .. }), "{verdict:?}");
        vec![format!("{verdict:?}")]
    }
}
