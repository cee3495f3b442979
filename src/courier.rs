//! The courier: leases what is due in the outbox, carries it out, and appends what came of it.
//!
//! It never changes a row itself. Rows of one conversation are leased together and carried out one after the
//! other, so when a holder dies only the first of them can have been begun.

pub mod draw;
mod lost;
mod pace;
mod picture;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{Instrument as _, debug_span};

use self::pace::{Paces, Wait};
use crate::channel::token::Tokens;
use crate::channel::{Channel, Outgoing, Verdict};
use crate::clock::{Sources, random_hex};
use crate::core::control::{ControlCall, ControlOutcome, ControlResult};
use crate::core::delivery::{Card, Copy, SendOutcome, SendResult, gate};
use crate::core::input::Body;
use crate::core::time::{Span, Ts};
use crate::engine::{Log, NewInput, Progress};
use crate::health::Health;
use crate::runtime::Runtime;
use crate::stop::Stop;
use crate::store::{Claimed, ClaimedWork, Store};

/// How long a lease lives.
const LEASE: Span = Span::secs(30);
/// What is left of it when a call begins: every call gives up sooner, so no lease ends under it.
const CALL: Span = Span::secs(20);
/// Rows that are leased at once.
const BATCH: i64 = 64;
/// Conversations that are served at the same time.
const PARALLEL: usize = 32;
/// A row whose conversation is busy for longer than this is put back.
const PATIENCE: Span = Span::secs(2);
/// A call for somebody who waits in another process is put back for this long, and each process looks as often whether
/// one was put back for it: nobody tells.
const ANOTHER: Span = Span(200);
/// How long to wait when the store is in trouble.
const BROKEN_WAIT: Span = Span::secs(1);

/// What the courier works with.
#[derive(Clone)]
pub struct Courier {
    /// Where the outbox is.
    pub store: Store,
    /// Where outcomes go.
    pub log: Log,
    /// Time and randomness.
    pub sources: Sources,
    /// Channels by name.
    pub channels: Arc<HashMap<String, Arc<dyn Channel>>>,
    /// Runtimes by name.
    pub runtimes: Arc<HashMap<String, Arc<dyn Runtime>>>,
    /// Makes the tokens of buttons.
    pub tokens: Tokens,
    /// What the engine tells.
    pub progress: Progress,
    /// How channels are doing.
    pub health: Arc<Health>,
}

/// What a courier has under way.
struct Round {
    paces: Arc<Paces>,
    places: Arc<Semaphore>,
    tasks: JoinSet<()>,
    stop: Stop,
}

impl Courier {
    /// Works until `stop` is told, then finishes what it has begun.
    pub async fn run(self, mut stop: Stop) {
        let mut round = Round {
            paces: Arc::new(Paces::default()),
            places: Arc::new(Semaphore::new(PARALLEL)),
            tasks: JoinSet::new(),
            stop: stop.clone(),
        };
        let mut outbox = self.progress.outbox.clone();
        if self.store.is_exclusive()
            && let Err(error) = self.store.end_leases().await
        {
            // They end by themselves then.
            tracing::warn!(%error, "what the last process had begun cannot be judged yet");
        }
        while !stop.is_asked() {
            let seen = *outbox.borrow_and_update();
            match self.work(&mut round).await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => {
                    tracing::warn!(%error, "the outbox cannot be read");
                    self.sources.clock.sleep(BROKEN_WAIT).await;
                    continue;
                }
            }
            tokio::select! {
                () = stop.asked() => break,
                _ = outbox.wait_for(|pos| *pos > seen) => {}
                () = self.next_due(&round.paces) => {}
                Some(_) = round.tasks.join_next() => {}
            }
        }
        while round.tasks.join_next().await.is_some() {}
    }

    /// Waits until a row is due. With nothing in the outbox only a commit can change that.
    async fn next_due(&self, paces: &Paces) {
        let now = self.sources.now();
        let look = (!self.store.is_alone()).then(|| now.plus(ANOTHER));
        let due = match self.store.next_due(now).await {
            Ok(due) => due.into_iter().chain(look).min(),
            Err(_) => Some(now.plus(BROKEN_WAIT)),
        };
        let Some(due) = due else { return std::future::pending().await };
        self.sources.clock.sleep_until(due).await;
        if paces.steps_aside() {
            self.sources.clock.sleep(ANOTHER).await;
        }
    }

    /// Takes what is due. Returns how many rows it took.
    async fn work(&self, round: &mut Round) -> crate::store::Result<usize> {
        let now = self.sources.now();
        if self.store.next_due(now).await?.is_none_or(|due| due > now) {
            return Ok(0);
        }
        self.report_lost(now).await?;
        let lease = random_hex(self.sources.entropy.as_ref(), 12);
        let rows = self.store.claim(&lease, now, LEASE, BATCH).await?;
        kill_point!("courier.claim.after");
        let count = rows.len();
        if count > 0 {
            self.health.courier_works(now);
        }
        let mut conversations: HashMap<String, Vec<Claimed>> = HashMap::new();
        for row in rows {
            conversations.entry(row.conversation.clone()).or_default().push(row);
        }
        for rows in conversations.into_values() {
            let Ok(place) = round.places.clone().acquire_owned().await else { break };
            let (courier, paces, stop) = (self.clone(), round.paces.clone(), round.stop.clone());
            round.tasks.spawn(async move {
                courier.carry_out_all(rows, paces, stop).await;
                drop(place);
            });
        }
        while round.tasks.try_join_next().is_some() {}
        Ok(count)
    }

    /// Carries out the rows of one conversation in order, until one of them holds back the others.
    async fn carry_out_all(&self, rows: Vec<Claimed>, paces: Arc<Paces>, stop: Stop) {
        let mut rows = rows.into_iter().enumerate();
        while !stop.is_asked() {
            let Some((place, row)) = rows.next() else { break };
            let (id, lease, attempt, via) = (row.id.clone(), row.lease.clone(), row.attempt, row.via.clone());
            let is_control = matches!(row.work, ClaimedWork::Control(_));
            let (courier, paces) = (self.clone(), paces.clone());
            // A task of its own, so that whatever breaks down over one row breaks down alone; it ends with this one.
            let mut task = JoinSet::new();
            task.spawn(async move { courier.carry_out(row, &paces, place == 0).await }.in_current_span());
            match task.join_next().await {
                Some(Ok(Next::GoOn)) => {}
                Some(Ok(Next::Hold)) | None => break,
                Some(Err(error)) => {
                    tracing::error!(%error, id, via, "the courier broke down over a row");
                    metrics::counter!("sereno_courier_panics_total", "via" => via).increment(1);
                    self.append(vec![outcome(&id, &lease, broke_down(&id, attempt, is_control))]).await;
                    break;
                }
            }
        }
        for (_, row) in rows {
            self.unclaim(&row.id, &row.lease).await;
        }
    }

    #[tracing::instrument(name = "courier", level = "debug", skip_all, fields(via = row.via, row = row.id))]
    async fn carry_out(&self, row: Claimed, paces: &Paces, is_first: bool) -> Next {
        let now = self.sources.now();
        if row.leased_until.since(now) < CALL {
            self.unclaim(&row.id, &row.lease).await;
            return Next::Hold;
        }
        let Claimed { id, lease, leased_until, attempt, expires, via, work, .. } = row;
        let body = match work {
            ClaimedWork::Deliver { copy, card, parent_receipt } => {
                if let Some(result) = self.undeliverable(&via, expires) {
                    let gone = SendOutcome::new(&id, attempt, 0, result);
                    self.append(vec![outcome(&id, &lease, Body::Sent(gone))]).await;
                    return Next::GoOn;
                }
                // Only the first row of a conversation waits with the lease on all of them: whatever is more
                // urgent can come in between the others.
                let patience = if is_first { PATIENCE } else { Span(0) };
                match paces.wait(&via, &copy.to.target, self.channels.get(&via), &self.sources, patience).await {
                    Wait::Now => {}
                    Wait::Until(due) if is_first => {
                        self.put_back(&id, &lease, due).await;
                        return Next::Hold;
                    }
                    Wait::Until(_) => {
                        self.unclaim(&id, &lease).await;
                        return Next::Hold;
                    }
                }
                let out = self.drawn((&id, attempt), &via, &copy, &card, parent_receipt);
                let result = self.deliver(&out, &via, &copy, paces).await;
                let image_lost = self.follow(&out, &via, &copy, &result, (paces, leased_until)).await;
                Body::Sent(SendOutcome { image_lost, ..SendOutcome::new(&id, attempt, card.version, result) })
            }
            ClaimedWork::Control(call) => {
                if self.is_for_another(&call).await {
                    paces.step_aside();
                    self.put_back(&id, &lease, now.plus(ANOTHER)).await;
                    return Next::Hold;
                }
                let result = self.control(&call).await;
                Body::Controlled(ControlOutcome { id: id.clone(), attempt, result })
            }
            ClaimedWork::Broken(error) => {
                tracing::error!(id, error, "an outbox row cannot be read");
                let result = SendResult::Rejected { error };
                Body::Sent(SendOutcome::new(&id, attempt, 0, result))
            }
        };
        kill_point!("courier.mark.before");
        let next = if holds_back(&body) { Next::Hold } else { Next::GoOn };
        self.append(vec![outcome(&id, &lease, body)]).await;
        kill_point!("courier.mark.after");
        next
    }

    async fn unclaim(&self, id: &str, lease: &str) {
        if let Err(error) = self.store.unclaim(id, lease).await {
            // Its lease ends by itself then.
            tracing::warn!(%error, id, "a row could not be given back");
        }
    }

    /// Whether whoever waits for a call waits in another process, which must then carry it out.
    async fn is_for_another(&self, call: &ControlCall) -> bool {
        let Some(runtime) = self.runtimes.get(&call.runtime) else { return false };
        let Some(place) = runtime.place_of(call).filter(|place| !runtime.has_place(place)) else { return false };
        self.store.is_held_elsewhere(&call.runtime, &place.to_string()).await.unwrap_or(false)
    }

    async fn put_back(&self, id: &str, lease: &str, due: Ts) {
        if let Err(error) = self.store.release(id, lease, due).await {
            // Its lease ends by itself then.
            tracing::warn!(%error, id, "a row could not be put back");
        }
    }

    /// Why a row need not be tried, without asking the platform.
    fn undeliverable(&self, via: &str, expires: Ts) -> Option<SendResult> {
        if self.sources.now() >= expires {
            return Some(SendResult::Gone { error: "too late".into() });
        }
        let known = self.channels.contains_key(via);
        (!known).then(|| SendResult::Gone { error: format!("there is no channel `{via}` any more") })
    }

    /// What a row says now, for whoever reads it.
    fn drawn(
        &self,
        (id, attempt): (&str, u32),
        via: &str,
        copy: &Copy,
        card: &Card,
        under: Option<String>,
    ) -> Outgoing {
        // What cannot be changed is drawn as of when the card came to say so: what is sent again is the same.
        let edits = self.channels.get(via).is_none_or(|channel| channel.policy().edits);
        let now = if edits { self.sources.now() } else { card.updated };
        let policy = self.progress.policy.borrow().clone();
        let mut out = debug_span!("render", card = card.number)
            .in_scope(|| draw::outgoing(&policy, &self.tokens, copy, card, now));
        id.clone_into(&mut out.id);
        out.now = self.sources.wall();
        out.under = under;
        out.again = attempt > 1;
        out
    }

    async fn deliver(&self, out: &Outgoing, via: &str, copy: &Copy, paces: &Paces) -> SendResult {
        let Some(channel) = self.channels.get(via) else {
            return SendResult::Gone { error: format!("there is no channel `{via}` any more") };
        };
        let call = async {
            match &copy.receipt {
                Some(receipt) => channel.edit(out, receipt).await,
                None => channel.send(out).await,
            }
        };
        kill_point!("courier.send.before");
        let verdict = call.instrument(debug_span!("send")).await;
        kill_point!("courier.send.after");
        metrics::counter!("sereno_deliveries_total", "channel" => via.to_owned(), "result" => word(&verdict))
            .increment(1);
        self.judge(&out.id, via, verdict, copy, paces)
    }

    /// What a verdict means for the row, the conversation's pace and the channel's health.
    fn judge(&self, id: &str, via: &str, verdict: Verdict, copy: &Copy, paces: &Paces) -> SendResult {
        let now = self.sources.now();
        match verdict {
            Verdict::Sent(receipt) => {
                self.health.ok(via, now);
                SendResult::Sent { receipt }
            }
            Verdict::Unchanged => SendResult::Sent { receipt: copy.receipt.clone().unwrap_or_default() },
            Verdict::Retry { error, after, uncertain } => {
                if let Some(after) = after {
                    paces.pause(via, &copy.to.target, now.plus(gate(id, after)), now);
                } else {
                    self.health.trouble(via, &error);
                }
                SendResult::Retry { error, after, uncertain }
            }
            Verdict::Locked(error) => {
                self.health.trouble(via, &error);
                SendResult::Locked { error }
            }
            Verdict::Gone(error) => SendResult::Gone { error },
            Verdict::Rejected(error) => SendResult::Rejected { error },
            Verdict::Moved(target) => SendResult::Moved { target },
            Verdict::EditLost => SendResult::EditLost,
        }
    }

    async fn control(&self, call: &ControlCall) -> ControlResult {
        let now = self.sources.now();
        if now >= call.expires {
            return ControlResult::Failed { error: crate::core::control::receipt::TOO_LATE.into() };
        }
        let Some(runtime) = self.runtimes.get(&call.runtime) else {
            return ControlResult::Failed { error: format!("there is no runtime `{}` any more", call.runtime) };
        };
        kill_point!("courier.control.before");
        let result = runtime.control(call, self.sources.wall()).instrument(debug_span!("control")).await;
        kill_point!("courier.control.after");
        metrics::counter!("sereno_control_calls_total", "runtime" => call.runtime.clone(), "verb" => call.order.verb().as_str()).increment(1);
        result
    }

    /// Appends outcomes; they must not be lost, so this waits as long as it takes.
    async fn append(&self, outcomes: Vec<NewInput>) {
        self.health.courier_works(self.sources.now());
        loop {
            match self.log.append_patiently(outcomes.clone()).await {
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, outcomes = outcomes.len(), "what was carried out could not be stored yet");
                    if self.log.is_closed() {
                        return;
                    }
                    self.sources.clock.sleep(BROKEN_WAIT).await;
                }
            }
        }
    }
}

/// What came of an attempt, for the log: one thing for each lease, whoever tells it. The number of the attempt would
/// not do, for a row that is put back gets the same one again.
fn outcome(id: &str, lease: &str, body: Body) -> NewInput {
    NewInput::keyed("outbox", format!("{id}/{lease}"), body)
}

/// Whether the other rows of a conversation may follow at once.
enum Next {
    GoOn,
    Hold,
}

/// What did not go through holds back those behind it; the fold decides for how long.
const fn holds_back(body: &Body) -> bool {
    match body {
        Body::Sent(outcome) => matches!(
            outcome.result,
            SendResult::Retry { .. } | SendResult::Locked { .. } | SendResult::Moved { .. } | SendResult::EditLost
        ),
        Body::Controlled(outcome) => matches!(outcome.result, ControlResult::Retry { .. }),
        _ => false,
    }
}

/// What is appended when the courier broke down over a row.
fn broke_down(id: &str, attempt: u32, is_control: bool) -> Body {
    let (id, error) = (id.to_owned(), "the courier broke down over it".to_owned());
    if is_control {
        let result = ControlResult::Retry { error, after: None, uncertain: true };
        Body::Controlled(ControlOutcome { id, attempt, result })
    } else {
        Body::Sent(SendOutcome::new(&id, attempt, 0, SendResult::Poisoned { error }))
    }
}

const fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Sent(_) | Verdict::Unchanged => "sent",
        Verdict::Retry { uncertain: true, .. } => "uncertain",
        Verdict::Retry { .. } => "retry",
        Verdict::Gone(_) => "gone",
        Verdict::Rejected(_) => "rejected",
        Verdict::Moved(_) => "moved",
        Verdict::EditLost => "edit_lost",
        Verdict::Locked(_) => "locked",
    }
}
