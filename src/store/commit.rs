//! The commit: inputs, what follows from them, and the cursor, in one transaction.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;

use super::models::{write_cards, write_devices, write_episodes, write_sign_ins};
use super::outbox::part_of;
use super::sql::{self, share};
use super::{AnyTx, Error, Result, Store, execute};
use crate::core::audit::AuditRow;
use crate::core::delivery::{Gate, OutboxRow, RowState, Settlement, Work};
use crate::core::step::{Changed, Decision, Reply};
use crate::core::time::Ts;
use crate::core::world::World;

/// What became of an input that was to be appended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Appended {
    /// Its position; `None` when it was there before, or is not folded yet.
    pub pos: Option<u64>,
    /// What the fold answers.
    pub reply: Option<Reply>,
    /// It was there before.
    #[serde(default)]
    pub duplicate: bool,
}

impl Appended {
    /// It is folded, at a position.
    pub const fn at(pos: u64, reply: Option<Reply>) -> Self {
        Self { pos: Some(pos), reply, duplicate: false }
    }

    /// It was there before.
    pub const fn again() -> Self {
        Self { pos: None, reply: None, duplicate: true }
    }

    /// It is stored and will be folded; only then is it known whether it was there before.
    pub const fn stored() -> Self {
        Self { pos: None, reply: None, duplicate: false }
    }
}

/// A log entry to be written.
pub struct Entry {
    /// Position.
    pub pos: u64,
    /// Time of the fold.
    pub at: Ts,
    /// The body as JSON.
    pub body: String,
}

/// Everything that a batch of inputs writes besides the log.
#[derive(Default)]
pub struct Writes {
    /// Rows of the audit.
    pub audit: Vec<AuditRow>,
    /// New outbox rows.
    pub outbox: Vec<OutboxRow>,
    /// Outbox rows that have changed.
    pub settled: Vec<Settlement>,
    /// Channels that are left alone from now on, or no longer.
    pub gates: Vec<Gate>,
    /// Whose rows have changed; those of cards, copies, alerts, approvals and sign-ins are written at
    /// once, those of agents, sessions, tasks and costs when the engine says so.
    pub changed: Changed,
}

impl Writes {
    /// Takes over a decision. Its reply goes to whoever appended the input.
    pub fn add(&mut self, decision: Decision) -> Option<Reply> {
        self.audit.extend(decision.audit);
        self.outbox.extend(decision.outbox);
        self.settled.extend(decision.settled);
        self.gates.extend(decision.gates);
        self.changed.merge(decision.changed);
        decision.reply
    }
}

/// The identity of an input: the first 16 bytes of SHA-256 over its source and its key.
pub fn idempotency_key(source: &str, key: &str) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(source.as_bytes());
    hash.update([0]);
    hash.update(key.as_bytes());
    let mut head = [0; 16];
    head.copy_from_slice(&hash.finalize()[..16]);
    head
}

/// A transaction of the engine.
pub struct Tx(pub(super) AnyTx);

/// Binds rows to batch statements, as few as their number allows. The number of rows that were written.
macro_rules! insert {
    ($tx:expr, $batch:expr, $rows:expr, |$query:ident, $row:ident| $bind:expr) => {{
        let batch: &$crate::store::sql::Batch = &$batch;
        let mut written = 0_u64;
        for chunk in $crate::store::commit::chunks($rows) {
            match $tx {
                $crate::store::AnyTx::Sqlite(tx) => {
                    let mut $query = sqlx::query(batch.sqlite(chunk.len()));
                    for $row in chunk {
                        $query = $bind;
                    }
                    written += $query.execute(&mut **tx).await?.rows_affected();
                }
                $crate::store::AnyTx::Postgres(tx) => {
                    let mut $query = sqlx::query(batch.postgres(chunk.len()));
                    for $row in chunk {
                        $query = $bind;
                    }
                    written += $query.execute(&mut **tx).await?.rows_affected();
                }
            }
        }
        written
    }};
}

pub(super) use insert;

/// Slices of `rows`, each as long as one statement takes.
pub(super) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let (chunk, rest) = rows.split_at(share(rows.len()));
        rows = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

pub(super) const fn signed(n: u64) -> i64 {
    n.cast_signed()
}

impl Store {
    /// Begins a commit.
    ///
    /// # Errors
    /// When the database cannot begin.
    pub async fn begin_commit(&self) -> Result<Tx> {
        self.begin().await.map(Tx)
    }
}

impl Tx {
    /// Notes idempotency keys, each with whether it lasts, of which nearly always none was there before. Returns
    /// whether that was so; if not, this transaction knows no more about them, and must not be committed.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn note_new_keys(&mut self, keys: &[([u8; 16], bool)], at: Ts) -> Result<bool> {
        let new = insert!(&mut self.0, sql::INSERT_SEEN, keys, |query, row| query
            .bind(&row.0[..])
            .bind(at.0)
            .bind(i64::from(row.1)));
        Ok(new == keys.len() as u64)
    }

    /// Notes idempotency keys, each with whether it lasts. Returns those that were new, in no particular order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn note_keys(&mut self, keys: &[([u8; 16], bool)], at: Ts) -> Result<Vec<[u8; 16]>> {
        let mut fresh = Vec::with_capacity(keys.len());
        for chunk in chunks(keys) {
            macro_rules! insert_keys {
                ($tx:expr, $text:expr) => {{
                    let mut query = sqlx::query($text);
                    for (key, lasting) in chunk {
                        query = query.bind(&key[..]).bind(at.0).bind(i64::from(*lasting));
                    }
                    for row in query.fetch_all(&mut **$tx).await? {
                        let key: Vec<u8> = row.try_get("key")?;
                        fresh.extend(<[u8; 16]>::try_from(key.as_slice()));
                    }
                }};
            }
            match &mut self.0 {
                AnyTx::Sqlite(tx) => insert_keys!(tx, sql::INSERT_SEEN_TOLD.sqlite(chunk.len())),
                AnyTx::Postgres(tx) => insert_keys!(tx, sql::INSERT_SEEN_TOLD.postgres(chunk.len())),
            }
        }
        Ok(fresh)
    }

    /// Writes the log entries.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn append(&mut self, entries: &[Entry]) -> Result<()> {
        insert!(&mut self.0, sql::INSERT_LOG, entries, |query, entry| query
            .bind(signed(entry.pos))
            .bind(entry.at.0)
            .bind(&entry.body));
        Ok(())
    }

    /// Writes what follows: audit, outbox, and the rows that must be seen with them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn write(&mut self, writes: &Writes, world: &World) -> Result<()> {
        let tx = &mut self.0;
        write_cards(tx, &writes.changed, world).await?;
        insert!(&mut *tx, sql::INSERT_OUTBOX, &writes.outbox, |query, row| {
            let conversation = conversation(row, world);
            let part = part_of(&conversation);
            let (kind, copy, payload) = match &row.work {
                Work::Deliver { copy } => ("deliver", Some(signed(*copy)), None),
                Work::Control(call) => ("control", None, Some(serde_json::to_string(call)?)),
            };
            query
                .bind(&row.id)
                .bind(kind)
                .bind(&row.via)
                .bind(conversation)
                .bind(copy)
                .bind(payload)
                .bind(class_word(row))
                .bind(row.class.priority())
                .bind(RowState::Ready.as_str())
                .bind(row.due.0)
                .bind(row.expires.0)
                .bind(0_i64)
                .bind(world.now.0)
                .bind(world.now.0)
                .bind(part)
        });
        for settled in &writes.settled {
            execute!(
                &mut *tx,
                sql::SETTLE_OUTBOX,
                &settled.id,
                settled.state.as_str(),
                settled.due.0,
                &settled.error,
                &settled.receipt,
                world.now.0,
                settled.expires.map(|at| at.0),
                settled.held.0,
            );
        }
        for gate in &writes.gates {
            match &gate.shut {
                Some(shut) => execute!(&mut *tx, sql::UPSERT_GATE, &gate.via, shut.until.0, shut.since.0, &shut.why),
                None => execute!(&mut *tx, sql::DELETE_GATE, &gate.via),
            };
        }
        insert!(&mut *tx, sql::INSERT_AUDIT, &writes.audit, |query, row| query
            .bind(signed(row.seq))
            .bind(row.at.0)
            .bind(&row.actor)
            .bind(&row.action)
            .bind(&row.object)
            .bind(row.data.to_string())
            .bind(row.prev.to_string())
            .bind(row.hash.to_string()));
        write_episodes(tx, &writes.changed, world).await?;
        write_sign_ins(tx, &writes.changed, world).await?;
        write_devices(tx, &writes.changed, world).await
    }

    /// Moves the cursor from `before` to `cursor` and commits, if the lease of `term` still holds.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when somebody else folds now, or the log is not where it was believed to be; nothing is
    /// written then.
    pub async fn commit(mut self, before: u64, cursor: u64, term: i64) -> Result<()> {
        let moved = execute!(&mut self.0, sql::ADVANCE_CURSOR, signed(cursor), term, signed(before));
        if moved != 1 {
            return Err(Error::LeaseLost);
        }
        kill_point!("engine.commit.before");
        self.0.commit().await
    }

    /// Gives everything of it up.
    ///
    /// # Errors
    /// When the database refuses; nothing is written in any case.
    pub async fn roll_back(self) -> Result<()> {
        self.0.roll_back().await
    }
}

/// Where a row belongs: rows of one conversation are carried out one after the other.
fn conversation(row: &OutboxRow, world: &World) -> String {
    match &row.work {
        Work::Deliver { copy } => {
            let target = world.copies.get(copy).map_or("", |copy| copy.to.target.as_str());
            format!("{}:{target}", row.via)
        }
        Work::Control(call) => format!("{}/{}", row.via, call.agent),
    }
}

fn class_word(row: &OutboxRow) -> String {
    serde_json::to_value(row.class).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
