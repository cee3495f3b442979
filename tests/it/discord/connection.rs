//! The gateway's connection: what keeps it, what ends it, and what is not missed meanwhile.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sereno::channel::discord::{Discord, Settings};
use sereno::channel::{Channel as _, Inbox, Incoming, NotStored, Reception};
use sereno::clock::within;
use tokio::sync::Notify;

use super::fake::{Fake, Memory};
use super::faults::Fault;
use super::gateway::Order;
use super::{ANA, adapter, pushed, settings};

/// How long anything may take, in real time.
const PATIENCE: Duration = Duration::from_secs(20);

/// Takes everything in, and counts signs of life.
#[derive(Clone, Default)]
struct Post {
    taken: Arc<Mutex<Vec<Incoming>>>,
    alive: Arc<Mutex<usize>>,
    news: Arc<Notify>,
    /// Nothing can be stored.
    is_full: bool,
}

#[async_trait]
impl Inbox for Post {
    async fn take(&self, incoming: Incoming) -> Result<(), NotStored> {
        if self.is_full {
            return Err(NotStored("the disk is full".into()));
        }
        self.taken.lock().unwrap().push(incoming);
        self.news.notify_one();
        Ok(())
    }

    fn alive(&self) {
        *self.alive.lock().unwrap() += 1;
    }
}

impl Post {
    /// Waits until so many things were taken in.
    async fn has(&self, count: usize) {
        let taken = async {
            while self.taken.lock().unwrap().len() < count {
                self.news.notified().await;
            }
        };
        within(PATIENCE, taken).await.expect("it is taken");
    }

    fn texts(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().map(|incoming| incoming.text.clone()).collect()
    }
}

/// Listens until the connection ends. Why it did.
async fn listen(discord: &Discord, post: &Post) -> String {
    within(PATIENCE, discord.listen(post)).await.expect("the connection ends")
}

/// Holds a connection while `story` is told. Why it ended, if it did before the story.
async fn during(discord: &Discord, post: &Post, story: impl Future<Output = ()>) -> Option<String> {
    tokio::select! {
        why = listen(discord, post) => Some(why),
        () = story => None,
    }
}

async fn is_connected(fake: &Fake, count: usize) {
    fake.until("somebody is connected", move |memory| memory.identified + memory.resumed >= count).await;
}

#[tokio::test]
async fn what_is_said_is_taken_while_the_connection_holds() {
    let fake = Fake::start().await;
    fake.change(|memory| memory.interval = 300);
    let (discord, post) = (adapter(&fake), Post::default());
    assert_eq!(discord.reception(), Reception::Held { alone: true });
    let story = async {
        is_connected(&fake, 1).await;
        let said = fake.says(fake.command(ANA, "agents", &[]));
        fake.until("it was promised an answer", move |memory| memory.asked[&said].first == Some(5)).await;
        // What nobody can read is passed over.
        fake.says(serde_json::json!({ "id": "1", "type": 99 }));
        fake.order(Order::Beat);
        fake.until("it gave signs of life", |memory| memory.beats > 2).await;
        fake.says(fake.command(ANA, "status", &[]));
        fake.until("it is taken", |_| post.texts().len() == 2).await;
    };
    assert_eq!(during(&discord, &post, story).await, None);
    assert_eq!(post.texts(), ["/agents", "/status"]);
    assert!(*post.alive.lock().unwrap() > 2);
    // Whoever does not listen any more is not connected any more.
    fake.until("it has gone", |memory| memory.connections == 0).await;
}

#[tokio::test]
async fn nothing_is_missed_when_the_connection_breaks() {
    let fake = Fake::start().await;
    let (discord, post) = (adapter(&fake), Post::default());
    let story = async {
        is_connected(&fake, 1).await;
        fake.order(Order::Drop);
        std::future::pending::<()>().await;
    };
    let why = during(&discord, &post, story).await.unwrap();
    assert_eq!(why, "the connection to Discord's gateway broke");
    fake.says(fake.command(ANA, "agents", &[]));
    let story = async {
        is_connected(&fake, 2).await;
        fake.until("it is taken", |_| post.texts().len() == 1).await;
    };
    assert_eq!(during(&discord, &post, story).await, None);
    let memory = fake.memory();
    assert_eq!((memory.identified, memory.resumed), (1, 1));
}

#[tokio::test]
async fn discord_may_ask_to_connect_again() {
    let fake = Fake::start().await;
    let (discord, post) = (adapter(&fake), Post::default());
    let story = async {
        is_connected(&fake, 1).await;
        fake.order(Order::Reconnect);
        is_connected(&fake, 2).await;
        fake.says(fake.command(ANA, "agents", &[]));
        fake.until("it is taken", |_| post.texts().len() == 1).await;
    };
    assert_eq!(during(&discord, &post, story).await, None);
    let memory = fake.memory();
    assert_eq!((memory.identified, memory.resumed), (1, 1));
}

#[tokio::test]
async fn a_session_that_is_over_is_begun_anew() {
    let fake = Fake::start().await;
    let (discord, post) = (adapter(&fake), Post::default());
    for (count, order, identified) in [
        (1, Order::Invalidate(false), 1),
        (2, Order::Invalidate(true), 2),
        (3, Order::Close(4009), 2),
        (4, Order::Close(4000), 3),
        (5, Order::Drop, 3),
        (6, Order::Close(4004), 3),
    ] {
        let story = async {
            is_connected(&fake, count).await;
            fake.order(order);
            std::future::pending::<()>().await;
        };
        let why = during(&discord, &post, story).await.unwrap();
        assert_eq!(fake.memory().identified, identified, "{order:?}: {why}");
        assert_eq!(why.contains("token"), matches!(order, Order::Close(4004)), "{order:?}: {why}");
    }
}

#[tokio::test]
async fn a_gateway_that_is_silent_is_left() {
    let fake = Fake::start().await;
    fake.change(|memory| (memory.interval, memory.is_mute) = (30, true));
    let why = listen(&adapter(&fake), &Post::default()).await;
    assert_eq!(why, "Discord's gateway does not answer any more");
    assert_eq!(fake.memory().beats, 1);
}

#[tokio::test]
async fn what_keeps_it_from_connecting_is_said() {
    let fake = Fake::start().await;
    let post = Post::default();
    fake.fails("GET /gateway", Fault::Refusal(503, 0, "down"));
    assert_eq!(listen(&adapter(&fake), &post).await, "Discord is in trouble");
    fake.change(|memory| memory.left = 3);
    let why = listen(&adapter(&fake), &post).await;
    assert_eq!(why, "Discord allows no more connections for 1h: this bot has connected too often");
    fake.change(|memory| memory.left = 1000);
    let wrong = Settings { token: "another".into(), ..settings(&fake) };
    let why = listen(&Discord::new(wrong).unwrap(), &post).await;
    assert!(why.contains("does not know this bot token"), "{why}");
    fake.revokes(true);
    assert!(listen(&adapter(&fake), &post).await.contains("does not know this bot token"));
    // An adapter that is pushed holds nothing; where no server of one's own is configured, only TLS will do.
    assert_eq!(pushed(&fake).reception(), Reception::Pushed);
    assert_eq!((fake.memory().identified, *post.alive.lock().unwrap()), (0, 0));
}

#[tokio::test]
async fn what_cannot_be_stored_is_not_confirmed() {
    let fake = Fake::start().await;
    let (discord, post) = (adapter(&fake), Post { is_full: true, ..Post::default() });
    let logs = crate::scene::Logs::start();
    let story = async {
        is_connected(&fake, 1).await;
        let message = super::forms::Message { channel: super::fake::CHANNEL, id: 1, ..Default::default() };
        let tap = fake.says(fake.tap(ANA, &message, "token"));
        logs.wait_for("could not be stored").await;
        // Discord shows whoever tapped that it failed, unless it hears from us.
        assert_eq!(fake.memory().asked[&tap].first, None);
    };
    assert_eq!(during(&discord, &post, story).await, None);
}

#[tokio::test]
async fn a_tap_whose_answer_takes_long_is_told_that_it_was_heard() {
    let fake = Fake::start().await;
    let (discord, post) = (adapter(&fake), Post::default());
    let story = async {
        is_connected(&fake, 1).await;
        let message = super::forms::Message { channel: super::fake::CHANNEL, id: 1, ..Default::default() };
        let tap = fake.says(fake.tap(ANA, &message, "token"));
        fake.until("it was heard", move |memory: &Memory| memory.asked[&tap].first == Some(6)).await;
        discord.answer(&tap.to_string(), "Approved.", false).await;
        assert_eq!(fake.told(tap), ["Approved."]);
        // One that is answered at once is told nothing before.
        let tap = fake.says(fake.tap(ANA, &message, "token"));
        post.has(2).await;
        discord.answer(&tap.to_string(), "Approved.", false).await;
        assert_eq!(fake.memory().asked[&tap].first, Some(4));
        assert_eq!(fake.told(tap), ["Approved."]);
        // Whoever tapped long ago is not there to be told any more: nothing happens.
        let tap = fake.says(fake.tap(ANA, &message, "token"));
        post.has(3).await;
        fake.ends(tap);
        discord.answer(&tap.to_string(), "Approved.", false).await;
        assert!(fake.told(tap).is_empty());
    };
    assert_eq!(during(&discord, &post, story).await, None);
}
