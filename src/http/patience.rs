//! Patience with a connection: a head that has begun must be whole soon, while a connection may rest for longer
//! between two requests.
//!
//! hyper has one limit for both. Whatever balances load keeps connections for a minute, and would send a request into
//! one that we are just closing; so hyper has the limit of the rest, and the shorter one is kept here, where the
//! bytes come in. How long a body or an answer takes is not judged here.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Sleep, Timer as _};
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How long a head may take to arrive, and a new connection to send one.
pub const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may rest between two requests: longer than the minute of common balancers, or it is
/// closed under a request that is on its way.
pub const REST: Duration = Duration::from_secs(75);

/// How many requests of a connection have begun and ended: while it is odd, one is being answered.
#[derive(Clone, Default)]
pub struct Turns(Arc<AtomicUsize>);

/// A request is being answered until this is dropped.
pub struct Answering(Turns);

impl Turns {
    /// A request has come.
    pub fn begin(&self) -> Answering {
        self.0.fetch_add(1, Ordering::Relaxed);
        Answering(self.clone())
    }

    fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection from which reading fails with [`io::ErrorKind::TimedOut`] once a head takes longer than [`HEAD`].
pub struct Patient<S> {
    stream: S,
    turns: Turns,
    /// The turn for which `until` was set.
    turn: usize,
    until: Option<Pin<Box<dyn Sleep>>>,
}

impl<S> Patient<S> {
    /// A connection that is new.
    pub fn new(stream: S, turns: Turns) -> Self {
        let turn = turns.now();
        Self { stream, turns, turn, until: Some(TokioTimer::new().sleep(HEAD)) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let now = self.turns.now();
        if now != self.turn {
            (self.turn, self.until) = (now, None);
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let answering = now % 2 == 1;
        if answering {
            return read;
        }
        if buffer.filled().len() > before && self.until.is_none() {
            self.until = Some(TokioTimer::new().sleep(HEAD));
        }
        let late = read.is_pending() && self.until.as_mut().is_some_and(|until| until.as_mut().poll(cx).is_ready());
        if late { Poll::Ready(Err(io::ErrorKind::TimedOut.into())) } else { read }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
