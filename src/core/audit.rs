//! The audit: who did what, in a chain of hashes that shows any later change.
//!
//! `hash = SHA-256("sereno.audit.v1" ‖ 0 ‖ seq as 8 bytes ‖ previous hash ‖ canonical JSON of the row)`.
//! Only control-plane facts are written here: decisions, commands that change something, sign-ins,
//! grants, changes of the configuration. Rows come out of the fold and are committed with its effects.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::digest::{Digest, canonical};
use super::time::Ts;

/// One row of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Number, from 1, without gaps.
    pub seq: u64,
    /// When.
    pub at: Ts,
    /// Who: a person's name, or `sereno` or `runtime:NAME`.
    pub actor: String,
    /// What, such as `approval.approved`.
    pub action: String,
    /// To what, such as `approval:12`.
    pub object: String,
    /// With which particulars.
    pub data: Value,
    /// Hash of the row before; zeros for the first.
    pub prev: Digest,
    /// Hash of this row.
    pub hash: Digest,
}

/// The end of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHead {
    /// Number of the last row.
    pub seq: u64,
    /// Its hash.
    pub hash: Digest,
}

impl Default for ChainHead {
    fn default() -> Self {
        Self { seq: 0, hash: Digest([0; 32]) }
    }
}

impl ChainHead {
    /// Makes the next row and moves the head to it.
    pub fn append(&mut self, at: Ts, actor: &str, action: &str, object: &str, data: Value) -> AuditRow {
        let mut row = AuditRow {
            seq: self.seq + 1,
            at,
            actor: actor.to_owned(),
            action: action.to_owned(),
            object: object.to_owned(),
            data,
            prev: self.hash,
            hash: self.hash,
        };
        row.hash = row.computed_hash();
        *self = Self { seq: row.seq, hash: row.hash };
        row
    }

    /// Checks that `row` follows, and moves the head to it.
    ///
    /// # Errors
    /// Says what is wrong with the row.
    pub fn verify(&mut self, row: &AuditRow) -> Result<(), String> {
        if row.seq != self.seq + 1 {
            return Err(format!("row {} is missing; the next one is {}", self.seq + 1, row.seq));
        }
        if row.prev != self.hash {
            return Err(format!("row {} does not follow row {}", row.seq, self.seq));
        }
        if row.hash != row.computed_hash() {
            return Err(format!("row {} was changed after it was written", row.seq));
        }
        *self = Self { seq: row.seq, hash: row.hash };
        Ok(())
    }
}

impl AuditRow {
    fn computed_hash(&self) -> Digest {
        let canon = canonical(&json!({
            "at": self.at,
            "actor": self.actor,
            "action": self.action,
            "object": self.object,
            "data": self.data,
        }));
        let mut hash = Sha256::new();
        hash.update(b"sereno.audit.v1\0");
        hash.update(self.seq.to_be_bytes());
        hash.update(self.prev.0);
        hash.update(canon.as_bytes());
        Digest(hash.finalize().into())
    }
}
