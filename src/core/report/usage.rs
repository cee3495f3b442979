//! Model calls and tools: what they use, and what they repeat.

mod account;

use super::About;
use crate::core::event::{Account, Event};
use crate::core::money::{Micros, Sums, Tokens};
use crate::core::signal::Measure;
use crate::core::step::Fold;
use crate::core::time::Span;
use crate::core::world::{Basis, Scope};

impl Fold<'_> {
    pub(super) fn model_call(&mut self, about: &About, event: &Event) {
        let account = event.account.as_deref();
        let counted = matches!(account, Some(Account::Counter { .. }));
        // Running totals are an account of what was: they also come when a turn or a session is over.
        if !counted && !event.usage.as_ref().is_some_and(|usage| usage.cumulative) {
            self.works(about, event);
        }
        let model = event.model.as_deref().unwrap_or_default();
        let Some(usage) = &event.usage else {
            self.book(about, model, Sums { calls: 1, unpriced: u64::from(account.is_none()), ..Sums::default() });
            return;
        };
        let (tokens, reported) = match account {
            Some(Account::Counter { id, since }) if usage.cumulative => {
                self.beyond_last_reading(about, id, *since, usage)
            }
            Some(Account::Call { id, within }) => self.beyond_what_was_within(about, id, within.as_deref(), event),
            _ if usage.cumulative => self.beyond_last_total(about, model, usage.tokens(), usage.cost),
            _ => (usage.tokens(), usage.cost),
        };
        let tells_more = account.is_some() || usage.cumulative;
        let is_nothing =
            |tokens, cost: Option<Micros>| tokens == Tokens::default() && cost.is_none_or(|c| c == Micros(0));
        if tells_more && is_nothing(tokens, reported) && (usage.cumulative || !is_nothing(usage.tokens(), usage.cost)) {
            return;
        }
        let computed = self.w.policy.price_of(model).price.map(|price| price.cost(&tokens));
        let sums = Sums {
            calls: u64::from(!counted),
            unpriced: u64::from(reported.is_none() && computed.is_none()),
            tokens,
            cost: reported.or(computed).unwrap_or_default(),
        };
        self.note_basis(about, reported, computed);
        self.book(about, model, sums);
    }

    /// What running totals have grown by since the last report. Reported totals may also be lowered by
    /// the runtime (a correction): then the difference is negative, and sums follow.
    fn beyond_last_total(
        &mut self,
        about: &About,
        model: &str,
        tokens: Tokens,
        cost: Option<Micros>,
    ) -> (Tokens, Option<Micros>) {
        let Some(session) = about.session else { return (tokens, cost) };
        let totals = &mut self.w.sessions[session].totals;
        let place = totals.iter().position(|(have, ..)| have == model);
        let place = place.unwrap_or_else(|| {
            totals.push((model.to_owned(), Tokens::default(), None));
            totals.len() - 1
        });
        let (_, last_tokens, last_cost) = &mut totals[place];
        let grown = tokens.beyond(last_tokens);
        let price = self.w.policy.price_of(model).price;
        // Until now the cost of this model may have been computed; what is reported replaces all of it.
        let counted = last_cost.or_else(|| price.map(|p| p.cost(last_tokens))).unwrap_or_default();
        let spent = cost.map(|total| total - counted);
        if cost.is_some() {
            *last_cost = cost;
        } else if let (Some(before), Some(price)) = (*last_cost, price) {
            *last_cost = Some(before + price.cost(&grown));
        }
        *last_tokens = tokens;
        (grown, spent)
    }

    fn note_basis(&mut self, about: &About, reported: Option<Micros>, computed: Option<Micros>) {
        let Some(session) = about.session else { return };
        let session = &mut self.w.sessions[session];
        session.basis = match (reported, computed) {
            (Some(_), _) => Basis::Reported,
            (None, Some(_)) if session.basis == Basis::Unknown => Basis::Computed,
            _ => session.basis,
        };
        if let (Some(reported), Some(computed)) = (reported, computed) {
            session.difference += reported - computed;
        }
    }

    /// Adds what was used to everything that it belongs to.
    fn book(&mut self, about: &About, model: &str, sums: Sums) {
        let scopes = about.scopes();
        let when = about.when;
        let tokens = i64::try_from(sums.tokens.total()).unwrap_or(i64::MAX / 4);
        self.measure(&scopes, Measure::Cost, sums.cost.0, when);
        self.measure(&scopes, Measure::Tokens, tokens, when);
        self.measure(&scopes, Measure::Calls, i64::try_from(sums.calls).unwrap_or(0), when);
        if let Some(session) = about.session {
            self.w.sessions[session].sums += sums;
        }
        let Some(agent) = about.agent else { return };
        self.w.agents[agent].sums += sums;
        if let Some(task) = about.task {
            let family = self.w.policy.price_of(model).family;
            let task = &mut self.w.tasks[task];
            task.sums += sums;
            *task.agent_sums(agent) += sums;
            if !family.is_empty() {
                task.used_family(family);
            }
        }
        let cell = self.w.ledger.book(when, agent, model, about.task, sums);
        self.note_late(&cell, about.time, sums);
        self.out.changed.cells.insert(cell);
    }

    pub(super) fn tool_started(&mut self, about: &About, event: &Event) {
        let Some(tool) = &event.tool else { return };
        self.works(about, event);
        self.measure(&about.scopes(), Measure::Tools, 1, about.when);
        let at = self.at;
        if let (Some(agent), Some(call)) = (about.agent, &tool.call_id) {
            self.w.agents[agent].tool_started(call, at);
        }
        let Some(ix) = about.session else { return };
        let session = &mut self.w.sessions[ix];
        session.called(tool);
        if let Some(digest) = tool.digest {
            session.calls.started(digest.head(), about.when);
            self.call_repeated(Scope::Session(ix));
            if let Some(agent) = about.agent {
                self.call_repeated(Scope::Agent(agent));
            }
        }
    }

    pub(super) fn tool_ended(&mut self, about: &About, event: &Event) {
        let Some(tool) = &event.tool else { return };
        self.works(about, event);
        if let (Some(agent), Some(call)) = (about.agent, &tool.call_id) {
            self.w.agents[agent].tool_ended(call);
        }
        let Some(session) = about.session else { return };
        if let Some(digest) = tool.digest {
            self.w.sessions[session].calls.ended(digest.head(), tool.result_digest.as_deref());
        }
        let took = event.duration_ms.and_then(|ms| i64::try_from(ms).ok()).map(Span);
        self.result_of(session, tool, took, event.message.as_deref());
    }
}
