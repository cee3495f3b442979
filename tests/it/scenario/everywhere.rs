//! One question on every channel at once: whoever is first decides for all, whatever is tapped at the same time.

use serde_json::{Value, json};

use crate::database::{Database, on_both};
use crate::discord::{self, fake::Fake as Discord};
use crate::dose;
use crate::email::{self, post::Post};
use crate::scene::Scene;
use crate::slack::{self, fake::Fake as Slack};
use crate::telegram::{self, fake::Fake as Telegram};

on_both![eight_taps_at_once_on_every_channel_are_one_decision];

/// Where one copy stands, and what it says now.
struct Copy {
    place: &'static str,
    text: String,
    has_buttons: bool,
}

struct Everywhere {
    scene: Scene,
    telegram: Telegram,
    slack: Slack,
    discord: Discord,
    post: Post,
}

impl Everywhere {
    async fn start(db: Database) -> Self {
        let (telegram, slack, discord) = (Telegram::start().await, Slack::start().await, Discord::start().await);
        let post = email::plain_post();
        let extra = [
            telegram::config(&telegram.url(), telegram::UNPACED, ""),
            slack::config(&slack.url(), &slack::with_sockets(), ""),
            discord::config(&discord, ""),
            email::config(&post),
        ];
        let scene = Scene::start(db, &extra.concat()).await;
        telegram.until("the bot has begun to poll", |memory| memory.polls() > 0).await;
        slack.until("a connection is open", |memory| memory.hellos > 0).await;
        discord.until("the bot is connected", |memory| memory.identified > 0 && !memory.commands.is_null()).await;
        Self { scene, telegram, slack, discord, post }
    }

    /// Every copy that can change.
    fn copies(&self) -> Vec<Copy> {
        let telegram = [("Telegram, ana", 77), ("Telegram, victor", 1234)].map(|(place, chat)| {
            let message = self.telegram.newest(chat);
            Copy { place, text: message.text, has_buttons: !message.buttons.is_empty() }
        });
        let slack = [("Slack, ana", "D77"), ("Slack, victor", "D1234")].map(|(place, channel)| {
            let message = self.slack.newest(channel);
            Copy { place, text: message.text(), has_buttons: message.has_buttons() }
        });
        let discord = [("Discord, dora", discord::ANA), ("Discord, diego", discord::VICTOR)].map(|(place, account)| {
            let message = self.discord.home(account).pop().expect("a message at home");
            Copy { place, text: message.text, has_buttons: !message.buttons.is_empty() }
        });
        telegram.into_iter().chain(slack).chain(discord).collect()
    }

    /// Eight people, or the same ones on different channels, tap at once; who begins changes from round to round.
    async fn tap(&self, round: usize) {
        let victor = self.scene.visitor("victor").await;
        let page = victor.card(&self.scene, "approval").await;
        let mail = self.post.to(email::ANA).pop().expect("a mail").token("✅");
        let home = |account| self.discord.home(account).pop().expect("a message at home");
        let (tapped, denied) = (home(discord::ANA), home(discord::VICTOR));
        let mut updates = Vec::new();
        let mut envelopes = Vec::new();
        let mut interactions = Vec::new();
        for turn in 0..3 {
            match (round + turn) % 3 {
                0 => {
                    updates.push(self.telegram.taps("77", 77, &self.telegram.newest(77), "✅"));
                    updates.push(self.telegram.taps("1234", 1234, &self.telegram.newest(1234), "❌"));
                }
                1 => {
                    let tap = |channel, user, label| self.slack.tap(channel, user, &self.slack.newest(channel), label);
                    envelopes.push(self.slack.says(&tap("D77", "U77", "✅")));
                    envelopes.push(self.slack.says(&tap("D1234", "U1234", "❌")));
                }
                _ => {
                    let tap = |account, message, label: &str| {
                        self.discord.says(self.discord.tap(account, message, &message.button(label)))
                    };
                    interactions.push(tap(discord::ANA, &tapped, "✅"));
                    interactions.push(tap(discord::VICTOR, &denied, "❌"));
                }
            }
        }
        let (act, no) = (json!({ "token": mail }), page.no());
        let (on_page, by_mail): ((u16, String), (u16, Value)) =
            tokio::join!(victor.taps(&self.scene, &no), email::links::post_to(&self.scene, "/m/act", act),);
        for update in updates {
            self.telegram.confirmed(update).await;
        }
        for envelope in envelopes {
            self.slack.acked(&envelope).await;
        }
        for interaction in interactions {
            self.discord.is_told(interaction).await;
        }
        self.scene.settle().await;
        assert!(matches!(on_page.0, 200 | 409), "{on_page:?}");
        assert!(matches!(by_mail.0, 200 | 409 | 410), "{by_mail:?}");
    }
}

async fn eight_taps_at_once_on_every_channel_are_one_decision(db: Database) {
    let all = Everywhere::start(db).await;
    for round in 0..dose::times(6, 500) {
        all.scene.asks(&format!("q{round}"), "make test").await;
        assert!(all.copies().iter().all(|copy| copy.has_buttons && copy.text.starts_with('⏳')), "round {round}");
        let mails = all.post.to(email::ANA).len();
        Box::pin(all.tap(round)).await;
        let orders = all.scene.fleet.heard();
        assert_eq!(orders.len(), round + 1, "one order for one question: {orders:?}");
        let sign = match orders[round].as_str() {
            "control.decide approved" => '✅',
            "control.decide denied" => '❌',
            other => panic!("{other}"),
        };
        for copy in all.copies() {
            assert!(!copy.has_buttons && copy.text.starts_with(sign), "round {round}, {}: {}", copy.place, copy.text);
        }
        let told = all.post.to(email::ANA);
        assert_eq!(told.len(), mails + 1, "one mail tells how it ended");
        assert!(told.last().unwrap().subject().starts_with(sign), "{}", told.last().unwrap().subject());
    }
    all.scene.finish(&[]).await;
}
