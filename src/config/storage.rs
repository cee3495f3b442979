//! How long what is stored is kept, and how often it is copied.

use std::path::{Path, PathBuf};

use toml::Spanned;

use super::file::{BackupKeys, RetentionKeys};
use super::load::Config;
use super::value::Duration;
use crate::core::time::{Span, Ts};
use crate::store::Prunable;

/// How long each class is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The log, behind the older snapshot.
    pub log: Span,
    /// Idempotency keys.
    pub keys: Span,
    /// Idempotency keys of sources that sign no time.
    pub lasting_keys: Span,
    /// Outbox rows that are done.
    pub outbox: Span,
    /// What is over.
    pub history: Span,
    /// The audit.
    pub audit: Option<Span>,
}

impl Retention {
    /// From before when what goes.
    pub fn limits(&self, now: Ts) -> impl Iterator<Item = (Prunable, Ts)> + use<> {
        let (history, outbox) = (now.minus(self.history), now.minus(self.outbox));
        let fixed = [
            (Prunable::Log, now.minus(self.log)),
            (Prunable::Outbox, outbox),
            (Prunable::Sessions, history),
            (Prunable::Tasks, history),
            (Prunable::Agents, history),
            (Prunable::Alerts, history),
            (Prunable::Approvals, history),
            (Prunable::Cards, history),
            (Prunable::SignIns, now),
            (Prunable::Quarters, now),
        ];
        fixed.into_iter().chain(self.audit.map(|kept| (Prunable::Audit, now.minus(kept))))
    }

    /// From before when keys go, and from before when those that last.
    pub const fn keys(&self, now: Ts) -> (Ts, Ts) {
        (now.minus(self.keys), now.minus(self.lasting_keys))
    }
}

/// When copies are made, and how long they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// How often.
    pub every: Span,
    /// All of them.
    pub keep: Span,
    /// One of each day.
    pub keep_daily: Span,
}

impl Config {
    /// How long each class is kept.
    pub fn retention(&self) -> Retention {
        let keys = &self.file.retention;
        let span = |key: Option<&Spanned<Duration>>, days: i64| key.map_or(Span::days(days), |span| span.get_ref().0);
        Retention {
            log: span(keys.log.as_ref(), 30),
            keys: span(keys.keys.as_ref(), 7),
            lasting_keys: span(keys.lasting_keys.as_ref(), 90),
            outbox: span(keys.outbox.as_ref(), 30),
            history: span(keys.history.as_ref(), 90),
            audit: keys.audit.as_ref().map(|span| span.get_ref().0),
        }
    }

    /// Where copies go and when, if they are wanted.
    pub fn backups(&self) -> Option<(PathBuf, Backup)> {
        let BackupKeys { dir, every, keep, keep_daily } = &self.file.backup;
        let plan = Backup {
            every: every.as_ref().map_or(Span::hours(1), |every| every.get_ref().0),
            keep: keep.map_or(Span::days(1), |keep| keep.0),
            keep_daily: keep_daily.map_or(Span::days(14), |keep| keep.0),
        };
        Some((self.beside(Path::new(dir.as_ref()?.get_ref())), plan))
    }
}

/// The least that each class must be kept, so that what is promised holds: key, span, least, and why.
pub(super) fn bounds(keys: &RetentionKeys) -> [(&'static str, Option<&Spanned<Duration>>, Span, &'static str); 6] {
    [
        ("log", keys.log.as_ref(), Span::hours(1), "the World is rebuilt from it"),
        ("keys", keys.keys.as_ref(), Span::days(7), "senders repeat an event for days"),
        ("lasting_keys", keys.lasting_keys.as_ref(), Span::days(7), "senders repeat an event for days"),
        ("outbox", keys.outbox.as_ref(), Span::days(2), "what was sent can still be asked for"),
        ("history", keys.history.as_ref(), Span::days(15), "the World remembers it that long"),
        ("audit", keys.audit.as_ref(), Span::days(90), "it is proof"),
    ]
}
