//! Interactions that wait for a word from us.
//!
//! Discord wants a first answer within three seconds and takes further ones for a quarter of an hour. A typed command
//! is told at once that its answer comes, a tap only when that takes long; whoever said it alone sees what follows.
//! All of this is in memory: what is not known here any more is told by a message instead.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use serenity::http::{LightMethod, Route};
use serenity::model::id::{ApplicationId, InteractionId};
use tokio::sync::{Mutex as Turn, Notify, OwnedMutexGuard};

use super::compose::{PRIVATE, whisper};
use super::receipt::Receipt;
use super::rest::{Named, Rest, number};
use super::verdict::Trouble;
use crate::channel::Offer;
use crate::clock::within;

/// A tap that is not answered by then is told that it was heard; a second is left for the way.
const PATIENCE: Duration = Duration::from_secs(2);
/// A command that nobody has answered by then was answered elsewhere: by a message, or by another process.
const FORSAKEN: Duration = Duration::from_mins(1);
/// Interactions and private answers that are remembered.
const REMEMBERED: usize = 1000;

/// Kinds of first answers. <https://discord.com/developers/docs/interactions/receiving-and-responding>
const MESSAGE: u8 = 4;
const MESSAGE_COMES: u8 = 5;
const HEARD: u8 = 6;
const CHOICES: u8 = 8;
const MODAL: u8 = 9;

/// How somebody said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By a command, which reads or does something.
    Command { reads: bool },
    /// By a button, or by the words that a button asked for.
    Tap,
    /// Not yet: they type, and want to see what may stand there.
    Typing,
}

/// What an interaction is told first.
pub enum First {
    /// That its answer comes, for their eyes only.
    Comes,
    /// Nothing, unless the answer takes long.
    Nothing,
    /// To say why.
    Asks(Value),
    /// What may stand where they type, once that is known.
    Offers,
}

/// How far an interaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It was told nothing.
    Fresh,
    /// It has a private message of ours, which can be changed.
    Held,
    /// It was told that it was heard; what follows are messages of their own.
    Heard,
    /// It cannot be told anything any more.
    Over,
}

/// An interaction.
pub struct Open {
    pub id: InteractionId,
    /// What allows an answer. Secret.
    pub token: String,
    pub app: ApplicationId,
    pub account: String,
    pub target: String,
    pub kind: Kind,
    stage: Arc<Turn<Stage>>,
    told: Mutex<Told>,
    settled: Notify,
}

/// What it has been told.
#[derive(Default)]
struct Told {
    /// A sentence.
    sentence: bool,
    /// What was to be sent for this outbox row.
    row: Option<String>,
}

impl Open {
    pub fn new(
        (id, token, app): (InteractionId, String, ApplicationId),
        account: String,
        target: String,
        kind: Kind,
    ) -> Self {
        let stage = Arc::new(Turn::new(Stage::Fresh));
        Self { id, token, app, account, target, kind, stage, told: Mutex::default(), settled: Notify::new() }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where they wait.
pub struct Desk {
    rest: Arc<Rest>,
    open: Mutex<VecDeque<Arc<Open>>>,
    /// Private answers by what they are called: only the token of their interaction can change them.
    private: Mutex<VecDeque<(Receipt, Arc<Open>)>>,
}

impl Desk {
    pub fn new(rest: Arc<Rest>) -> Arc<Self> {
        Arc::new(Self { rest, open: Mutex::default(), private: Mutex::default() })
    }

    /// Takes an interaction in and tells it the first thing. The same one again is not told anything.
    pub fn take(self: &Arc<Self>, open: Open, first: First) {
        let open = Arc::new(open);
        {
            let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if all.iter().any(|other| other.id == open.id) {
                return;
            }
            // Whoever asks for words is answered with them under another name.
            if !matches!(first, First::Asks(_)) {
                remember(&mut all, open.clone());
            }
        }
        if matches!(first, First::Offers) {
            return;
        }
        // It is its turn first, before anybody knows of it.
        let turn = open.stage.clone().try_lock_owned();
        let desk = self.clone();
        tokio::spawn(async move {
            match (first, turn) {
                (First::Comes, Ok(turn)) => desk.promise(&open, turn).await,
                (First::Asks(modal), _) => drop(desk.first(&open, MODAL, modal).await),
                (_, turn) => {
                    drop(turn);
                    desk.be_patient(&open).await;
                }
            }
        });
    }

    async fn promise(&self, open: &Open, mut stage: OwnedMutexGuard<Stage>) {
        *stage = match self.first(open, MESSAGE_COMES, json!({ "flags": PRIVATE })).await {
            Ok(()) | Err(Trouble::Unknown(_)) => Stage::Held,
            Err(trouble) if trouble.is_answered() => Stage::Held,
            Err(_) => Stage::Over,
        };
        drop(stage);
        if within(FORSAKEN, open.settled.notified()).await.is_none() {
            self.withdraw(open).await;
        }
    }

    async fn be_patient(&self, open: &Open) {
        if within(PATIENCE, open.settled.notified()).await.is_some() {
            return;
        }
        let mut stage = open.stage.lock().await;
        if *stage == Stage::Fresh {
            *stage = self.heard(open).await;
        }
    }

    async fn heard(&self, open: &Open) -> Stage {
        match self.first(open, HEARD, Value::Null).await {
            Ok(()) | Err(Trouble::Unknown(_)) => Stage::Heard,
            Err(trouble) if trouble.is_answered() => Stage::Heard,
            Err(_) => Stage::Over,
        }
    }

    /// Tells whoever said it what came of it.
    pub async fn say(&self, id: &str, text: &str, refused: bool) {
        let Some(open) = self.find(id) else { return };
        let mut stage = open.stage.lock().await;
        if open.told().row.is_some() {
            return;
        }
        // What a command shows and why it is refused comes as a message: here, or in the conversation of the two.
        if let Kind::Command { reads } = open.kind
            && (reads || refused)
        {
            if open.target.starts_with('@') {
                open.settled.notify_one();
                *stage = Stage::Over;
                self.take_back(&open).await;
            }
            return;
        }
        open.told().sentence = true;
        open.settled.notify_one();
        let said = match *stage {
            Stage::Fresh => self.first(&open, MESSAGE, whisper(text)).await,
            Stage::Held => self.change(&open, &whisper(text)).await.map(drop),
            Stage::Heard => self.follow(&open, whisper(text)).await.map(drop),
            Stage::Over => Ok(()),
        };
        if *stage == Stage::Fresh {
            *stage = Stage::Held;
        }
        if let Err(trouble) = said {
            tracing::debug!(trouble = trouble.words(), "an interaction was not answered");
        }
    }

    /// Shows whoever types what may stand there.
    pub async fn offer(&self, id: &str, offers: &[Offer]) {
        let Some(open) = self.take_out(id) else { return };
        let choices: Vec<Value> =
            offers.iter().map(|offer| json!({ "name": offer.label, "value": offer.value })).collect();
        if let Err(trouble) = self.first(&open, CHOICES, json!({ "choices": choices })).await {
            tracing::debug!(trouble = trouble.words(), "whoever types was offered nothing");
        }
    }

    /// Shows `form` to the account alone, as the answer to what it said in a conversation. `None` when it waits for
    /// nothing there, or cannot be answered any more.
    pub async fn show(&self, account: &str, target: &str, row: &str, form: &Value) -> Option<Result<Receipt, Trouble>> {
        let open = self.choose(account, target, row)?;
        let mut stage = open.stage.lock().await;
        if *stage == Stage::Fresh {
            *stage = self.heard(&open).await;
        }
        let shown = match *stage {
            Stage::Held => self.change(&open, form).await,
            Stage::Heard => {
                let mut form = form.clone();
                form["flags"] = json!(PRIVATE);
                self.follow(&open, form).await
            }
            Stage::Fresh | Stage::Over => return None,
        };
        match shown {
            Ok(message) => {
                open.settled.notify_one();
                let receipt = receipt_of(&message);
                if let Ok(receipt) = &receipt {
                    let mut private = self.private.lock().unwrap_or_else(PoisonError::into_inner);
                    remember(&mut private, (*receipt, open.clone()));
                }
                Some(receipt)
            }
            Err(trouble) if trouble.is_over() => {
                *stage = Stage::Over;
                None
            }
            Err(trouble) => Some(Err(trouble)),
        }
    }

    /// Changes a private answer. `None` when it is not known as one.
    pub async fn correct(
        &self,
        receipt: &Receipt,
        form: &Value,
        file: Option<Named>,
    ) -> Option<Result<Value, Trouble>> {
        let open = {
            let private = self.private.lock().unwrap_or_else(PoisonError::into_inner);
            private.iter().find(|(known, _)| known == receipt)?.1.clone()
        };
        let route =
            Route::WebhookFollowupMessage { application_id: open.app, token: &open.token, message_id: receipt.message };
        Some(self.rest.patch(route, form, file).await)
    }

    /// An interaction that is over once it is answered: there is one for every letter that somebody types.
    fn take_out(&self, id: &str) -> Option<Arc<Open>> {
        let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(|open| open.id.to_string() == id)?;
        all.remove(at)
    }

    fn find(&self, id: &str) -> Option<Arc<Open>> {
        let all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|open| open.id.to_string() == id).cloned()
    }

    /// The interaction to which a row is the answer: the one that it was begun for, or the newest that waits, or the
    /// newest that was told no more than a sentence.
    fn choose(&self, account: &str, target: &str, row: &str) -> Option<Arc<Open>> {
        let all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let here = || {
            let theirs = all.iter().rev().filter(|open| open.account == account && open.target == target);
            theirs.filter(|open| open.kind != Kind::Typing)
        };
        let begun = here().find(|open| open.told().row.as_deref() == Some(row));
        let waits = || here().find(|open| open.told().row.is_none() && !open.told().sentence);
        let open = begun.or_else(waits).or_else(|| here().find(|open| open.told().row.is_none()))?;
        open.told().row = Some(row.to_owned());
        Some(open.clone())
    }

    /// Takes away the promise of an answer that came in another way.
    async fn withdraw(&self, open: &Open) {
        let mut stage = open.stage.lock().await;
        if *stage == Stage::Held {
            *stage = Stage::Over;
            self.take_back(open).await;
        }
    }

    async fn take_back(&self, open: &Open) {
        let route = Route::WebhookOriginalInteractionResponse { application_id: open.app, token: &open.token };
        if let Err(trouble) = self.rest.call(LightMethod::Delete, route, None).await {
            tracing::debug!(trouble = trouble.words(), "a promise was not taken back");
        }
    }

    async fn first(&self, open: &Open, kind: u8, data: Value) -> Result<(), Trouble> {
        let route = Route::InteractionResponse { interaction_id: open.id, token: &open.token };
        let body = json!({ "type": kind, "data": data });
        self.rest.call(LightMethod::Post, route, Some(&body)).await.map(drop)
    }

    async fn change(&self, open: &Open, form: &Value) -> Result<Value, Trouble> {
        let route = Route::WebhookOriginalInteractionResponse { application_id: open.app, token: &open.token };
        self.rest.call(LightMethod::Patch, route, Some(form)).await
    }

    async fn follow(&self, open: &Open, form: Value) -> Result<Value, Trouble> {
        let route = Route::WebhookFollowupMessages { application_id: open.app, token: &open.token };
        self.rest.call(LightMethod::Post, route, Some(&form)).await
    }
}

/// What a message is called.
pub fn receipt_of(message: &Value) -> Result<Receipt, Trouble> {
    let numbers = (number(&message["channel_id"]), number(&message["id"]));
    let (Some(channel), Some(message)) = numbers else { return Err(Trouble::UNREADABLE) };
    Ok(Receipt { channel: channel.into(), message: message.into() })
}

fn remember<T>(all: &mut VecDeque<T>, new: T) {
    if all.len() >= REMEMBERED {
        all.pop_front();
    }
    all.push_back(new);
}
