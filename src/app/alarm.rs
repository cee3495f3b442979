//! What people must know although nothing can be stored: told from memory, straight through the channels.
//!
//! It is the one way out that is not the outbox. At most one notice of a kind in ten minutes, because nobody
//! remembers for us what was told.

use std::collections::HashMap;

use crate::channel::{About, Outgoing};
use crate::core::delivery::Class;
use crate::core::message::{Content, NoticeView};
use crate::core::policy::Severity;
use crate::core::reason::Reason;
use crate::core::route::{self, Destination};
use crate::core::time::{Span, Ts};
use crate::engine::DiskLevel;
use crate::http::Shared;
use crate::render::{RENDERER, Reader};
use crate::stop::Stop;

/// Trouble that ends before is over when somebody looks: a database that is started again, one commit that failed.
const PATIENCE: Span = Span::secs(10);
/// Trouble that comes back before is the same: a full disk takes small commits for a while.
const SAME: Span = Span::mins(1);
/// Between two notices of one kind.
const QUIET: Span = Span::mins(10);

/// Tells of trouble with the store and of a disk that runs full, until `stop` is told.
pub async fn run(door: Shared, mut stop: Stop) {
    let (mut trouble, mut level) = (door.progress.trouble.clone(), door.log.disk().subscribe());
    let mut told: HashMap<&'static str, Ts> = HashMap::new();
    // When the trouble began, and when it was seen last.
    let mut spell: Option<(Ts, Ts)> = None;
    loop {
        let now = door.sources.now();
        let error = trouble.borrow_and_update().clone();
        if error.is_some() {
            let began = spell.filter(|(_, last)| now.since(*last) < SAME).map_or(now, |(began, _)| began);
            spell = Some((began, now));
        }
        let lasts = spell.is_some_and(|(began, _)| now.since(began) >= PATIENCE);
        let disk = match *level.borrow_and_update() {
            DiskLevel::Plenty | DiskLevel::Tight => None,
            DiskLevel::Low => Some(("disk.low", Reason::DiskLow)),
            DiskLevel::Scarce => Some(("disk.full", Reason::DiskFull)),
        };
        let store = error.filter(|_| lasts).map(|error| ("store", Reason::StoreTrouble { error }));
        for (kind, reason) in [store, disk].into_iter().flatten() {
            if told.get(kind).is_none_or(|at| now.since(*at) >= QUIET) {
                told.insert(kind, now);
                tell(&door, reason).await;
            }
        }
        let again = if trouble.borrow().is_some() { PATIENCE } else { QUIET };
        tokio::select! {
            () = stop.asked() => return,
            changed = trouble.changed() => if changed.is_err() { return },
            changed = level.changed() => if changed.is_err() { return },
            () = door.sources.clock.sleep(again) => {}
        }
    }
}

/// Sends a notice to everybody who may act, through every channel that reaches them.
pub async fn tell(door: &Shared, reason: Reason) {
    let (policy, now) = (door.progress.policy.borrow().clone(), door.sources.now());
    let content = Content::Notice(NoticeView { reason, refused: true, trouble: true });
    let id = format!("alarm_{:x}", now.0);
    for to in route::deciders(&policy) {
        let Some(channel) = door.channels.get(&to.channel) else { continue };
        let reader = reader(&policy, &to);
        let Ok(doc) = RENDERER.draw(&content, &reader, now) else { continue };
        let out = Outgoing {
            id: id.clone(),
            copy: 0,
            version: 0,
            at: now,
            now: door.sources.wall(),
            about: About { class: Class::Critical, severity: Some(Severity::Critical), ..About::default() },
            lang: reader.lang,
            target: to.target.clone(),
            doc,
            picture: None,
            file: None,
            buttons: Vec::new(),
            silent: false,
            under: None,
            only: None,
            again: false,
        };
        let verdict = channel.send(&out).await;
        tracing::warn!(to = to.label(), ?verdict, "told from memory");
    }
}

fn reader(policy: &crate::core::policy::Policy, to: &Destination) -> Reader {
    let person = to.person.as_ref().and_then(|name| policy.people.get(name));
    let (lang, tz) = person.map_or((policy.lang, &policy.tz), |person| (person.lang, &person.tz));
    Reader { lang, tz: tz.clone(), whole: true }
}
