//! Whether a store is whole: its pages, its audit, its log without gaps, and snapshots that are the fold of it.
//!
//! Everything is found by reading; nothing is mended here.

use sqlx::Row as _;

use super::{Error, Pool, Result, Store, fetch, sql};
use crate::core::audit::ChainHead;
use crate::core::step::step;
use crate::core::world::World;

/// What was looked through, and what is wrong.
#[derive(Debug, Default)]
pub struct Checked {
    /// What is right, a sentence each.
    pub right: Vec<String>,
    /// What is wrong, a sentence each.
    pub wrong: Vec<String>,
}

impl Checked {
    fn note(&mut self, found: std::result::Result<String, String>) {
        match found {
            Ok(right) => self.right.push(right),
            Err(wrong) => self.wrong.push(wrong),
        }
    }
}

impl Store {
    /// Looks everything through.
    ///
    /// # Errors
    /// When the database cannot be read at all.
    pub async fn check(&self) -> Result<Checked> {
        let mut checked = Checked::default();
        match self.quick_check().await {
            Ok(()) => checked.note(Ok("pages and indexes are whole".into())),
            Err(Error::Damaged(found)) => {
                checked.note(Err(format!("the file is damaged: {found}")));
                return Ok(checked);
            }
            Err(error) => return Err(error),
        }
        checked.note(self.check_references().await?);
        let anchor = self.audit_anchor().await?;
        checked.note(self.verify_audit().await?.map(|head| match anchor.seq {
            0 => format!("the audit is whole: {} rows", head.seq),
            cut => {
                format!("the audit is whole from row {} on: {} rows; what was before was cut", cut + 1, head.seq - cut)
            }
        }));
        checked.note(self.check_log().await?);
        for found in self.check_snapshots().await? {
            checked.note(found);
        }
        Ok(checked)
    }

    /// Walks the chain of the audit, from where it begins. Returns its end, or what is wrong with it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn verify_audit(&self) -> Result<std::result::Result<ChainHead, String>> {
        let mut head = self.audit_anchor().await?;
        loop {
            let rows = self.audit_after(head.seq, &super::AuditFilter::default()).await?;
            if rows.is_empty() {
                return Ok(Ok(head));
            }
            for row in &rows {
                if let Err(wrong) = head.verify(row) {
                    return Ok(Err(wrong));
                }
            }
        }
    }

    async fn check_references(&self) -> Result<std::result::Result<String, String>> {
        let Pool::Sqlite { read, .. } = &self.pool else { return Ok(Ok("references are the server's".into())) };
        let broken = sqlx::query(sql::FOREIGN_KEY_CHECK).fetch_all(read).await?.len();
        Ok(if broken == 0 { Ok("references are whole".into()) } else { Err(format!("{broken} references are broken")) })
    }

    async fn check_log(&self) -> Result<std::result::Result<String, String>> {
        let found = fetch!(self, sql::SELECT_LOG_SPAN, [], |row| {
            let number = |name: &str| row.try_get::<i64, _>(name);
            (number("first")?, number("last")?, number("rows")?, number("cursor")?)
        });
        let (first, last, rows, cursor) = found.first().copied().unwrap_or((1, 0, 0, 0));
        if rows != last - first + 1 {
            return Ok(Err(format!("the log has gaps: {rows} entries from {first} to {last}")));
        }
        if rows > 0 && last != cursor {
            return Ok(Err(format!("the log ends at {last}, but was folded up to {cursor}")));
        }
        let newest = self.snapshots().await?.last().map_or(0, |(pos, _)| *pos);
        if rows > 0 && first.cast_unsigned() > newest + 1 {
            return Ok(Err(format!("the log begins at {first}, behind the newest snapshot at {newest}")));
        }
        Ok(Ok(if first > 1 {
            format!("the log is whole from {first} on, to {last}; what was before was cut")
        } else {
            format!("the log is whole: {rows} entries")
        }))
    }

    /// Each snapshot, folded again from the one before or from nothing, as far as the log is still there.
    async fn check_snapshots(&self) -> Result<Vec<std::result::Result<String, String>>> {
        let first = self.log_first().await?.map_or(1, |(first, _)| first);
        // What broke the fold is left out by whoever folds, and would break it here.
        let whole = self.passed_over().await?.is_none();
        let mut world = (first == 1).then(World::default);
        let mut found = Vec::new();
        for (pos, body) in self.snapshots().await? {
            let Ok(read) = World::read(&body) else {
                found.push(Err(format!("the snapshot at {pos} cannot be read")));
                continue;
            };
            let folded = match world.take() {
                Some(before) if whole && before.pos + 1 >= first => Some(self.fold_on(before, pos).await?),
                _ => None,
            };
            found.push(match folded {
                Some(folded) if folded.write()? == read.write()? => {
                    Ok(format!("the snapshot at {pos} is the fold of the log before it"))
                }
                Some(_) => Err(format!("the snapshot at {pos} is not the fold of the log before it")),
                None => Ok(format!(
                    "the snapshot at {pos} can be read; the log before it was cut, or is passed over in part"
                )),
            });
            world = Some(read);
        }
        Ok(found)
    }

    async fn fold_on(&self, mut world: World, until: u64) -> Result<World> {
        while world.pos < until {
            let stretch = self.log_after(world.pos, until).await?;
            if stretch.is_empty() {
                break;
            }
            for input in &stretch {
                step(&mut world, input);
            }
        }
        Ok(world)
    }
}
