//! What people say on Telegram: messages and taps, as commands.
//!
//! Edits are not asked for; forwarded messages, other bots and channel posts are nobody's word and are
//! left out. An anonymous admin of a group is somebody, but nobody knows who: that gets a refusal.

use teloxide::types::{CallbackQuery, MaybeInaccessibleMessage, Message, Update, UpdateKind, User};

use crate::channel::Incoming;
use crate::core::input::Origin;
use crate::core::policy::Lang;

/// An update as a command, if it is one.
pub fn incoming(channel: &str, update: Update) -> Option<Incoming> {
    let key = update.id.0.to_string();
    match update.kind {
        UpdateKind::Message(message) => from_message(channel, key, &message),
        UpdateKind::CallbackQuery(query) => from_tap(channel, key, query),
        _ => None,
    }
}

fn from_message(channel: &str, key: String, message: &Message) -> Option<Incoming> {
    let text = message.text()?;
    let from = message.from.as_ref()?;
    let (account, display) = who(from)?;
    if message.forward_origin().is_some() {
        return None;
    }
    let private = message.chat.is_private();
    let reply_to = message.reply_to_message().map(|m| m.id.0.to_string());
    // In a group only commands and answers are meant for a bot.
    if !private && !text.starts_with('/') && reply_to.is_none() && !crate::core::command::is_command(text) {
        return None;
    }
    Some(Incoming {
        key,
        account,
        display,
        lang: lang(from),
        origin: Origin { channel: channel.to_owned(), target: place(message), reply_to },
        text: text.to_owned(),
        tap: None,
        answer_to: None,
    })
}

fn from_tap(channel: &str, key: String, query: CallbackQuery) -> Option<Incoming> {
    let (account, display) = who(&query.from)?;
    let token = query.data?;
    let (target, receipt) = match query.message? {
        MaybeInaccessibleMessage::Regular(message) => (place(&message), message.id.0.to_string()),
        MaybeInaccessibleMessage::Inaccessible(message) => {
            (message.chat.id.0.to_string(), message.message_id.0.to_string())
        }
    };
    Some(Incoming {
        key,
        account,
        display,
        lang: lang(&query.from),
        origin: Origin { channel: channel.to_owned(), target, reply_to: None },
        text: String::new(),
        tap: Some((token, receipt)),
        answer_to: Some(query.id.0),
    })
}

/// The account, and what it calls itself. `None` for other bots.
fn who(user: &User) -> Option<(String, Option<String>)> {
    // By number alone: the client's own check of the whole user panics in debug builds.
    if user.id.is_anonymous() || user.id.is_channel() {
        return Some(("anonymous".into(), None));
    }
    (!user.is_bot).then(|| (user.id.0.to_string(), Some(user.full_name())))
}

fn lang(user: &User) -> Option<Lang> {
    let code = user.language_code.as_deref()?;
    Lang::ALL.into_iter().find(|lang| code.split('-').next() == Some(lang.as_str()))
}

fn place(message: &Message) -> String {
    match message.thread_id.filter(|_| message.is_topic_message) {
        Some(topic) => format!("{}/{}", message.chat.id.0, topic.0.0),
        None => message.chat.id.0.to_string(),
    }
}
