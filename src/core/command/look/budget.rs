//! `/budget`: what may be spent, how much of it is spent, and whether it lasts.

use super::super::Call;
use super::{Outcome, answer};
use crate::core::calendar::Unit;
use crate::core::message::{BudgetRow, BudgetView, Content};
use crate::core::money::Micros;
use crate::core::policy::BudgetSpec;
use crate::core::reason::Reason;
use crate::core::step::Fold;
use crate::core::time::{Span, zone};
use crate::core::world::Spent;

/// `/budget [NAME]`
pub fn budget(f: &Fold<'_>, call: &Call) -> Outcome {
    let budgets = &f.w.policy.budgets;
    let asked = call.line.word(0).map(str::to_lowercase);
    if let Some(asked) = asked.as_ref().filter(|asked| !budgets.keys().any(|name| name.to_lowercase() == **asked)) {
        let nearest = budgets.keys().find(|name| strsim::damerau_levenshtein(name, asked) <= 2).cloned();
        return Err(Reason::NotFound { what: "budget".into(), name: asked.clone(), nearest });
    }
    let wanted = budgets.iter().filter(|(name, _)| asked.as_ref().is_none_or(|asked| name.to_lowercase() == *asked));
    let mut rows: Vec<BudgetRow> = wanted.map(|(name, spec)| row(f, name, spec)).collect();
    rows.sort_by(|a, b| (b.percent, &a.name).cmp(&(a.percent, &b.name)));
    answer(Content::Budget(BudgetView { rows, at: f.at }))
}

/// The budget of a day that is for everything; the smallest, when there are several.
pub fn of_the_day(f: &Fold<'_>) -> Option<BudgetRow> {
    let for_all = |spec: &BudgetSpec| spec.per == Unit::Day && spec.agent.is_none() && spec.model.is_none();
    let budgets = f.w.policy.budgets.iter().filter(|(_, spec)| for_all(spec));
    budgets.min_by_key(|(_, spec)| spec.limit).map(|(name, spec)| row(f, name, spec))
}

/// A budget is on the clock of the fleet, whoever reads of it.
fn row(f: &Fold<'_>, name: &str, spec: &BudgetSpec) -> BudgetRow {
    let w = &*f.w;
    let on = zone(&w.policy.tz).unwrap_or(jiff::tz::TimeZone::UTC);
    let from = spec.per.began(f.at, &on);
    let ends = spec.per.ends(f.at, &on);
    let money = w.account(&w.policy.tz, from, f.at.plus(Span(1))).money;
    let of = |sums: &std::collections::BTreeMap<String, Spent>, name: &str| {
        let same = sums.iter().filter(|(have, _)| have.eq_ignore_ascii_case(name));
        same.map(|(_, spent)| spent.0).sum::<Micros>()
    };
    let spent = match (&spec.agent, &spec.model) {
        (Some(agent), _) => of(&money.agents, agent),
        (None, Some(model)) => of(&money.families, model),
        (None, None) => money.total.cost,
    };
    let last_hour = last_hour(f, spec);
    let left = spec.limit - spent;
    // Milliseconds until nothing is left, at so much an hour.
    let lasts = (last_hour > Micros(0) && left > Micros(0))
        .then(|| i128::from(left.0) * i128::from(Span::hours(1).0) / i128::from(last_hour.0));
    let gone_at = lasts.and_then(|ms| i64::try_from(ms).ok()).map(|ms| f.at.plus(Span(ms)));
    let percent = i128::from(spent.0) * 100 / i128::from(spec.limit.0.max(1));
    BudgetRow {
        name: name.to_owned(),
        about: spec.agent.clone().or_else(|| spec.model.clone()),
        unit: spec.per,
        limit: spec.limit,
        spent,
        percent: i64::try_from(percent).unwrap_or(i64::MAX),
        last_hour,
        gone_at: gone_at.filter(|gone| *gone < ends),
        ends,
    }
}

fn last_hour(f: &Fold<'_>, spec: &BudgetSpec) -> Micros {
    let w = &*f.w;
    let same = |name: &str, wanted: &Option<String>| wanted.as_ref().is_none_or(|w| w.eq_ignore_ascii_case(name));
    let cells = w.ledger.since(f.at.minus(Span::hours(1)));
    let cells = cells.filter(|(key, _)| {
        let agent = w.agents.get(key.agent).map_or("", |agent| agent.name.as_str());
        same(agent, &spec.agent) && same(w.policy.price_of(&key.model).family, &spec.model)
    });
    cells.map(|(_, sums)| sums.cost).sum()
}
