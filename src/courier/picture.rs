//! Pictures and files that follow their message: sent once, in what is left of the lease, when the words have arrived.
//!
//! Nothing of it holds back the message or those behind it. A picture that is lost is told with the outcome, logged and
//! counted; after a crash between the two the message is sent again, and so is its picture.

use std::time::Duration;

use super::Courier;
use super::pace::{Paces, Wait};
use crate::channel::{Outgoing, Verdict};
use crate::clock::within;
use crate::core::delivery::{Copy, SendResult, gate};
use crate::core::time::{Span, Ts};

/// How long a picture waits for its conversation's turn.
const PATIENCE: Span = Span::secs(2);
/// A picture that takes longer is given up: whoever stops waits for what is under way.
const CALL: Span = Span::secs(8);
/// What is left of the lease when sending it ends, for telling what came of it.
const LEFT: Span = Span::secs(2);

impl Courier {
    /// Sends what follows a message that was sent for the first time. Returns why the picture was lost, if it was.
    pub(super) async fn follow(
        &self,
        out: &Outgoing,
        via: &str,
        copy: &Copy,
        result: &SendResult,
        (paces, leased_until): (&Paces, Ts),
    ) -> Option<String> {
        let SendResult::Sent { receipt } = result else { return None };
        if out.picture.is_none() && out.file.is_none() || copy.receipt.is_some() {
            return None;
        }
        let channel = self.channels.get(via).filter(|channel| channel.follows())?;
        let wait = paces.wait(via, &out.target, Some(channel), &self.sources, PATIENCE).await;
        let left = leased_until.minus(LEFT).since(self.sources.now()).min(CALL);
        let verdict = match wait {
            Wait::Until(_) => Verdict::not_sent("too much is being sent there"),
            Wait::Now => {
                let left = Duration::from_millis(left.0.max(0).cast_unsigned());
                let sent = within(left, channel.follow(out, receipt)).await;
                sent.unwrap_or_else(|| Verdict::uncertain("no time was left for it"))
            }
        };
        let error = match verdict {
            Verdict::Sent(_) | Verdict::Unchanged => return None,
            Verdict::Retry { error, after, .. } => {
                let now = self.sources.now();
                if let Some(after) = after {
                    paces.pause(via, &out.target, now.plus(gate(&out.id, after)), now);
                }
                error
            }
            Verdict::Gone(error) | Verdict::Rejected(error) | Verdict::Locked(error) => error,
            Verdict::Moved(_) | Verdict::EditLost => "its message is not there any more".to_owned(),
        };
        if out.file.is_some() {
            tracing::warn!(channel = via, to = out.target, error, "a file was lost");
            metrics::counter!("sereno_files_lost_total", "channel" => via.to_owned()).increment(1);
        } else {
            tracing::warn!(channel = via, to = out.target, error, "a picture was lost");
            metrics::counter!("sereno_images_lost_total", "channel" => via.to_owned()).increment(1);
        }
        Some(error)
    }
}
