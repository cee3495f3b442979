//! A store that was brought back from a copy: behind it lies time that nobody here remembers.
//!
//! What was decided, sent, carried out or taken back since the copy was made is not in it. So whatever could
//! happen a second time, or on a right that is gone by now, ends here, and numbers given in that time are not
//! given again. Where the copy came from is none of its business.

use serde_json::json;

use super::audit::ChainHead;
use super::control::{ControlState, receipt};
use super::delivery::RowState;
use super::step::Fold;
use super::time::Span;

/// Outbox rows that are younger than this still go out.
const YOUNG: Span = Span::mins(15);
/// How far numbers are moved on.
const GAP: u64 = 10_000;

impl Fold<'_> {
    /// The store was brought back; `replaced` is the end of the audit that it took the place of.
    pub(super) fn restored(&mut self, epoch: u64, replaced: Option<&ChainHead>) {
        self.w.epoch = self.w.epoch.max(epoch);
        self.skip_numbers();
        let head = self.w.audit.clone();
        let data = json!({ "epoch": epoch, "head": head, "replaced": replaced });
        self.audit("sereno", "store.restored", &format!("epoch:{epoch}"), data);
        self.end_controls();
        self.hold_old_rows();
        let open: Vec<u64> = self.w.approvals.values().filter(|a| a.is_pending()).map(|a| a.number).collect();
        for number in open {
            self.approval_restored(number);
        }
        self.end_grants();
        self.sign_everybody_out();
    }

    /// A message, a code or a button of the lost time must not mean something else now.
    fn skip_numbers(&mut self) {
        let counters = &mut self.w.counters;
        counters.alerts += GAP;
        counters.approvals += GAP;
        counters.grants += GAP;
        counters.cards += GAP;
        counters.copies += GAP;
    }

    /// A call may have been carried out already; whoever still wants it asks again.
    fn end_controls(&mut self) {
        let open = self.w.controls.iter().filter(|(_, control)| !control.state.is_final());
        let open: Vec<String> = open.map(|(id, _)| id.clone()).collect();
        for id in open {
            self.end_control(&id, ControlState::Expired, RowState::Dropped, receipt::TOO_LATE);
        }
    }

    fn hold_old_rows(&mut self) {
        let at = self.at;
        let rows = self.w.outstanding.iter();
        let old = rows.filter(|(_, row)| !row.dead && row.copy.is_some() && at.since(row.since) > YOUNG);
        let old: Vec<(u64, String)> = old.filter_map(|(id, row)| Some((row.copy?, id.clone()))).collect();
        for (copy, id) in old {
            self.hold(copy, &id);
        }
    }

    fn end_grants(&mut self) {
        let sessions = self.w.sessions.iter().filter(|(_, s)| !s.grants.is_empty());
        let sessions: Vec<_> = sessions.map(|(ix, _)| ix).collect();
        for ix in sessions {
            for grant in std::mem::take(&mut self.w.sessions[ix].grants) {
                self.audit("sereno", "grant.revoked", &format!("grant:{}", grant.number), json!({ "why": "restored" }));
            }
            self.out.changed.sessions.insert(ix);
        }
    }

    fn sign_everybody_out(&mut self) {
        self.w.signins.links.clear();
        self.w.roster.end_codes();
        let sessions = std::mem::take(&mut self.w.signins.sessions);
        self.out.changed.sign_ins.extend(sessions.into_keys());
    }
}
