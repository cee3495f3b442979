//! Wake-ups between processes on one PostgreSQL database.
//!
//! A bell only says "look now"; whoever waits for one looks by itself after a while, so nothing depends on a
//! bell being heard. It is rung outside of transactions that write, because those would wait for one another.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::watch;

use super::{Pool, Store, sql};
use crate::clock::within;

/// How soon somebody looks who heard no bell.
const LOOK: Duration = Duration::from_millis(150);
/// How soon a connection on which bells are heard is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// A request waits to be folded.
    Request,
    /// Something was committed.
    Commit,
    /// A lease was given back.
    Lease,
}

impl Ring {
    const ALL: [Self; 3] = [Self::Request, Self::Commit, Self::Lease];

    const fn statement(self) -> &'static str {
        match self {
            Self::Request => sql::NOTIFY_REQUEST,
            Self::Commit => sql::NOTIFY_COMMIT,
            Self::Lease => sql::NOTIFY_LEASE,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Commit => "commit",
            Self::Lease => "lease",
        }
    }
}

/// The bells of one process.
#[derive(Clone, Debug)]
pub struct Bell(Arc<[watch::Sender<()>; 3]>);

/// Waits for one kind of ring.
#[derive(Debug)]
pub struct Ear(watch::Receiver<()>);

impl Default for Bell {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| watch::Sender::new(()))))
    }
}

impl Bell {
    /// Wakes who waits in this process.
    pub fn ring(&self, what: Ring) {
        self.0[what as usize].send_replace(());
    }

    /// Listens from now on.
    pub fn ear(&self, what: Ring) -> Ear {
        Ear(self.0[what as usize].subscribe())
    }
}

impl Ear {
    /// Returns when it rang since the last time, or after a while.
    pub async fn heard(&mut self) {
        // Either way it is time to look. The bell lives as long as whoever listens.
        let _either_way = within(LOOK, self.0.changed()).await;
    }
}

impl Store {
    /// Wakes other processes. Nobody depends on it, so an error is none.
    pub async fn ring(&self, what: Ring) {
        let Pool::Postgres(pool) = &self.pool else { return };
        if let Err(error) = sqlx::raw_sql(what.statement()).execute(pool).await {
            tracing::debug!(%error, "a bell could not be rung");
        }
    }

    /// Rings the bells of this process whenever another one rings; returns when there is nothing to hear.
    pub async fn listen(&self, bell: Bell) {
        let Some(url) = self.listens.clone() else { return };
        loop {
            if let Err(error) = hear(&url, &bell).await {
                tracing::debug!(%error, "no bells are heard now");
            }
            within(AGAIN, std::future::pending::<()>()).await;
        }
    }
}

async fn hear(url: &str, bell: &Bell) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen("sereno").await?;
    loop {
        let said = listener.recv().await?;
        if let Some(what) = Ring::ALL.into_iter().find(|ring| ring.as_str() == said.payload()) {
            bell.ring(what);
        }
    }
}
