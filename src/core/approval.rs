//! Approvals: a question from an agent, about exactly one action, with one outcome.
//!
//! The card is drawn from the structured action, whose digest travels from the request to the button
//! to the control call. The first decision in the order of the log wins; silence denies.

mod full_text;
mod state;
mod view;

use serde_json::json;

use super::access::Authorized;
use super::arena::Ix;
use super::control::{ControlState, Order, Verdict, receipt};
use super::delivery::{Class, Draft, RowState, Subject};
use super::digest::{self, Digest};
use super::event::{Action, Ask, ToolCall};
use super::input::Reported;
use super::message::{ApprovalView, Labels};
use super::policy::{Severity, Verb};
use super::reason::{Reason, Trail};
use super::route::Audience;
use super::schedule::Timer;
use super::step::Fold;
use super::text;
use super::time::Span;
use super::world::{Agent, Grant, MAX_GRANTS, Scope, Session, World};

pub use state::{Approval, ApprovalState, Decided, Reach, Receipt, ToolResult, Wish};

/// The most approvals that one agent can have open; more are denied, so that nobody is worn down.
const MAX_OPEN: u32 = 10;
/// An action that ends this long after its approval is not taken for its result any more.
const RESULT_WITHIN: Span = Span::hours(2);

impl World {
    /// What an agent asks that words answer.
    ///
    /// # Errors
    /// When there are several: words must not answer another one than they were meant for.
    pub fn worded_question(&self, agent: Ix<Agent>) -> Result<Option<&Approval>, Reason> {
        let asked: Vec<&Approval> =
            self.approvals.values().filter(|a| a.agent == agent && a.is_pending() && a.is_worded()).collect();
        match asked.as_slice() {
            [] => Ok(None),
            [asked] => Ok(Some(asked)),
            several => Err(Reason::Ambiguous {
                what: "approval".into(),
                name: self.agent_handle(&self.agents[agent]),
                candidates: several.iter().map(|asked| asked.code.clone()).collect(),
            }),
        }
    }

    /// The session in which an agent asked a question.
    pub fn asked_in(&self, agent: Ix<Agent>, question: &str) -> Option<Ix<Session>> {
        self.approvals.values().rev().find(|a| a.agent == agent && a.external == question)?.session
    }

    /// The session that holds a grant.
    pub fn holder_of(&self, grant: u64) -> Option<Ix<Session>> {
        let holder = self.sessions.iter().find(|(_, s)| s.grants.iter().any(|g| g.number == grant));
        holder.map(|(ix, _)| ix)
    }
}

impl Fold<'_> {
    /// An agent asks.
    pub fn asked(&mut self, reported: &Reported, agent: Ix<Agent>, session: Option<Ix<Session>>) {
        let Some(ask) = &reported.event.approval else { return };
        let Some(action) = ask.action.clone() else { return };
        let key = (reported.runtime.clone(), ask.id.clone());
        let digest = self.action_digest(&reported.runtime, agent, session, &action);
        if let Some(known) = self.w.index.approvals.get(&key).copied() {
            let same = self.w.approvals.get(&known).is_some_and(|a| a.digest == digest);
            if same {
                return;
            }
            self.supersede(known);
        }
        let number = self.open_approval(reported, ask, action, digest, agent, session);
        self.w.index.approvals.insert(key, number);
        if !self.decided_at_once(number) {
            self.draw_first(number);
        }
    }

    fn action_digest(&self, runtime: &str, agent: Ix<Agent>, session: Option<Ix<Session>>, action: &Action) -> Digest {
        let agent = self.w.agents.get(agent).map_or("", |a| a.id.as_str());
        let session = session.and_then(|ix| self.w.sessions.get(ix)).map_or("", |s| s.id.as_str());
        digest::of_action(runtime, agent, session, action)
    }

    fn open_approval(
        &mut self,
        reported: &Reported,
        ask: &Ask,
        action: Action,
        digest: Digest,
        agent: Ix<Agent>,
        session: Option<Ix<Session>>,
    ) -> u64 {
        self.w.counters.approvals += 1;
        let number = self.w.counters.approvals;
        let deadline = self.at.plus(self.w.policy.approval_timeout);
        let expires = ask.expires_at.map_or(deadline, |at| at.min(deadline));
        let mut trail = Trail::default();
        trail.push(self.at, Reason::Asked);
        let approval = Approval {
            number,
            code: self.new_code(number),
            runtime: reported.runtime.clone(),
            external: ask.id.clone(),
            agent,
            session,
            task: self.w.agents.get(agent).and_then(|a| a.task),
            call: digest::of_call(&action.tool, &action.input),
            action,
            digest,
            reason: ask.reason.clone(),
            asked: self.at,
            expires,
            decisions: ask.decisions.clone(),
            state: ApprovalState::Pending,
            decided: None,
            receipt: None,
            result: None,
            read_at: Vec::new(),
            text_cards: Vec::new(),
            card: None,
            trail,
        };
        let object = format!("approval:{number}");
        let data = json!({
            "external": approval.external, "digest": approval.digest, "agent": self.w.agent_key(agent),
            "tool": approval.action.tool, "expires": expires.rfc3339(),
        });
        self.audit(&format!("runtime:{}", reported.runtime), "approval.requested", &object, data);
        self.w.approvals.insert(number, approval);
        self.out.changed.approvals.insert(number);
        self.w.schedule.set(expires, Timer::Approval(number));
        if let Some(agent) = self.w.agents.get_mut(agent) {
            agent.asking += 1;
        }
        number
    }

    /// A grant of the session, or too many open requests, decide without anybody being asked.
    fn decided_at_once(&mut self, number: u64) -> bool {
        let Some(approval) = self.w.approvals.get(&number) else { return true };
        let (call, session, agent) = (approval.call, approval.session, approval.agent);
        let open = self.w.agents.get(agent).map_or(0, |a| a.asking);
        let grant = session.and_then(|ix| self.w.sessions.get_mut(ix)).and_then(|session| {
            let grant = session.grants.iter_mut().find(|grant| grant.call == call)?;
            grant.used += 1;
            Some((grant.number, grant.by.clone()))
        });
        if let Some((grant, person)) = grant {
            let reason = Reason::Granted { grant: format!("G{grant}"), person: person.clone() };
            let decided = Decided {
                by: Some(person),
                via: None,
                at: self.at,
                note: None,
                reach: Some(Reach::Session),
                grant: Some(grant),
                stop: false,
            };
            self.close(number, ApprovalState::Approved, decided, reason);
            return true;
        }
        if open > MAX_OPEN {
            let decided = self.nobody_decided(None);
            self.close(number, ApprovalState::Denied, decided, Reason::TooManyOpen { open: open - 1 });
            return true;
        }
        false
    }

    fn draw_first(&mut self, number: u64) {
        let Some(approval) = self.w.approvals.get(&number) else { return };
        let agent = approval.agent;
        let labels = self.label_agent(Labels::of("approval", Severity::Critical), Some(agent));
        let view = self.w.approval_view(approval);
        let draft = Draft {
            subject: Subject::Approval(number),
            must_show: must_show(&view),
            content: super::message::Content::Approval(view),
            class: Class::Decision,
            severity: Some(Severity::Critical),
            silent: false,
            buttons: self.w.approval_buttons(approval),
        };
        let (card, why) = self.tell(draft, &labels, Audience::Deciders);
        let at = self.at;
        if let Some(approval) = self.w.approvals.get_mut(&number) {
            let code = &approval.code;
            let reply = if approval.is_worded() { format!("tell {code}") } else { format!("deny {code} why:") };
            approval.card = Some(card);
            for reason in why {
                approval.trail.push(at, reason);
            }
            if let Some(card) = self.w.cards.get_mut(&card) {
                card.reply_command = Some(reply);
            }
        }
        self.out.changed.agent(agent);
        self.fact_changed(Scope::Agent(agent));
    }

    /// A person decides. The caller has proved that they may.
    ///
    /// # Errors
    /// Why the decision does not count.
    pub fn decide(&mut self, number: u64, wish: Wish, who: &Authorized) -> Result<(), Reason> {
        let not_found = || Reason::NothingToDo;
        let approval = self.w.approvals.get(&number).ok_or_else(not_found)?;
        if !approval.is_pending() {
            return Err(approval.already());
        }
        if wish.digest.as_ref().is_some_and(|shown| *shown != approval.digest.to_string()) {
            return Err(Reason::DigestMismatch);
        }
        if !self.w.policy.can(&approval.runtime, Verb::Decide) {
            return Err(self.w.cannot(&approval.runtime, Verb::Decide));
        }
        let reach = if approval.session.is_none() && wish.reach == Reach::Session { Reach::Once } else { wish.reach };
        if !approval.takes(wish.approve, reach) {
            return Err(Reason::NotOffered { offered: approval.decisions.clone() });
        }
        let decided = Decided {
            by: Some(who.person.clone()),
            via: Some(who.channel.clone()),
            at: self.at,
            note: wish.note.clone(),
            reach: wish.approve.then_some(reach),
            grant: None,
            stop: wish.stop && !wish.approve,
        };
        let person = who.person.clone();
        if wish.approve {
            if reach == Reach::Session {
                self.grant(number, &person);
            }
            let reason = Reason::ApprovedBy { person, scope: reach.as_str().into() };
            self.close(number, ApprovalState::Approved, decided, reason);
        } else {
            self.close(number, ApprovalState::Denied, decided, Reason::DeniedBy { person, note: wish.note });
        }
        Ok(())
    }

    /// Remembers the action for the rest of the session.
    fn grant(&mut self, number: u64, person: &str) {
        let Some(approval) = self.w.approvals.get(&number) else { return };
        let (headline, _) = super::message::action_text(&approval.action);
        let grant = Grant {
            number: self.w.counters.grants + 1,
            call: approval.call,
            label: text::clip(&headline, 120),
            by: person.to_owned(),
            at: self.at,
            used: 0,
        };
        let object = format!("grant:{}", grant.number);
        let data = json!({ "approval": number, "call": grant.call });
        let session = approval.session.and_then(|ix| self.w.sessions.get_mut(ix));
        if let Some(session) = session.filter(|s| s.grants.len() < MAX_GRANTS) {
            self.w.counters.grants += 1;
            session.grants.push(grant);
            self.audit(person, "grant.given", &object, data);
        }
    }

    /// Takes a grant back. Returns whether there was one.
    pub fn revoke(&mut self, grant: u64, person: &str) -> bool {
        let Some(ix) = self.w.holder_of(grant) else { return false };
        self.w.sessions[ix].grants.retain(|g| g.number != grant);
        self.audit(person, "grant.revoked", &format!("grant:{grant}"), json!({}));
        true
    }

    /// Nobody has decided in time.
    pub(super) fn approval_expires(&mut self, number: u64) {
        let due = self.w.approvals.get(&number).is_some_and(|a| a.is_pending() && self.at >= a.expires);
        if due {
            let decided = self.nobody_decided(None);
            self.close(number, ApprovalState::Expired, decided, Reason::Expired);
        }
    }

    /// The store was brought back: what was decided since is not known, and silence denies.
    pub(super) fn approval_restored(&mut self, number: u64) {
        let decided = self.nobody_decided(None);
        self.close(number, ApprovalState::Expired, decided, Reason::Restored);
    }

    /// The agent has stopped waiting, or somebody decided where it runs.
    pub fn withdrawn(&mut self, reported: &Reported, elsewhere: bool) {
        let Some(ask) = &reported.event.approval else { return };
        let key = (reported.runtime.clone(), ask.id.clone());
        let number = self.w.index.approvals.get(&key).copied();
        let said = ask.outcome.clone().or_else(|| reported.event.message.clone());
        let words = text::clip(&said.unwrap_or_default(), 200);
        let (state, reason) = if elsewhere { elsewhere_decided(&words) } else { taken_back(&words) };
        let Some(number) = number.filter(|number| self.stands_otherwise(*number, state)) else { return };
        let answer = ask.outcome.as_ref().and(reported.event.message.as_ref());
        let by = ask.by.as_ref().or(answer).map(|by| text::clip(by, 100));
        let mut decided = self.nobody_decided(by.or(Some(words)).filter(|w| !w.is_empty()));
        decided.via = elsewhere.then(|| reported.runtime.clone());
        self.overrule(number);
        self.finish(number, state, decided, reason);
    }

    /// The runtime says, when it is told of our decision, that somebody there was first.
    pub(super) fn overruled(&mut self, number: u64, said: &str, by: Option<&str>) {
        let is_decision = matches!(said, Ask::APPROVED | Ask::DENIED | Ask::EXPIRED);
        let (state, reason) = if is_decision { elsewhere_decided(said) } else { taken_back(said) };
        if !self.stands_otherwise(number, state) {
            return;
        }
        let mut decided = self.nobody_decided(by.or(Some(said)).map(|by| text::clip(by, 100)));
        decided.via = self.w.approvals.get(&number).filter(|_| is_decision).map(|a| a.runtime.clone());
        self.overrule(number);
        self.finish(number, state, decided, reason);
    }

    /// Whether what a runtime says of a question changes how it stands: it is open, or was decided here and the
    /// decision has not come through, because somebody there was first.
    fn stands_otherwise(&self, number: u64, said: ApprovalState) -> bool {
        let Some(approval) = self.w.approvals.get(&number) else { return false };
        let on_its_way = matches!(approval.receipt, Some(Receipt::Asked | Receipt::Failed(_)));
        let runs = |state| state == ApprovalState::Approved;
        approval.is_pending() || (on_its_way && runs(approval.state) != runs(said))
    }

    /// The runtime has it from somebody else: a decision of ours that is on its way does not count any more.
    fn overrule(&mut self, number: u64) {
        let under_way = self.w.controls.values().filter(|c| c.approval == Some(number) && !c.state.is_final());
        let under_way: Vec<String> = under_way.map(|control| control.id.clone()).collect();
        for id in under_way {
            self.end_control(&id, ControlState::Failed, RowState::Dropped, receipt::DECIDED_THERE);
        }
        let Some(approval) = self.w.approvals.get_mut(&number) else { return };
        if !approval.is_pending() {
            approval.receipt = None;
            // `finish` counts it down once more.
            if let Some(agent) = self.w.agents.get_mut(approval.agent) {
                agent.asking += 1;
            }
        }
    }

    /// The session that asked has ended.
    pub fn session_gone(&mut self, number: u64) {
        let decided = self.nobody_decided(None);
        self.finish(number, ApprovalState::Cancelled, decided, Reason::SessionEnded);
    }

    fn supersede(&mut self, number: u64) {
        if self.w.approvals.get(&number).is_some_and(Approval::is_pending) {
            let decided = self.nobody_decided(None);
            self.finish(number, ApprovalState::Superseded, decided, Reason::Superseded);
        }
    }

    const fn nobody_decided(&self, note: Option<String>) -> Decided {
        Decided { by: None, via: None, at: self.at, note, reach: None, grant: None, stop: false }
    }

    /// Gives the approval its outcome and tells the runtime.
    fn close(&mut self, number: u64, state: ApprovalState, decided: Decided, reason: Reason) {
        self.finish(number, state, decided.clone(), reason.clone());
        let Some(approval) = self.w.approvals.get(&number) else { return };
        if !self.w.policy.can(&approval.runtime, Verb::Decide) {
            return;
        }
        let order = Order::Decide {
            approval: approval.external.clone(),
            digest: approval.digest,
            verdict: if state == ApprovalState::Approved { Verdict::Approved } else { Verdict::Denied },
            outcome: state.as_str().to_owned(),
            reach: decided.reach.unwrap_or_default(),
            note: decided.note,
            stop: decided.stop,
        };
        let (agent, session) = (approval.agent, approval.session);
        let by = decided.by.unwrap_or_else(|| "sereno".into());
        self.control_approval(number, agent, session, order, &by);
        self.redraw_approval(number);
    }

    /// Gives the approval its outcome.
    fn finish(&mut self, number: u64, state: ApprovalState, decided: Decided, reason: Reason) {
        let at = self.at;
        let Some(approval) = self.w.approvals.get_mut(&number) else { return };
        approval.state = state;
        approval.trail.push(at, reason.clone());
        let agent = approval.agent;
        let actor = decided.by.clone().unwrap_or_else(|| "sereno".into());
        let data = json!({
            "digest": approval.digest, "reason": reason, "via": decided.via, "stop": decided.stop,
        });
        approval.decided = Some(decided);
        self.note_decision(number);
        self.audit(&actor, &format!("approval.{}", state.as_str()), &format!("approval:{number}"), data);
        if let Some(agent) = self.w.agents.get_mut(agent) {
            agent.asking = agent.asking.saturating_sub(1);
            agent.last_seen = agent.last_seen.max(at);
        }
        self.out.changed.agent(agent);
        self.fact_changed(Scope::Agent(agent));
        self.redraw_approval(number);
        self.judge_all(&[Scope::Agent(agent)]);
    }

    /// Draws the card and the pieces of the full text anew.
    pub fn redraw_approval(&mut self, number: u64) {
        self.out.changed.approvals.insert(number);
        let Some(approval) = self.w.approvals.get(&number) else { return };
        let content = super::message::Content::Approval(self.w.approval_view(approval));
        let buttons = self.w.approval_buttons(approval);
        let (card, pieces, pending) = (approval.card, approval.text_cards.clone(), approval.is_pending());
        if let Some(card) = card {
            self.revise(card, content, buttons);
            if !pending {
                self.forget_reply_command(card);
            }
        }
        for piece in pieces {
            let Some(card) = self.w.cards.get(&piece) else { continue };
            let (content, buttons) = (card.content.clone(), card.buttons.clone());
            let buttons = if pending { buttons } else { Vec::new() };
            self.revise(piece, content, buttons);
        }
    }

    fn forget_reply_command(&mut self, card: u64) {
        if let Some(card) = self.w.cards.get_mut(&card) {
            card.reply_command = None;
        }
    }

    /// A tool call has ended: it may be what was approved.
    pub fn result_of(&mut self, session: Ix<Session>, call: &ToolCall, took: Option<Span>, message: Option<&str>) {
        let Some(digest) = call.digest else { return };
        let at = self.at;
        let found = self.w.approvals.values_mut().rev().find(|a| {
            a.state == ApprovalState::Approved
                && a.session == Some(session)
                && a.call == digest
                && a.result.is_none()
                && a.decided.as_ref().is_some_and(|d| at.since(d.at) < RESULT_WITHIN)
        });
        if let Some(approval) = found {
            let message = message.map(|m| text::clip(m, 120));
            approval.result = Some(ToolResult { ok: call.ok, took, message });
            let number = approval.number;
            self.redraw_approval(number);
        }
    }
}

/// How a question stands that somebody has decided where its agent runs.
fn elsewhere_decided(words: &str) -> (ApprovalState, Reason) {
    let reason = Reason::ResolvedElsewhere { outcome: words.to_owned() };
    match words {
        Ask::APPROVED | "allow" | "allowed" | "accept" | "accepted" => (ApprovalState::Approved, reason),
        Ask::EXPIRED => (ApprovalState::Expired, Reason::Expired),
        _ => (ApprovalState::Denied, reason),
    }
}

/// How a question stands that nobody waits for any more.
fn taken_back(why: &str) -> (ApprovalState, Reason) {
    (ApprovalState::Cancelled, Reason::Withdrawn { why: why.to_owned() })
}

/// Length of everything on the card that others have written, in UTF-16 units: none of it may push the
/// action out of sight.
fn must_show(view: &ApprovalView) -> usize {
    let line = |text: &str| text::utf16_len(&text::one_line(text));
    let inputs: usize = view.inputs.iter().map(|(name, value)| line(name) + line(value) + 4).sum();
    let task = view.task.iter().flat_map(|task| [Some(task.id.as_str()), task.title.as_deref()]).flatten();
    let rest = [Some(view.who.name.as_str()), Some(&view.tool), view.place.as_deref(), view.branch.as_deref()];
    let rest = rest.into_iter().chain([view.reason.as_deref()]).flatten().chain(task);
    let headline = line(&text::clip(&view.headline, 160));
    text::utf16_len(&text::block(&view.text)) + inputs + headline + rest.map(line).sum::<usize>()
}
