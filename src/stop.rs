//! Stopping: one asks, everybody else gets to know.

use tokio::sync::watch;

/// Asks everybody to stop.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Gets to know that it is time to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stopper {
    /// A pair: who asks, and who gets to know.
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Stop(receiver))
    }

    /// Asks.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether it is time.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is time, also when whoever would ask is gone.
    pub async fn asked(&mut self) {
        let _either_way = self.0.wait_for(|stop| *stop).await.map(|_| ());
    }
}
