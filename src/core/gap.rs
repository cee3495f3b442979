//! Time that was lost: the clock was set, the machine slept, or sereno was not there.
//!
//! Whoever was silent meanwhile may have spoken to nobody, so growing times count from the return at the
//! earliest, and what was about to be told holds anew. What has expired stays expired: time only goes on.
//! How much was lost comes with the input; nothing is measured here.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::alert::AlertState;
use super::delivery::{Class, Draft, Subject};
use super::input::Body;
use super::message::{Content, Labels, NoticeView};
use super::policy::Severity;
use super::reason::Reason;
use super::route::Audience;
use super::schedule::Timer;
use super::step::Fold;
use super::time::{Span, Ts};

/// When more than this was lost, silence is not held against anybody.
const AMNESTY: Span = Span::secs(30);
/// People are told when sereno was away for longer than this.
const AWAY: Span = Span::mins(2);
/// People are told of a jump once in so long; a clock that cannot stand still is one trouble.
const TOLD_EVERY: Span = Span::hours(1);

/// The wall went on by more or less than the time that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jump {
    /// Milliseconds by which the wall went ahead of what passed; negative when it went back.
    pub wall: i64,
    /// By how much the time of decisions leapt; zero when the wall went back, because that time never does.
    pub skipped: Span,
    /// How much of it the machine has slept.
    pub slept: Span,
}

impl Jump {
    /// In one word and a number.
    const fn reason(&self) -> Reason {
        if self.wall < 0 {
            Reason::ClockBack { by: self.wall.saturating_neg() }
        } else if self.slept.0 >= self.wall / 2 {
            Reason::MachineSlept { span: self.slept.0 }
        } else {
            Reason::ClockAhead { by: self.wall }
        }
    }
}

impl Fold<'_> {
    /// Before anything that falls due by `body` is looked at: what lost time must not bring about.
    pub(super) fn forgive(&mut self, body: &Body) {
        let lost = match body {
            Body::ClockJumped(jump) => jump.skipped,
            Body::Returned { since } => self.at.since(*since),
            _ => return,
        };
        if lost <= AMNESTY {
            return;
        }
        self.w.attentive = self.at;
        let pending = self.w.alerts.values().filter(|alert| alert.state == AlertState::Pending);
        let pending: Vec<u64> = pending.map(|alert| alert.number).collect();
        for number in pending {
            let Some(alert) = self.w.alerts.get_mut(&number) else { continue };
            let hold = self.w.rules.find(&alert.rule).map_or(Span(0), |(_, rule)| rule.spec.hold);
            let until = self.at.plus(hold);
            alert.since = self.at;
            alert.trail.push(self.at, Reason::HoldStarted { until });
            self.w.schedule.set(until, Timer::Hold(number));
            self.out.changed.alerts.insert(number);
        }
    }

    /// The wall jumped.
    pub(super) fn clock_jumped(&mut self, jump: &Jump) {
        // A leap is no time in which nobody was told.
        let told = self.w.jump_told.map(|at| at.plus(jump.skipped));
        let due = told.is_none_or(|at| self.at.since(at) >= TOLD_EVERY);
        let data = json!({ "wall_ms": jump.wall, "skipped_ms": jump.skipped.0, "slept_ms": jump.slept.0, "told": due });
        self.audit("sereno", "clock.jumped", "clock", data);
        self.w.jump_told = if due { Some(self.at) } else { told };
        if due {
            self.trouble(jump.reason(), Severity::Warning, Audience::Admins);
        }
    }

    /// Nothing was folded since `since`.
    pub(super) fn returned(&mut self, since: Ts) {
        let away = self.at.since(since);
        let told = away > AWAY;
        self.audit("sereno", "sereno.returned", "sereno", json!({ "since": since.rfc3339(), "told": told }));
        if told {
            self.trouble(Reason::WasAway { from: since, to: self.at }, Severity::Critical, Audience::Everyone);
        }
    }

    /// Requests of a source were signed at another time than they came.
    pub(super) fn skewed(&mut self, source: &str, share: u8) {
        self.audit("sereno", "clock.skewed", &format!("runtime:{source}"), json!({ "percent": share }));
        let reason = Reason::SkewedClock { source: source.to_owned(), percent: share };
        self.trouble(reason, Severity::Warning, Audience::Admins);
    }

    /// Tells people that something is wrong with sereno itself.
    pub(super) fn trouble(&mut self, reason: Reason, severity: Severity, audience: Audience) {
        let draft = Draft {
            subject: Subject::Nothing,
            content: Content::Notice(NoticeView { reason, refused: false, trouble: true }),
            class: Class::of(severity),
            severity: Some(severity),
            silent: !severity.rings(),
            buttons: Vec::new(),
            must_show: 0,
        };
        self.tell(draft, &Labels::of("sereno", severity), audience);
    }
}
