//! The phone page as a channel: what it means to send a card there.
//!
//! The card itself is in the store; sending it means that everybody who has the page open is told to
//! look. The page's routes are in `http`; this module knows nothing of HTTP.

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{Channel, Outgoing, Verdict, carries};
use crate::core::policy::ChannelPolicy;

/// Changes that a slow reader may be behind before it has to ask the store again.
const BEHIND: usize = 256;

/// A card has arrived or changed on somebody's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Whose page.
    pub person: String,
    /// Which copy.
    pub copy: u64,
}

/// The page as a channel.
pub struct WebChannel {
    changes: broadcast::Sender<Changed>,
}

impl Default for WebChannel {
    fn default() -> Self {
        Self { changes: broadcast::Sender::new(BEHIND) }
    }
}

impl WebChannel {
    /// Gets to know what changes from now on.
    pub fn changes(&self) -> broadcast::Receiver<Changed> {
        self.changes.subscribe()
    }

    fn tell(&self, out: &Outgoing) -> Verdict {
        // Nobody may have the page open; the card is there all the same when somebody does.
        let _watching = self.changes.send(Changed { person: out.target.clone(), copy: out.copy });
        Verdict::Sent(format!("card-{}", out.copy))
    }
}

#[async_trait]
impl Channel for WebChannel {
    fn policy(&self) -> ChannelPolicy {
        carries("web")
    }

    fn is_idempotent(&self) -> bool {
        true
    }

    async fn send(&self, out: &Outgoing) -> Verdict {
        self.tell(out)
    }

    async fn edit(&self, out: &Outgoing, _receipt: &str) -> Verdict {
        self.tell(out)
    }
}
