//! What places and messages are called: numbers of Discord's, and a sign where an account is meant.

use std::fmt;
use std::num::NonZeroU64;

use serenity::model::id::{ChannelId, MessageId};

/// Where a message goes: `ID` of a channel or thread, or `@ID` of an account, to whom it is written privately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Channel(ChannelId),
    Account(NonZeroU64),
}

impl Place {
    pub fn parse(target: &str) -> Option<Self> {
        match target.strip_prefix('@') {
            Some(account) => number(account).map(Self::Account),
            None => number(target).map(|id| Self::Channel(id.into())),
        }
    }
}

/// A message: `CHANNEL:MESSAGE`, also where the conversation is named after an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub channel: ChannelId,
    pub message: MessageId,
}

impl Receipt {
    pub fn parse(text: &str) -> Option<Self> {
        let (channel, message) = text.split_once(':')?;
        Some(Self { channel: number(channel)?.into(), message: number(message)?.into() })
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.channel, self.message)
    }
}

/// A number as Discord writes it, and not in any other way.
pub fn number(text: &str) -> Option<NonZeroU64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
