//! Alerts: an episode during which a rule holds for a scope.
//!
//! pending → firing → acked → resolved. A condition that clears before it has held long enough is told
//! to nobody; one that fires again within ten minutes reopens the same episode and keeps its ack; and
//! whoever was told that it fires is told that it is over, by the same card. Every step leaves a
//! [`Reason`] in the trail.

mod episode;

use super::arena::Ix;
use super::delivery::{Class, Draft, Subject, Told};
use super::message::{AlertView, Button, ButtonStyle, Content, Labels, RepeatedView};
use super::policy::{Severity, Verb};
use super::reason::{Reason, Trail};
use super::route::Audience;
use super::rule::{Reading, Rule, RuleBook};
use super::schedule::Timer;
use super::signal::{ScopeReading, Signal};
use super::step::Fold;
use super::time::{Span, Ts};
use super::world::{Agent, Episode, Scope, World};

pub use episode::{Alert, AlertState};

/// A condition that holds again this soon after it was resolved goes on as the same alert.
const REOPEN_WITHIN: Span = Span::mins(10);
/// An alert that a person resolved while its condition holds stays quiet until the condition has
/// cleared, but not longer than this.
const QUIET_AFTER_RESOLVE: Span = Span::hours(1);

impl Fold<'_> {
    /// A rule was judged for a scope.
    pub fn alert(&mut self, rule: &Rule, scope: Scope, holds: bool) {
        let known = self.w.index.alerts.get(&Episode { rule: &rule.spec.name, scope }).copied();
        let state = known.and_then(|number| self.w.alerts.get(&number)).map(|a| a.state);
        match (known, state, holds) {
            (Some(number), Some(AlertState::Pending | AlertState::Firing | AlertState::Acked), false) => {
                self.clear(number, Reason::Cleared);
            }
            (Some(number), Some(AlertState::Resolved), true) => self.holds_again(rule, scope, number),
            (Some(number), Some(AlertState::Resolved), false) => {
                if let Some(alert) = self.w.alerts.get_mut(&number) {
                    alert.quiet_until = None;
                }
            }
            (_, None, true) => self.begin(rule, scope),
            _ => {}
        }
    }

    fn holds_again(&mut self, rule: &Rule, scope: Scope, number: u64) {
        let at = self.at;
        let Some(alert) = self.w.alerts.get_mut(&number) else { return };
        if alert.quiet_until.is_some_and(|until| at < until) {
            return;
        }
        alert.quiet_until = None;
        let recent = alert.resolved.is_some_and(|r| at.since(r) < REOPEN_WITHIN) && alert.fired.is_some();
        if !recent {
            self.begin(rule, scope);
            return;
        }
        alert.since = at;
        alert.resolved = None;
        self.start_hold(rule, scope, number);
    }

    fn begin(&mut self, rule: &Rule, scope: Scope) {
        self.w.counters.alerts += 1;
        let number = self.w.counters.alerts;
        let alert = Alert {
            number,
            rule: rule.spec.name.clone(),
            severity: rule.spec.severity,
            scope,
            agent: self.agent_of(scope),
            state: AlertState::Pending,
            since: self.at,
            fired: None,
            resolved: None,
            acked: None,
            quiet_until: None,
            values: Vec::new(),
            repeated: None,
            card: None,
            gone: false,
            trail: Trail::default(),
        };
        self.w.index.alerts.insert((alert.rule.clone(), scope), number);
        self.w.alerts.insert(number, Box::new(alert));
        self.start_hold(rule, scope, number);
    }

    fn start_hold(&mut self, rule: &Rule, scope: Scope, number: u64) {
        if let Some(signals) = self.w.signals_mut(scope) {
            signals.open.push(number);
        }
        let Some(alert) = self.w.alerts.get_mut(&number) else { return };
        alert.state = AlertState::Pending;
        self.out.changed.alerts.insert(number);
        if rule.spec.hold > Span(0) {
            let until = alert.since.plus(rule.spec.hold);
            alert.trail.push(self.at, Reason::HoldStarted { until });
            self.w.schedule.set(until, Timer::Hold(number));
        } else {
            self.fire(number);
        }
    }

    /// An alert has been pending for as long as its rule asks.
    pub(super) fn hold_ended(&mut self, number: u64) {
        let Some(alert) = self.w.alerts.get(&number) else { return };
        let hold = self.w.rules.find(&alert.rule).map_or(Span(0), |(_, rule)| rule.spec.hold);
        if alert.state == AlertState::Pending && self.at >= alert.since.plus(hold) {
            self.fire(number);
        }
    }

    fn fire(&mut self, number: u64) {
        let at = self.at;
        let rules = self.w.rules.clone();
        let Some(alert) = self.w.alerts.get(&number) else { return };
        let Some((_, rule)) = rules.find(&alert.rule) else { return };
        let reopened = alert.fired.is_some();
        let (values, repeated) = self.evidence(rule, alert.scope);
        let Some(alert) = self.w.alerts.get_mut(&number) else { return };
        alert.values = values;
        alert.repeated = repeated.map(Box::new);
        alert.state = if alert.acked.is_some() { AlertState::Acked } else { AlertState::Firing };
        alert.fired = alert.fired.or(Some(at));
        alert.trail.push(at, if reopened { Reason::Reopened } else { Reason::Fired });
        let card = alert.card;
        if !reopened {
            self.note_alert(number);
        }
        let Some(content) = self.w.alert_content(number) else { return };
        let buttons = self.alert_buttons(number);
        let card = match card {
            Some(card) => {
                self.revise(card, content, buttons);
                card
            }
            None => self.first_notice(number, content, buttons),
        };
        self.mark_told(card, Told::Firing);
        self.out.changed.alerts.insert(number);
    }

    fn first_notice(&mut self, number: u64, content: Content, buttons: Vec<Button>) -> u64 {
        let (severity, labels) = self.alert_labels(number);
        let draft = Draft {
            subject: Subject::Alert(number),
            content,
            class: Class::of(severity),
            severity: Some(severity),
            silent: !severity.rings(),
            buttons,
            must_show: 0,
        };
        let (card, why) = self.tell(draft, &labels, Audience::Everyone);
        let at = self.at;
        if let Some(alert) = self.w.alerts.get_mut(&number) {
            alert.card = Some(card);
            for reason in why {
                alert.trail.push(at, reason);
            }
        }
        card
    }

    fn alert_labels(&self, number: u64) -> (Severity, Labels) {
        let Some(alert) = self.w.alerts.get(&number) else {
            return (Severity::Info, Labels::default());
        };
        let labels = Labels::of("alert", alert.severity).with("rule", &alert.rule);
        (alert.severity, self.label_agent(labels, alert.agent))
    }

    /// Adds who it is about to `labels`.
    pub fn label_agent(&self, labels: Labels, agent: Option<Ix<Agent>>) -> Labels {
        let Some(agent) = agent.and_then(|ix| self.w.agents.get(ix)) else { return labels };
        let task = agent.task.and_then(|ix| self.w.tasks.get(ix)).map_or("", |t| t.id.as_str());
        labels
            .with("agent", &agent.id)
            .with("runtime", &agent.runtime)
            .with("role", agent.role.as_deref().unwrap_or(""))
            .with("task", task)
    }

    /// The values that made the rule hold, and the repeated call if there is one.
    fn evidence(&self, rule: &Rule, scope: Scope) -> (Vec<(String, f64)>, Option<RepeatedView>) {
        let reading = ScopeReading::new(self.w, scope, self.at);
        let numbers = rule.signals.iter().zip(&rule.texts);
        let values = numbers
            .filter(|(signal, _)| !matches!(signal, Signal::Text(_)))
            .map(|(signal, text)| (text.clone(), reading.number(signal)))
            .collect();
        let repeated = rule.signals.iter().find_map(|signal| match signal {
            Signal::Repeats(span) => self.w.repeated_call(scope, *span, self.at),
            _ => None,
        });
        (values, repeated)
    }

    /// The condition does not hold any more.
    pub fn clear(&mut self, number: u64, reason: Reason) {
        let at = self.at;
        let Some(alert) = self.w.alerts.get_mut(&number) else { return };
        let told = alert.fired.is_some();
        let scope = alert.scope;
        alert.state = AlertState::Resolved;
        alert.resolved = Some(at);
        alert.trail.push(at, if told { reason } else { Reason::ClearedBeforeHold });
        let (card, fired) = (alert.card, alert.fired);
        if let Some(fired) = fired {
            self.w.diary.alert_over(number, fired, at);
        }
        if let Some(signals) = self.w.signals_mut(scope) {
            signals.open.retain(|open| *open != number);
        }
        self.out.changed.alerts.insert(number);
        if let (Some(card), Some(content)) = (card, self.w.alert_content(number)) {
            self.revise(card, content, Vec::new());
            self.mark_told(card, Told::Resolved);
        }
    }

    /// A person has seen it.
    pub fn ack(&mut self, number: u64, person: &str) {
        let at = self.at;
        let Some(alert) = self.w.alerts.get_mut(&number) else { return };
        alert.state = AlertState::Acked;
        alert.acked = Some((person.to_owned(), at));
        alert.trail.push(at, Reason::AckedBy { person: person.to_owned() });
        self.redraw_alert(number);
    }

    /// A person has resolved it.
    pub fn resolve_alert(&mut self, number: u64, person: &str) {
        self.clear(number, Reason::ResolvedBy { person: person.to_owned() });
        let until = self.at.plus(QUIET_AFTER_RESOLVE);
        if let Some(alert) = self.w.alerts.get_mut(&number) {
            alert.quiet_until = Some(until);
        }
    }

    /// Draws the card anew.
    pub fn redraw_alert(&mut self, number: u64) {
        self.out.changed.alerts.insert(number);
        let card = self.w.alerts.get(&number).and_then(|a| a.card);
        if let (Some(card), Some(content)) = (card, self.w.alert_content(number)) {
            let buttons = self.alert_buttons(number);
            self.revise(card, content, buttons);
        }
    }

    fn alert_buttons(&self, number: u64) -> Vec<Button> {
        let Some(alert) = self.w.alerts.get(&number).filter(|a| a.is_open()) else {
            return Vec::new();
        };
        let code = alert.code();
        let mut buttons = Vec::new();
        if alert.state == AlertState::Firing {
            buttons.push(Button::new("ack", format!("ack {code}"), ButtonStyle::Plain));
        }
        let offer = self.w.rules.find(&alert.rule).map(|(_, rule)| rule.spec.offer.clone());
        let agent = alert.agent.and_then(|ix| self.w.agents.get(ix));
        if let (Some(offer), Some(agent)) = (offer, agent) {
            for verb in [Verb::Pause, Verb::Kill] {
                let offered = offer.iter().any(|o| o == verb.as_str());
                if offered && self.w.policy.can(&agent.runtime, verb) {
                    let style = if verb == Verb::Kill { ButtonStyle::Danger } else { ButtonStyle::Plain };
                    let command = format!("{} {}", verb.as_str(), self.w.agent_handle(agent));
                    buttons.push(Button::new(verb.as_str(), command, style));
                }
            }
        }
        buttons.push(Button::new("why", format!("why {code}"), ButtonStyle::Plain));
        buttons
    }

    /// Rules that are no longer configured end their alerts.
    pub(super) fn close_removed_rules(&mut self) {
        let gone: Vec<u64> = self
            .w
            .alerts
            .values()
            .filter(|a| a.state != AlertState::Resolved && self.w.rules.find(&a.rule).is_none())
            .map(|a| a.number)
            .collect();
        for number in gone {
            self.clear(number, Reason::RuleRemoved);
        }
    }

    /// Moves the sums of windows that the new rules still read to their new indices.
    pub(super) fn keep_windows(&mut self, old: &RuleBook) {
        let new = self.w.rules.clone();
        let moved = |scope: Scope| {
            let (old, new) = (&old.scope(scope.kind()).windows, &new.scope(scope.kind()).windows);
            move |ix: u16| {
                let spec = old.get(usize::from(ix))?;
                let place = new.iter().position(|have| have == spec)?;
                u16::try_from(place).ok()
            }
        };
        for scope in self.w.every_scope() {
            if let Some(signals) = self.w.signals_mut(scope) {
                signals.windows.renumber(moved(scope));
                signals.watch = None;
            }
            self.watch(scope);
        }
    }

    fn agent_of(&self, scope: Scope) -> Option<Ix<Agent>> {
        match scope {
            Scope::Agent(ix) => Some(ix),
            Scope::Session(ix) => self.w.sessions.get(ix).map(|s| s.agent),
            Scope::Task(ix) => self.w.tasks.get(ix)?.agents.last().map(|(agent, _)| *agent),
            Scope::Fleet => None,
        }
    }
}

impl World {
    /// Every scope there is.
    fn every_scope(&self) -> Vec<Scope> {
        let agents = self.agents.iter().map(|(ix, _)| Scope::Agent(ix));
        let sessions = self.sessions.iter().map(|(ix, _)| Scope::Session(ix));
        let tasks = self.tasks.iter().map(|(ix, _)| Scope::Task(ix));
        agents.chain(sessions).chain(tasks).chain([Scope::Fleet]).collect()
    }

    fn repeated_call(&self, scope: Scope, span: Span, now: Ts) -> Option<RepeatedView> {
        let session = match scope {
            Scope::Session(ix) => ix,
            Scope::Agent(ix) => self.agents.get(ix)?.session?,
            _ => return None,
        };
        let session = self.sessions.get(session)?;
        let repeated = session.calls.repeated(span, now)?;
        Some(RepeatedView {
            call: session.last_call.clone().unwrap_or_default(),
            count: repeated.count,
            times: repeated.times,
            same_result: repeated.same_result,
        })
    }

    /// What the card of an alert says now.
    pub fn alert_content(&self, number: u64) -> Option<Content> {
        let view = self.alert_view(self.alerts.get(&number)?);
        Some(if view.repeated.is_some() { Content::Loop(view) } else { Content::Alert(view) })
    }

    /// An alert as templates see it.
    pub fn alert_view(&self, alert: &Alert) -> AlertView {
        let rule = self.rules.find(&alert.rule).map(|(_, rule)| rule);
        let agent = alert.agent.and_then(|ix| self.agents.get(ix));
        let session = agent.and_then(|a| self.sessions.get(a.session?));
        let task = agent.and_then(|a| a.task).and_then(|ix| self.tasks.get(ix));
        let leading = rule.and_then(|r| r.signals.first());
        let (signal, window) = rule.map_or((String::new(), None), |rule| {
            let text = rule.texts.first().map_or("", String::as_str);
            let name = text.split('(').next().unwrap_or(text).to_owned();
            (name, leading.and_then(|signal| self.window_of(rule, signal)))
        });
        AlertView {
            code: alert.code(),
            rule: alert.rule.clone(),
            condition: rule.map(|r| r.spec.when.clone()).unwrap_or_default(),
            severity: alert.severity,
            state: alert.state.as_str().to_owned(),
            signal,
            value: alert.values.first().map_or(0.0, |(_, value)| *value),
            limit: rule.and_then(Rule::threshold),
            window,
            who: agent.map(|a| self.who(a)),
            task: task.map(Self::task_label),
            session: session.map(super::world::Session::short),
            spent: session.map_or_else(|| agent.map(|a| a.sums.cost).unwrap_or_default(), |s| s.sums.cost),
            tools: session.map(|s| s.tool_runs.iter().cloned().collect()).unwrap_or_default(),
            progress: session.map(|s| s.progress).unwrap_or_default(),
            fault: agent.and_then(|a| a.fault.as_deref()).map(Self::fault_view),
            repeated: alert.repeated.as_deref().cloned(),
            since: alert.since,
            resolved: alert.resolved,
            acked: alert.acked.clone(),
        }
    }

    fn window_of(&self, rule: &Rule, signal: &Signal) -> Option<Span> {
        let windows = &self.rules.scope(rule.spec.per).windows;
        match signal {
            Signal::Sum(ix, _) => windows.get(usize::from(*ix)).map(|w| w.span),
            Signal::Ratio(_, all) => windows.get(usize::from(*all.first()?)).map(|w| w.span),
            Signal::Repeats(span) => Some(*span),
            _ => None,
        }
    }
}
