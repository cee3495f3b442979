//! Leases whose holder did not come back: what it may have begun is appended as an attempt of which nobody knows, the
//! rows behind that are put back.

use super::{Courier, outcome};
use crate::core::control::{ControlOutcome, ControlResult};
use crate::core::delivery::{SendOutcome, SendResult};
use crate::core::input::Body;
use crate::core::time::Ts;

impl Courier {
    /// Judges leases that have ended without an outcome. What their holders had begun is appended together: after a crash it may be much,
    /// and nothing else is begun before.
    pub(super) async fn report_lost(&self, now: Ts) -> crate::store::Result<()> {
        let mut begun = Vec::new();
        for lost in self.store.lost_leases(now).await? {
            kill_point!("courier.lost.before");
            let harmless = self.channels.get(&lost.via).is_some_and(|channel| !lost.control && channel.is_idempotent());
            if !lost.begun || harmless {
                self.unclaim(&lost.id, &lost.lease).await;
                continue;
            }
            let error = "the process that was sending it did not come back".to_owned();
            let (id, attempt) = (lost.id.clone(), lost.attempt);
            let body = if lost.control {
                let result = ControlResult::Retry { error, after: None, uncertain: true };
                Body::Controlled(ControlOutcome { id, attempt, result })
            } else {
                let result = SendResult::Retry { error, after: None, uncertain: true };
                Body::Sent(SendOutcome::new(&id, attempt, 0, result))
            };
            begun.push(outcome(&lost.id, &lost.lease, body));
        }
        if !begun.is_empty() {
            self.append(begun).await;
            kill_point!("courier.lost.after");
        }
        Ok(())
    }
}
