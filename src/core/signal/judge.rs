//! Feeding the signals, and finding out which rules have changed.
//!
//! Within one input everything is judged once, at its end, so that a rule sees the state that the
//! input leaves behind and never a half-applied one.

use super::{Calls, Gauge, Measure, Ratio, Signal, Signals, TextSignal, Timed, WindowIx};
use crate::core::alert::AlertState;
use crate::core::arena::Ix;
use crate::core::policy::ScopeKind;
use crate::core::rule::{Reading, Rule, RuleBook, RuleIx, ScopeIndex};
use crate::core::schedule::Timer;
use crate::core::step::Fold;
use crate::core::time::{Span, Ts};
use crate::core::world::{Agent, Scope, World};

impl World {
    /// The signals of a scope; `None` when it is gone.
    pub fn signals(&self, scope: Scope) -> Option<&Signals> {
        match scope {
            Scope::Agent(ix) => self.agents.get(ix).map(|a| &a.signals),
            Scope::Session(ix) => self.sessions.get(ix).map(|s| &s.signals),
            Scope::Task(ix) => self.tasks.get(ix).map(|t| &t.signals),
            Scope::Fleet => Some(&self.fleet),
        }
    }

    /// The signals of a scope; `None` when it is gone.
    pub fn signals_mut(&mut self, scope: Scope) -> Option<&mut Signals> {
        self.rules_and_signals(scope).1
    }

    /// The rules, and the signals of a scope to be changed under them.
    fn rules_and_signals(&mut self, scope: Scope) -> (&RuleBook, Option<&mut Signals>) {
        let signals = match scope {
            Scope::Agent(ix) => self.agents.get_mut(ix).map(|a| &mut a.signals),
            Scope::Session(ix) => self.sessions.get_mut(ix).map(|s| &mut s.signals),
            Scope::Task(ix) => self.tasks.get_mut(ix).map(|t| &mut t.signals),
            Scope::Fleet => Some(&mut self.fleet),
        };
        (&self.rules, signals)
    }

    /// Since when the oldest open approval of an agent waits.
    pub fn waits_since(&self, agent: Ix<Agent>) -> Option<Ts> {
        let open = self.approvals.values().filter(|a| a.agent == agent && a.is_pending());
        open.map(|a| a.asked).min()
    }

    /// When a growing time has begun to grow, if it does. Silence counts from when nothing was missed any more.
    fn grows_since(&self, scope: Scope, timed: Timed) -> Option<Ts> {
        let since = self.began(scope, timed)?;
        Some(if timed == Timed::Age { since } else { since.max(self.attentive) })
    }

    /// When a growing time has begun to grow by the clock, whatever was missed.
    fn began(&self, scope: Scope, timed: Timed) -> Option<Ts> {
        let is_lost = |ix| self.agents.get(ix).is_some_and(|agent| self.lost.contains_key(&agent.runtime));
        match (timed, scope) {
            // Whom nobody can hear is not held to be silent: of the way to its runtime people are told once.
            (Timed::Idle | Timed::InTool, Scope::Agent(ix)) if is_lost(ix) => None,
            (Timed::Idle, Scope::Agent(ix)) => {
                let agent = self.agents.get(ix)?;
                (agent.idle(Ts(i64::MAX)) > Span(0)).then_some(agent.last_seen)
            }
            (Timed::InTool, Scope::Agent(ix)) => self.agents.get(ix)?.open_tools.iter().map(|(_, since)| *since).min(),
            (Timed::ApprovalWait, Scope::Agent(ix)) if self.agents.get(ix)?.asking > 0 => self.waits_since(ix),
            (Timed::Age, Scope::Session(ix)) => {
                let session = self.sessions.get(ix)?;
                session.ended.is_none().then_some(session.started)
            }
            (Timed::Age, Scope::Task(ix)) => {
                let task = self.tasks.get(ix)?;
                (!task.column.is_final()).then(|| task.began())
            }
            _ => None,
        }
    }
}

/// A scope as rules read it.
pub struct ScopeReading<'a> {
    world: &'a World,
    scope: Scope,
    now: Ts,
    strict: bool,
}

impl<'a> ScopeReading<'a> {
    /// Reads `scope` at `now`.
    pub const fn new(world: &'a World, scope: Scope, now: Ts) -> Self {
        Self { world, scope, now, strict: false }
    }

    /// Reads `scope` as if no time had been lost.
    const fn strict(world: &'a World, scope: Scope, now: Ts) -> Self {
        Self { world, scope, now, strict: true }
    }

    fn index(&self) -> &ScopeIndex {
        self.world.rules.scope(self.scope.kind())
    }

    #[expect(clippy::cast_precision_loss, reason = "sums are far below 2^52")]
    fn sum(&self, window: WindowIx) -> f64 {
        let spec = &self.index().windows[usize::from(window)];
        let signals = self.world.signals(self.scope);
        signals.map_or(0, |s| s.windows.sum(window, spec, self.now)) as f64
    }

    fn ratio(&self, ratio: Ratio, windows: &[WindowIx]) -> f64 {
        let below: f64 = windows[1..].iter().map(|w| self.sum(*w)).sum();
        if below > 0.0 { self.sum(windows[0]) / below / ratio.scale() } else { ratio.empty() }
    }

    fn agent(&self) -> Option<&Agent> {
        match self.scope {
            Scope::Agent(ix) => self.world.agents.get(ix),
            Scope::Session(ix) => self.world.agents.get(self.world.sessions.get(ix)?.agent),
            Scope::Task(_) | Scope::Fleet => None,
        }
    }

    /// The tool calls of the session that the scope is about.
    fn calls(&self) -> Option<&Calls> {
        let session = match self.scope {
            Scope::Session(ix) => Some(ix),
            _ => self.agent().and_then(|a| a.session),
        };
        self.world.sessions.get(session?).map(|s| &s.calls)
    }

    fn repeats(&self, span: Span) -> u32 {
        self.calls().map_or(0, |calls| calls.most(span, self.now))
    }

    fn gauge(&self, gauge: &Gauge) -> f64 {
        match gauge {
            Gauge::Metric(name) => self.agent().and_then(|a| a.gauge(name)).unwrap_or(0.0),
            Gauge::Progress => {
                let progress = match self.scope {
                    Scope::Task(ix) => self.world.tasks.get(ix).map(|t| t.progress),
                    Scope::Session(ix) => self.world.sessions.get(ix).map(|s| s.progress),
                    _ => self.agent().and_then(|a| self.world.sessions.get(a.session?)).map(|s| s.progress),
                };
                progress.and_then(|p| p.percent).unwrap_or(0.0)
            }
        }
    }

    fn task_id(&self) -> Option<String> {
        let task = match self.scope {
            Scope::Task(ix) => Some(ix),
            Scope::Session(ix) => self.world.sessions.get(ix)?.task,
            Scope::Agent(ix) => self.world.agents.get(ix)?.task,
            Scope::Fleet => None,
        };
        Some(self.world.tasks.get(task?)?.id.clone())
    }
}

impl Reading for ScopeReading<'_> {
    fn number(&self, signal: &Signal) -> f64 {
        match signal {
            Signal::Sum(window, scale) => self.sum(*window) / scale,
            Signal::Ratio(ratio, windows) => self.ratio(*ratio, windows),
            Signal::Repeats(span) => f64::from(self.repeats(*span)),
            Signal::Timed(timed) => {
                let world = self.world;
                let since =
                    if self.strict { world.began(self.scope, *timed) } else { world.grows_since(self.scope, *timed) };
                since.map_or(0.0, |since| self.now.since(since).as_secs_f64())
            }
            Signal::Gauge(gauge) => self.gauge(gauge),
            Signal::Text(_) => 0.0,
        }
    }

    fn word(&self, signal: &Signal) -> String {
        let Signal::Text(text) = signal else {
            return String::new();
        };
        let agent = self.agent();
        let word = match text {
            TextSignal::Status => match self.scope {
                Scope::Task(ix) => self.world.tasks.get(ix).map(|t| t.column.as_str().to_owned()),
                _ => agent.map(|a| a.status().as_str().to_owned()),
            },
            TextSignal::Phase => agent.and_then(|a| a.phase.clone()),
            TextSignal::Fault => agent.and_then(|a| Some(a.fault.as_ref()?.kind.clone())),
            TextSignal::Agent => agent.map(|a| a.id.clone()),
            TextSignal::Role => agent.and_then(|a| a.role.clone()),
            TextSignal::Runtime => agent.map(|a| a.runtime.clone()),
            TextSignal::Model => agent.and_then(|a| a.model.clone()),
            TextSignal::Task => self.task_id(),
        };
        word.unwrap_or_default()
    }
}

impl Fold<'_> {
    /// Adds `amount` of `measure` at `when` to the windows of `scopes`.
    pub fn measure(&mut self, scopes: &[Scope], measure: Measure, amount: i64, when: Ts) {
        if amount == 0 {
            return;
        }
        let now = self.at;
        self.note_work(measure, amount);
        for scope in scopes {
            let (rules, signals) = self.w.rules_and_signals(*scope);
            let index = rules.scope(scope.kind());
            let windows = index.windows_of(measure);
            let Some(signals) = signals.filter(|_| !windows.is_empty()) else { continue };
            for window in windows {
                let spec = &index.windows[usize::from(*window)];
                let (last, left, after) = signals.windows.add(*window, spec, when, now, amount);
                // What has left the window meanwhile has crossed limits as well, and may cross them back.
                let ways = [(last, left), (left, after)];
                for (before, after) in ways.into_iter().filter(|(before, after)| before != after) {
                    for rule in index.crossed(*window, before, after) {
                        note(&mut self.suspects, *scope, rule);
                    }
                }
            }
        }
    }

    /// A word or a gauge of `scope` has changed.
    pub fn fact_changed(&mut self, scope: Scope) {
        for rule in &self.w.rules.scope(scope.kind()).facts {
            note(&mut self.suspects, scope, *rule);
        }
    }

    /// A tool call was started in `scope`.
    pub fn call_repeated(&mut self, scope: Scope) {
        let index = self.w.rules.scope(scope.kind());
        let reading = ScopeReading::new(self.w, scope, self.at);
        if reading.calls().is_some_and(|calls| f64::from(calls.at_most()) >= index.fewest_repeats) {
            for rule in index.reached(|span| f64::from(reading.repeats(span))) {
                note(&mut self.suspects, scope, rule);
            }
        }
        for rule in &index.repeats {
            note(&mut self.suspects, scope, *rule);
        }
    }

    /// The rule may have changed for the scope.
    pub fn suspect(&mut self, scope: Scope, rule: RuleIx) {
        note(&mut self.suspects, scope, rule);
    }

    /// Judges everything that this input may have changed for `scopes`, and sets the next deadline.
    pub fn judge_all(&mut self, scopes: &[Scope]) {
        for scope in scopes {
            self.suspect_open(*scope);
        }
        for (scope, rule) in std::mem::take(&mut self.suspects) {
            self.judge(scope, rule);
        }
        for scope in scopes {
            self.watch(*scope);
        }
    }

    /// Rules with an open alert: any sign of life may end it.
    fn suspect_open(&mut self, scope: Scope) {
        let Some(signals) = self.w.signals(scope) else { return };
        for number in &signals.open {
            let rule = self.w.alerts.get(number).and_then(|a| self.w.rules.find(&a.rule));
            if let Some((ix, _)) = rule {
                note(&mut self.suspects, scope, ix);
            }
        }
    }

    fn judge(&mut self, scope: Scope, rule: RuleIx) {
        let rules = self.w.rules.clone();
        let Some(rule) = rules.rules.get(rule as usize) else { return };
        let mut holds = rule.holds(&ScopeReading::new(self.w, scope, self.at));
        // What people were told has not ended because time was lost.
        if !holds && !rule.moments.is_empty() && self.is_told(rule, scope) {
            holds = rule.holds(&ScopeReading::strict(self.w, scope, self.at));
        }
        self.alert(rule, scope, holds);
    }

    fn is_told(&self, rule: &Rule, scope: Scope) -> bool {
        let open = self.w.signals(scope).map_or(&[][..], |signals| &signals.open);
        let mut open = open.iter().filter_map(|number| self.w.alerts.get(number));
        open.any(|alert| alert.rule == rule.spec.name && alert.state != AlertState::Pending)
    }

    /// Time has passed for `scope`.
    pub fn judge_later(&mut self, scope: Scope) {
        let at = self.at;
        let Some(signals) = self.w.signals_mut(scope) else { return };
        if signals.watch.is_none_or(|watch| watch > at) {
            return;
        }
        signals.watch = None;
        if let Scope::Agent(ix) = scope {
            self.notice_silence(ix);
        }
        for rule in &self.w.rules.scope(scope.kind()).timed {
            note(&mut self.suspects, scope, *rule);
        }
        self.judge_all(&[scope]);
    }

    /// Sets the deadline at which something may be true of `scope` by mere passing of time.
    pub fn watch(&mut self, scope: Scope) {
        let index = self.w.rules.scope(scope.kind());
        if index.is_empty() && scope.kind() != ScopeKind::Agent {
            return;
        }
        let Some(signals) = self.w.signals(scope) else { return };
        let silence = (scope.kind() == ScopeKind::Agent).then_some(self.w.policy.silent_after);
        let soonest = index.soonest.into_iter().chain(silence).min();
        let pressing = !signals.open.is_empty();
        if let (Some(watch), Some(soonest)) = (signals.watch, soonest)
            && watch <= self.at.plus(soonest)
            && !pressing
        {
            return;
        }
        let due = self.next_moment(scope);
        let Some(signals) = self.w.signals_mut(scope) else { return };
        if let Some(due) = due
            && signals.watch.is_none_or(|watch| due < watch)
        {
            signals.watch = Some(due);
            self.w.schedule.set(due, Timer::Judge(scope));
        }
    }

    /// The next instant at which time alone may change what is true of `scope`.
    fn next_moment(&self, scope: Scope) -> Option<Ts> {
        let rules = &self.w.rules;
        let index = rules.scope(scope.kind());
        let timed = index.timed.iter().filter_map(|ix| rules.rules.get(*ix as usize));
        let open = self
            .w
            .signals(scope)?
            .open
            .iter()
            .filter_map(|number| rules.find(&self.w.alerts.get(number)?.rule).map(|(_, rule)| rule));
        let mut due = self.silence_due(scope);
        for (rule, is_open) in timed.map(|r| (r, false)).chain(open.map(|r| (r, true))) {
            for (signal, after) in &rule.moments {
                let at = self.w.grows_since(scope, *signal).map(|since| since.plus(*after));
                due = earlier(due, at.filter(|at| *at > self.at));
            }
            if rule.decays || is_open {
                due = earlier(due, self.next_loss(scope, rule));
            }
        }
        due
    }

    fn silence_due(&self, scope: Scope) -> Option<Ts> {
        let Scope::Agent(ix) = scope else { return None };
        self.w.agents.get(ix).filter(|a| !a.silent)?;
        let since = self.w.grows_since(scope, Timed::Idle)?;
        Some(since.plus(self.w.policy.silent_after)).filter(|at| *at > self.at)
    }

    /// When a window that `rule` reads will next shrink.
    fn next_loss(&self, scope: Scope, rule: &Rule) -> Option<Ts> {
        let index = self.w.rules.scope(scope.kind());
        let windows = &self.w.signals(scope)?.windows;
        let loss = |w: WindowIx| windows.next_loss(w, &index.windows[usize::from(w)], self.at);
        let mut due = None;
        for signal in &rule.signals {
            let at = match signal {
                Signal::Sum(window, _) => loss(*window),
                Signal::Ratio(_, all) => all.iter().filter_map(|w| loss(*w)).min(),
                Signal::Repeats(span) => self.next_repeat_loss(scope, *span),
                _ => None,
            };
            due = earlier(due, at.filter(|at| *at > self.at));
        }
        due
    }

    fn next_repeat_loss(&self, scope: Scope, span: Span) -> Option<Ts> {
        let session = match scope {
            Scope::Session(ix) => ix,
            Scope::Agent(ix) => self.w.agents.get(ix)?.session?,
            _ => return None,
        };
        self.w.sessions.get(session)?.calls.next_loss(span, self.at)
    }

    /// Marks a running agent that has said nothing for too long.
    fn notice_silence(&mut self, ix: Ix<Agent>) {
        let (now, limit) = (self.at, self.w.policy.silent_after);
        let since = self.w.grows_since(Scope::Agent(ix), Timed::Idle);
        let Some(agent) = self.w.agents.get_mut(ix) else { return };
        if !agent.silent && since.is_some_and(|since| now.since(since) >= limit) {
            agent.silent = true;
            agent.since = now;
            self.out.changed.agent(ix);
            self.fact_changed(Scope::Agent(ix));
        }
    }
}

/// Adds a rule to those that are judged at the end, once.
fn note(suspects: &mut Vec<(Scope, RuleIx)>, scope: Scope, rule: RuleIx) {
    if !suspects.contains(&(scope, rule)) {
        suspects.push((scope, rule));
    }
}

fn earlier(a: Option<Ts>, b: Option<Ts>) -> Option<Ts> {
    a.into_iter().chain(b).min()
}
