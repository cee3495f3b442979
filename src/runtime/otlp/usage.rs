//! What a call used, from the figures of its dialect.
//!
//! The conventions count cached tokens among those that were read; ours, which have prices of their own, do not. Some
//! instrumentations leave them out already: their cached tokens are more than all that were read, or it does not show.

use super::attributes::{Facts, Field};
use crate::core::event::Usage;
use crate::core::money::{Micros, Tokens};

/// What the facts say that was used; `None` when they say nothing of it.
pub fn of(facts: &Facts<'_>) -> Option<Usage> {
    let details = facts.numbers(Field::Usage);
    let detail = |names: &[&str]| names.iter().find_map(|name| number(&details, name));
    let input = facts.count(Field::Input).or_else(|| detail(&["input", "prompt_tokens", "input_tokens"]));
    let output = facts.count(Field::Output).or_else(|| detail(&["output", "completion_tokens", "output_tokens"]));
    let read = ["input_cached_tokens", "cache_read_input_tokens", "input_cache_read"];
    // As OpenAI's interfaces answer: cached tokens are among those that were read.
    let among = detail(&["prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens"]);
    let written = ["cache_creation_input_tokens", "input_cache_creation"];
    let cache_read = facts.count(Field::CacheRead).or_else(|| detail(&read)).or(among);
    let cache_write = facts.count(Field::CacheWrite).or_else(|| detail(&written));
    let cost = facts.dollars(Field::Cost).or_else(|| total(&facts.numbers(Field::Costs)));
    if input.is_none() && output.is_none() && cache_read.is_none() && cost.is_none() {
        return None;
    }
    let (input, output) = (input.unwrap_or(0), output.unwrap_or(0));
    let (cache_read_tokens, cache_write_tokens) = (cache_read.unwrap_or(0), cache_write.unwrap_or(0));
    // Where details are told by sort, they are apart already.
    let whole = facts.has(Field::Input) || among.is_some();
    let cached = cache_read_tokens.saturating_add(cache_write_tokens);
    let input_tokens = if whole { input.checked_sub(cached).unwrap_or(input) } else { input };
    // A cost of nothing for tokens says that whoever told it knows no price.
    let free = cost == Some(Micros(0)) && input.saturating_add(output) > 0;
    let cost = cost.filter(|_| !free);
    Some(Usage { input_tokens, output_tokens: output, cache_read_tokens, cache_write_tokens, cost, cumulative: false })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
fn number(details: &[(String, f64)], name: &str) -> Option<u64> {
    let (_, value) = details.iter().find(|(have, _)| have == name)?;
    (0.0..9e15).contains(value).then_some(value.round() as u64)
}

fn total(costs: &[(String, f64)]) -> Option<Micros> {
    let named = costs.iter().find(|(name, _)| name == "total").map(|(_, cost)| *cost);
    let sum = (!costs.is_empty()).then(|| costs.iter().map(|(_, cost)| cost).sum());
    named.or(sum).and_then(Micros::from_dollars).filter(|cost| cost.0 >= 0)
}

/// What a call and those within it used: what it says, unless they say more.
pub fn around(told: Usage, within: &[Usage]) -> Usage {
    let mut parts = Tokens::default();
    for usage in within {
        parts += usage.tokens();
    }
    let costs: Option<Micros> = within.iter().map(|usage| usage.cost).sum();
    let mut whole = told.tokens();
    whole += parts.not_within(&whole);
    Usage {
        input_tokens: whole.input,
        output_tokens: whole.output,
        cache_read_tokens: whole.cache_read,
        cache_write_tokens: whole.cache_write,
        cost: told.cost.or(costs.filter(|_| !within.is_empty())),
        cumulative: false,
    }
}
