//! The outbox as couriers see it: rows are leased, never changed.

use sqlx::Row as _;

use sha2::{Digest as _, Sha256};

use super::{Result, Store, execute, fetch, fetch_tx, sql};
use crate::core::control::ControlCall;
use crate::core::delivery::{Card, Class, Copy};
use crate::core::time::{Span, Ts};

/// Parts of the outbox that processes share among them.
const PARTS: i64 = 1024;
/// A row that was due this long ago may be carried out by any process.
const OVERDUE: Span = Span::secs(20);

/// The part of the outbox that is ours: the paces of its conversations are kept in our memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    first: i64,
    last: i64,
}

impl Share {
    /// Everything: nobody else delivers.
    pub const WHOLE: Self = Self { first: 0, last: PARTS - 1 };

    /// The share of the process at `place` of `of` that live.
    pub const fn of(place: i64, of: i64) -> Self {
        let of = if of < 1 { 1 } else { of };
        Self { first: PARTS * place / of, last: PARTS * (place + 1) / of - 1 }
    }
}

/// The part in which the rows of a conversation are.
pub(super) fn part_of(conversation: &str) -> i64 {
    let hash = Sha256::digest(conversation);
    i64::from(u16::from_be_bytes([hash[0], hash[1]])) % PARTS
}

/// A leased row, with everything that is needed to carry it out.
#[derive(Debug)]
pub struct Claimed {
    /// Its identity.
    pub id: String,
    /// The lease under which it is held.
    pub lease: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// How it is sent.
    pub class: Class,
    /// Not after.
    pub expires: Ts,
    /// Name of the channel or of the runtime.
    pub via: String,
    /// Rows of the same conversation are carried out one after the other.
    pub conversation: String,
    /// When its lease ends.
    pub leased_until: Ts,
    /// What must happen.
    pub work: ClaimedWork,
}

/// What must happen.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a claim holds a handful")]
pub enum ClaimedWork {
    /// Bring a copy up to date.
    Deliver {
        /// The copy.
        copy: Box<Copy>,
        /// The card as it is now.
        card: Box<Card>,
        /// What the platform calls the message under which it hangs.
        parent_receipt: Option<String>,
    },
    /// Ask a runtime.
    Control(ControlCall),
    /// The row cannot be read; it is a defect, and it must not stop the others.
    Broken(String),
}

/// A lease whose holder did not come back.
#[derive(Debug)]
pub struct Lost {
    /// The row.
    pub id: String,
    /// The lease.
    pub lease: String,
    /// Whether it is a control call.
    pub control: bool,
    /// Name of the channel or of the runtime.
    pub via: String,
    /// It is the first of its conversation, so its holder may have begun it; those behind it had to wait.
    pub begun: bool,
    /// Which attempt it was.
    pub attempt: u32,
}

/// A channel that is left alone.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Shut {
    /// The channel.
    pub via: String,
    /// Until when; from then on one message tries it.
    pub until: Ts,
    /// Since when nothing has gone through.
    pub since: Ts,
    /// What went wrong, without any secret.
    pub why: String,
}

/// A row as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// Its identity.
    pub id: String,
    /// `deliver` or `control`.
    pub kind: String,
    /// Channel or runtime.
    pub via: String,
    /// How it is sent.
    pub class: String,
    /// Its state.
    pub state: String,
    /// Not before.
    pub due: Ts,
    /// Attempts so far.
    pub attempts: i64,
    /// What went wrong last.
    pub error: Option<String>,
    /// When it was made.
    pub created: Ts,
}

impl Store {
    /// Leases up to `limit` rows that are due.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn claim(&self, lease: &str, now: Ts, lives: Span, limit: i64) -> Result<Vec<Claimed>> {
        let until = now.plus(lives);
        let Share { first, last } = self.fellows().share;
        let overdue = now.minus(OVERDUE);
        let mut tx = self.begin().await?;
        // On SQLite one process leases.
        if !self.is_exclusive() {
            execute!(&mut tx, sql::TAKE_TURN);
        }
        if fetch_tx!(&mut tx, sql::ANY_FREE, [], |row| row.try_get::<String, _>("name")?).is_empty() {
            tx.roll_back().await?;
            return Ok(Vec::new());
        }
        let ids =
            fetch_tx!(&mut tx, sql::CLAIM_OUTBOX, [lease, until.0, now.0, limit, first, last, overdue.0], |row| {
                row.try_get::<String, _>("id")?
            });
        if ids.is_empty() {
            tx.roll_back().await?;
            return Ok(Vec::new());
        }
        let mut rows = fetch_tx!(&mut tx, sql::SELECT_CLAIMED, [lease], |row| {
            let attempts: i64 = row.try_get("attempts")?;
            let class: String = row.try_get("class")?;
            Claimed {
                id: row.try_get("id")?,
                lease: lease.to_owned(),
                attempt: u32::try_from(attempts).unwrap_or(u32::MAX),
                class: serde_json::from_value(class.into())?,
                expires: Ts(row.try_get("expires")?),
                via: row.try_get("via")?,
                conversation: row.try_get("conversation")?,
                leased_until: until,
                work: claimed_work(
                    row.try_get("payload")?,
                    row.try_get("copy_body")?,
                    row.try_get("card_body")?,
                    row.try_get("parent_receipt")?,
                ),
            }
        });
        let mut shut = fetch_tx!(&mut tx, sql::SELECT_GATES, [], |row| row.try_get::<String, _>("via")?);
        shut.retain(|via| rows.iter().any(|row| row.via == *via));
        for via in shut {
            // A channel that was left alone is tried with one message, by one courier.
            let mut free = execute!(&mut tx, sql::TAKE_PROBE, &via, until.0, now.0) == 1;
            let mut back = Vec::new();
            rows.retain(|row| {
                let keep = row.via != via || std::mem::take(&mut free);
                if !keep {
                    back.push(row.id.clone());
                }
                keep
            });
            for id in back {
                execute!(&mut tx, sql::UNCLAIM_OUTBOX, id, lease);
            }
        }
        kill_point!("courier.claim.before");
        tx.commit().await?;
        Ok(rows)
    }

    /// Leases that have ended without an outcome.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn lost_leases(&self, now: Ts) -> Result<Vec<Lost>> {
        let rows = fetch!(self, sql::SELECT_LOST, [now.0], |row| {
            let attempts: i64 = row.try_get("attempts")?;
            let conversation: String = row.try_get("conversation")?;
            let lost = Lost {
                id: row.try_get("id")?,
                lease: row.try_get("lease")?,
                control: row.try_get::<String, _>("kind")? == "control",
                via: row.try_get("via")?,
                begun: false,
                attempt: u32::try_from(attempts).unwrap_or(u32::MAX),
            };
            (conversation, lost)
        });
        let mut last = None;
        let told = rows.into_iter().map(|(conversation, lost)| {
            let begun = last.as_ref() != Some(&conversation);
            last = Some(conversation);
            Lost { begun, ..lost }
        });
        Ok(told.collect())
    }

    /// Ends every lease: whoever held one is gone. Only an exclusive store can know that.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn end_leases(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::END_LEASES);
        tx.commit().await
    }

    /// Gives a row back as it was, without counting an attempt, if it is still held under `lease`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn unclaim(&self, id: &str, lease: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::UNCLAIM_OUTBOX, id, lease);
        kill_point!("courier.unclaim.before");
        tx.commit().await
    }

    /// Channels that are left alone.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn shut(&self) -> Result<Vec<Shut>> {
        Ok(fetch!(self, sql::SELECT_GATES, [], |row| Shut {
            via: row.try_get("via")?,
            until: Ts(row.try_get("until")?),
            since: Ts(row.try_get("since")?),
            why: row.try_get("why")?,
        }))
    }

    /// Puts a row back until `due`, without counting an attempt, if it is still held under `lease`; those behind it
    /// wait with it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn release(&self, id: &str, lease: &str, due: Ts) -> Result<()> {
        let mut tx = self.begin().await?;
        execute!(&mut tx, sql::RELEASE_OUTBOX, id, lease, due.0);
        tx.commit().await
    }

    /// When something in the outbox is next to be done: a row is due, a lease has ended, a row holds nothing back
    /// any more, or a channel may be tried again.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn next_due(&self, now: Ts) -> Result<Option<Ts>> {
        let ours = self.fellows().share;
        let mut next: Vec<i64> = self.next_row(ours, now).await?.into_iter().collect();
        if ours != Share::WHOLE {
            next.extend(self.next_row(Share::WHOLE, now).await?.map(|due| due + OVERDUE.0));
        }
        let leases = fetch!(self, sql::NEXT_LEASE_END, [], |row| row.try_get::<Option<i64>, _>("due")?);
        next.extend(leases.into_iter().flatten().map(|end| end + 1));
        let holds = fetch!(self, sql::NEXT_HOLD_END, [now.0], |row| row.try_get::<Option<i64>, _>("due")?);
        let gates = fetch!(self, sql::NEXT_GATE_END, [now.0], |row| row.try_get::<Option<i64>, _>("due")?);
        next.extend(holds.into_iter().chain(gates).flatten());
        Ok(next.into_iter().min().map(Ts))
    }

    /// When the next row of a share is due that can be leased.
    async fn next_row(&self, Share { first, last }: Share, now: Ts) -> Result<Option<i64>> {
        if fetch!(self, sql::ANY_FREE, [], |row| row.try_get::<String, _>("name")?).is_empty() {
            return Ok(None);
        }
        let due = fetch!(self, sql::NEXT_DUE, [now.0, first, last], |row| row.try_get::<i64, _>("due")?);
        Ok(due.into_iter().next())
    }

    /// Rows that are not done, oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn list_outbox(&self, limit: i64) -> Result<Vec<Listed>> {
        Ok(fetch!(self, sql::LIST_OUTBOX, [limit], |row| Listed {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            via: row.try_get("via")?,
            class: row.try_get("class")?,
            state: row.try_get("state")?,
            due: Ts(row.try_get("due")?),
            attempts: row.try_get("attempts")?,
            error: row.try_get("error")?,
            created: Ts(row.try_get("created")?),
        }))
    }

    /// How many rows are in each state that is not final.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn count_outbox(&self) -> Result<Vec<(String, i64)>> {
        Ok(fetch!(self, sql::COUNT_OUTBOX, [], |row| (row.try_get("state")?, row.try_get("rows")?)))
    }
}

fn claimed_work(
    payload: Option<String>,
    copy: Option<String>,
    card: Option<String>,
    parent_receipt: Option<String>,
) -> ClaimedWork {
    if let Some(payload) = payload {
        return serde_json::from_str(&payload)
            .map_or_else(|e| ClaimedWork::Broken(e.to_string()), ClaimedWork::Control);
    }
    let (Some(copy), Some(card)) = (copy, card) else {
        return ClaimedWork::Broken("its card is not stored".into());
    };
    match (serde_json::from_str(&copy), serde_json::from_str(&card)) {
        (Ok(copy), Ok(card)) => ClaimedWork::Deliver { copy, card, parent_receipt },
        (Err(e), _) | (_, Err(e)) => ClaimedWork::Broken(e.to_string()),
    }
}
