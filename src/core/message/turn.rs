//! What changes so much that whoever has read the old state must hear of the new one.
//!
//! Where messages can be changed in their place, every change is shown. Where they cannot, as in e-mail, a change
//! that matters becomes a message of its own and all others are left out; which those are is said here.

use super::{AlertView, ApprovalView, Content, ControlView, TaskCardView};
use crate::core::control::ControlState;

impl Content {
    /// Whether the change from this to `new` must be told.
    pub fn turns_into(&self, new: &Self) -> bool {
        match (self, new) {
            (Self::Alert(old) | Self::Loop(old), Self::Alert(new) | Self::Loop(new)) => is_over(old) != is_over(new),
            (Self::Approval(old), Self::Approval(new)) => standing(old) != standing(new),
            (Self::TaskCard(old), Self::TaskCard(new)) => is_done(old) != is_done(new),
            (Self::Control(old), Self::Control(new)) => !has_ended(old) && has_ended(new),
            // Whoever was told of an alert here is told here that it is over.
            (Self::Missed(old), Self::Missed(new)) => (&old.open, old.over) != (&new.open, new.over),
            (old, new) => old != new,
        }
    }
}

fn is_over(view: &AlertView) -> bool {
    view.state == "resolved"
}

/// The outcome, and whether the agent did not get it; what came of the action afterwards is no news by itself.
fn standing(view: &ApprovalView) -> (&str, bool) {
    (&view.state, view.receipt.as_deref() == Some("failed"))
}

const fn is_done(view: &TaskCardView) -> bool {
    view.column.is_final()
}

fn has_ended(view: &ControlView) -> bool {
    let open = [ControlState::Asked, ControlState::Waiting].map(ControlState::as_str);
    !view.targets.iter().any(|target| open.contains(&target.state.as_str()))
}
