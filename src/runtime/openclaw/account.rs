//! What was spent while nobody listened: asked for once a connection stands, call by call, and counted once.
//!
//! The gateway's sums cannot be added to ours, which hold most of the same calls already. So its sums only say where
//! calls are missing, and each missing call is then told under the identity that it had, or would have had, live. A sum
//! is believed once the gateway says that it is fresh: before that it may be old, or a nought for what it has not read.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::decode::{self, amounts, call_id, checked, event, words};
use super::wire::at;
use super::{OpenClaw, Trouble};
use crate::core::event::{Event, EventKind};
use crate::core::time::{Span, Ts};
use crate::runtime::{Ended, Intake};

/// What lies further back is not accounted for: today and the two days before, where a day is one of UTC.
const DAYS: i64 = 3;
/// Sessions that are accounted for, the newest first.
const SESSIONS: usize = 200;
/// Messages of one page of a session, and pages of one session.
const PAGE: usize = 200;
const PAGES: usize = 10;
/// How often fresh sums are asked for, and how long to wait in between.
const TRIES: u32 = 24;
const AGAIN: Span = Span::secs(5);

/// A session in which something was used.
pub struct Spent {
    key: String,
    agent: String,
    /// The transcript: a session may have had others before.
    transcript: String,
    /// Calls of models since some time, as far as they are known.
    calls: Option<u64>,
    /// Tokens of all kinds that they used.
    tokens: Option<u64>,
    /// The model that made all of them, and whose it is.
    only: Option<(Option<String>, Option<String>)>,
}

impl OpenClaw {
    /// Accounts for what was spent since some days. Comes back only when something could not be stored.
    pub(super) async fn account(&self, intake: &dyn Intake) -> Ended {
        let since = first_day(intake.sources().wall());
        for attempt in 1..=TRIES {
            match self.call("sessions.usage", asked(since, intake.sources().wall())).await {
                // The last answer is taken as it is: messages that can be read are told all the same.
                Ok(answer) if is_fresh(&answer) || attempt == TRIES => {
                    for spent in answer["sessions"].as_array().into_iter().flatten().filter_map(Spent::read) {
                        if let Err(ended) = self.tell_missing(&spent, since, intake).await {
                            return ended;
                        }
                    }
                    break;
                }
                Err(Trouble::Refused(refusal)) if refusal.after.is_none() => {
                    tracing::info!(refusal.code, refusal.message, "the gateway does not tell what was spent");
                    break;
                }
                _ => intake.sources().clock.sleep(AGAIN).await,
            }
        }
        std::future::pending().await
    }

    /// Tells the calls of a session: first those of which messages can be read, then those that stand in accounts alone,
    /// because the session was begun anew or deleted, or because they are hidden.
    async fn tell_missing(&self, spent: &Spent, since: Ts, intake: &dyn Intake) -> Result<(), Ended> {
        let mut told: HashSet<String> = HashSet::new();
        let mut offset = Some(0);
        for _ in 0..PAGES {
            let Some(from) = offset else { break };
            let params = json!({ "sessionKey": spent.key, "limit": PAGE, "offset": from });
            let Ok(page) = self.call("chat.history", params).await else { break };
            let is_it = page["sessionId"].as_str() == Some(&spent.transcript);
            let calls = if is_it { self.of_page(&page, spent, since) } else { Vec::new() };
            told.extend(calls.iter().map(|call| call.id.clone()));
            self.recall(calls, intake).await?;
            let is_older = page["messages"][0]["timestamp"].as_i64().is_none_or(|at| at < since.0);
            offset = page["nextOffset"].as_u64().filter(|next| is_it && !is_older && *next > from);
        }
        let Some(calls) = spent.calls.filter(|calls| *calls > told.len() as u64) else { return Ok(()) };
        let params = json!({ "key": spent.key, "agentId": spent.agent });
        let accounts = self.call("sessions.usage.timeseries", params).await.unwrap_or(Value::Null);
        let rest = in_accounts(&accounts, spent, since);
        if rest.is_empty() {
            let untold = calls - told.len() as u64;
            tracing::info!(
                session = spent.key,
                untold,
                "the gateway tells of calls only in sums, which are not counted"
            );
        }
        self.recall(rest.into_iter().filter(|call| !told.contains(&call.id)).collect(), intake).await
    }

    /// The calls of a page of messages.
    fn of_page(&self, page: &Value, spent: &Spent, since: Ts) -> Vec<Event> {
        let about = json!({ "sessionKey": spent.key, "agentId": spent.agent, "sessionId": spent.transcript });
        let messages = page["messages"].as_array().into_iter().flatten();
        let recent = messages.filter(|message| at(&message["timestamp"]).is_some_and(|at| at >= since));
        self.memory(|memory| {
            recent.filter_map(|message| decode::usage(message, &about, memory)).filter_map(checked).collect()
        })
    }

    async fn recall(&self, calls: Vec<Event>, intake: &dyn Intake) -> Result<(), Ended> {
        if calls.is_empty() {
            return Ok(());
        }
        Ok(intake.recall(calls).await?)
    }
}

impl Spent {
    /// A row of `sessions.usage`.
    pub fn read(row: &Value) -> Option<Self> {
        let key = words(&row["key"])?;
        let agent = words(&row["agentId"]).or_else(|| decode::agent_of(&key).map(str::to_owned))?;
        let models = row["usage"]["modelUsage"].as_array();
        let calls = models.map(|models| models.iter().filter_map(|model| model["count"].as_u64()).sum());
        let only = models.and_then(|models| match models.as_slice() {
            [model] => Some((words(&model["model"]), words(&model["provider"]))),
            _ => None,
        });
        let tokens = row["usage"]["totalTokens"].as_u64();
        Some(Self { key, agent, transcript: words(&row["sessionId"])?, calls, tokens, only })
    }
}

/// Midnight of the first day that is accounted for.
fn first_day(now: Ts) -> Ts {
    let day = Span::days(1).0;
    Ts((now.0.div_euclid(day) - (DAYS - 1)) * day)
}

fn asked(since: Ts, now: Ts) -> Value {
    let date = |at: Ts| at.rfc3339().chars().take(10).collect::<String>();
    json!({
        "agentScope": "all", "mode": "utc", "startDate": date(since), "endDate": date(now), "limit": SESSIONS,
    })
}

/// Whether the gateway has read all that its sums are made of.
pub fn is_fresh(answer: &Value) -> bool {
    answer["cacheStatus"]["status"].as_str().is_none_or(|status| status == "fresh")
}

/// The calls of a session as its accounts have them, if they have all of them since then, and one by one: of a long
/// session they come added up in lots, which then are fewer, or used more. They are the agent's; the session may be
/// another one by now.
pub fn in_accounts(accounts: &Value, spent: &Spent, since: Ts) -> Vec<Event> {
    let points = accounts["points"].as_array().into_iter().flatten();
    let recent: Vec<&Value> = points.filter(|point| at(&point["timestamp"]).is_some_and(|at| at >= since)).collect();
    let tokens = recent.iter().filter_map(|point| point["totalTokens"].as_u64()).sum::<u64>();
    let is_whole = Some(recent.len() as u64) == spent.calls && spent.tokens == Some(tokens);
    if !is_whole || accounts["sessionId"].as_str() != Some(&spent.transcript) {
        return Vec::new();
    }
    let about = json!({ "agentId": spent.agent });
    let (model, provider) = spent.only.clone().unwrap_or_default();
    let told = recent.into_iter().filter_map(|point| {
        let id = call_id(&spent.transcript, point["timestamp"].as_i64()?);
        let call = event(EventKind::ModelCall, &about, id, at(&point["timestamp"]));
        let usage = Some(amounts(point, &point["cost"])?);
        checked(Event { usage, model: model.clone(), provider: provider.clone(), ..call })
    });
    told.collect()
}
