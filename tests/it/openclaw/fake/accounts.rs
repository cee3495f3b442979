//! The gateway's accounts: what every transcript has used, as the gateway that only looks like it tells it.

use serde_json::{Value, json};

use super::Memory;

/// The transcript of a session.
pub fn transcript(key: &str) -> String {
    format!("transcript-of-{}", key.replace(':', "-"))
}

/// Where something was used, as `sessions.usage` has it. A session that was deleted goes by its transcript.
pub fn spent(memory: &mut Memory) -> Value {
    let is_fresh = memory.stale == 0;
    memory.stale = memory.stale.saturating_sub(1);
    let rows = memory.transcripts.iter().map(|(key, messages)| {
        let agent = key.split(':').nth(1).unwrap();
        let known = memory.sessions.contains_key(key);
        let tokens: u64 = messages.iter().map(|message| total(&message["usage"])).sum();
        let usage = json!({
            "totalTokens": tokens, "modelUsage": [{ "provider": "fake", "model": "fake-1", "count": messages.len() }],
        });
        json!({
            "key": if known { key.clone() } else { format!("agent:{agent}:{}", transcript(key)) }, "agentId": agent,
            "sessionId": transcript(key), "usage": is_fresh.then_some(usage),
        })
    });
    let status = if is_fresh { "fresh" } else { "refreshing" };
    json!({ "sessions": rows.collect::<Vec<_>>(), "cacheStatus": { "status": status } })
}

/// What a session has used, call by call; in lots of two when there are more than two hundred.
pub fn accounts(memory: &Memory, key: &str) -> Value {
    let of_it = |(have, _): &(&String, _)| *have == key || key.ends_with(&transcript(have));
    let Some((key, messages)) = memory.transcripts.iter().find(of_it) else { return json!({}) };
    let lot = if messages.len() > 200 { 2 } else { 1 };
    let points = messages.chunks(lot).map(|lot| {
        let sum = |name: &str| lot.iter().map(|message| message["usage"][name].as_u64().unwrap()).sum::<u64>();
        json!({
            "timestamp": lot.last().unwrap()["timestamp"], "input": sum("input"), "output": sum("output"),
            "cacheRead": sum("cacheRead"), "cacheWrite": sum("cacheWrite"),
            "totalTokens": lot.iter().map(|message| total(&message["usage"])).sum::<u64>(),
            "cost": lot.iter().map(|message| message["usage"]["cost"]["total"].as_f64().unwrap()).sum::<f64>(),
        })
    });
    json!({ "sessionId": transcript(key), "points": points.collect::<Vec<_>>() })
}

fn total(used: &Value) -> u64 {
    ["input", "output", "cacheRead", "cacheWrite"].iter().map(|name| used[*name].as_u64().unwrap()).sum()
}
