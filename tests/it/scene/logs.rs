//! What a scene complained about, and the spans that it went through, on its own thread.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use sereno::clock::within;
use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::PATIENCE;

/// Collects on this thread for as long as it lives.
pub struct Logs {
    kept: Kept,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Kept {
    lines: Arc<Mutex<Vec<String>>>,
    spans: Arc<Mutex<Vec<String>>>,
    woken: Arc<Notify>,
}

impl Logs {
    pub fn start() -> Self {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::registry().with(kept.clone());
        Self { kept, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// Lines at `WARN` and above.
    pub fn troubles(&self) -> Vec<String> {
        self.kept.lines.lock().unwrap().clone()
    }

    /// Waits until somebody complains about `what`.
    pub async fn wait_for(&self, what: &str) {
        let complained = within(PATIENCE, async {
            while !self.troubles().iter().any(|line| line.contains(what)) {
                self.kept.woken.notified().await;
            }
        });
        assert!(complained.await.is_some(), "nobody complained about {what}");
    }

    /// Our own spans as paths from the outermost, such as `courier > send`, in order, since the last look.
    pub fn take_spans(&self) -> Vec<String> {
        std::mem::take(&mut *self.kept.spans.lock().unwrap())
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Kept {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().target().starts_with("sereno") {
            let scope = context.span_scope(id).into_iter().flat_map(Scope::from_root);
            let path: Vec<&str> = scope.map(|span| span.name()).collect();
            self.spans.lock().unwrap().push(path.join(" > "));
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // `serve` shows neither what PostgreSQL remarks nor what the client of Slack's sockets says. How long the
        // database took is a matter of the machine, which may have other things to do.
        let target = event.metadata().target();
        let unshown = target == "sqlx::postgres::notice" || target.starts_with("slack_morphism");
        let slow = ["sqlx::query", "sqlx::pool::acquire"].contains(&target);
        if *event.metadata().level() > Level::WARN || unshown || slow {
            return;
        }
        let mut line = Line(format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        self.lines.lock().unwrap().push(line.0);
        self.woken.notify_one();
    }
}

/// An event in one line.
pub struct Line(pub String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _infallible = write!(self.0, " {}={value:?}", field.name());
    }
}
