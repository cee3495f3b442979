//! HTTP: intake, the page, health. The only module that knows requests and answers.

pub mod api;
mod body;
pub mod health;
#[cfg(feature = "otlp")]
mod inflate;
pub mod limits;
#[cfg(feature = "otlp")]
mod otlp;
mod page;
pub mod patience;
mod problem;
mod push;
pub mod serve;
mod skew;
mod webhook;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::channel::Channel;
use crate::channel::push::Push;
use crate::channel::token::Tokens;
use crate::channel::web::WebChannel;
use crate::clock::Sources;
use crate::core::access::{Actor, Role, authorize};
use crate::core::command::CATALOGUE;
use crate::core::reason::Reason;
use crate::engine::{Log, Progress};
use crate::health::Health;
use crate::receiver::Receiver;
use crate::runtime::Runtime;
use crate::runtime::secret::Secret;
use crate::stop::Stop;
use crate::store::{self, Sight, Store};

pub use limits::Limits;
pub use page::hash_token;
use problem::Problem;
pub use webhook::{is_abandoned, withdraw};

/// A token for the API.
pub struct ApiToken {
    /// Name in the configuration; it is the person that acts.
    pub name: String,
    /// The token.
    pub token: Secret,
    /// What it may do.
    pub role: Role,
}

/// What every handler works with.
pub struct Door {
    /// Where inputs go.
    pub log: Log,
    /// What is committed.
    pub store: Store,
    /// Time and randomness.
    pub sources: Sources,
    /// Runtimes by name.
    pub runtimes: Arc<HashMap<String, Arc<dyn Runtime>>>,
    /// Channels by name.
    pub channels: Arc<HashMap<String, Arc<dyn Channel>>>,
    /// The page's channel, with its name.
    pub page: (String, Arc<WebChannel>),
    /// Notifies devices.
    pub push: Arc<Push>,
    /// Makes and checks the tokens of buttons.
    pub tokens: Tokens,
    /// What the engine tells.
    pub progress: Progress,
    /// How channels are doing.
    pub health: Arc<Health>,
    /// Bounds.
    pub limits: Limits,
    /// Our own address as others see it, without a slash at its end.
    pub public_url: String,
    /// Tokens for the API.
    pub api_tokens: Vec<ApiToken>,
    /// Renders the metrics.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
    /// We are about to stop.
    pub stopping: Stop,
}

impl Door {
    /// What somebody may see by a command; why not, when they may not use it at all.
    async fn sight(&self, actor: &Actor, command: &str) -> store::Result<Result<Sight, Reason>> {
        let policy = self.progress.policy.borrow().clone();
        let Some(spec) = CATALOGUE.find(command) else { return Ok(Err(Reason::NothingToDo)) };
        match authorize(&policy, actor, spec) {
            Ok(who) => self.store.sight(&policy, &who).await.map(Ok),
            Err(reason) => Ok(Err(reason)),
        }
    }

    /// Takes in what people say, with what the door has.
    pub fn receiver(&self) -> Receiver {
        Receiver {
            log: self.log.clone(),
            store: self.store.clone(),
            tokens: self.tokens.clone(),
            sources: self.sources.clone(),
            progress: self.progress.clone(),
            health: self.health.clone(),
        }
    }
}

/// Shared by all handlers.
pub type Shared = Arc<Door>;

/// Every route.
pub fn router(door: Shared) -> Router {
    Router::new()
        .route("/hooks/{runtime}", post(webhook::hook))
        .route("/v1/events", post(webhook::events))
        .route("/channels/{channel}", post(push::update))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(api::routes(&door))
        .merge(telemetry())
        .merge(page::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        // Handlers read bodies themselves, each under its own limit.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(door.clone(), counted))
        .with_state(door)
}

/// Where exporters send batches: to the address itself, or to that of a runtime.
#[cfg(feature = "otlp")]
fn telemetry() -> Router<Shared> {
    use crate::runtime::telemetry::Signal;

    // Where Langfuse's kits send spans, below the address that they are told.
    let langfuse =
        post(|door, peer, name, headers, body| otlp::of_runtime(Signal::Traces, door, peer, name, headers, body));
    let routes = Router::new().route("/hooks/{runtime}/api/public/otel/v1/traces", langfuse);
    Signal::ALL.into_iter().fold(routes, |routes, signal| {
        let word = signal.as_str();
        routes
            .route(
                &format!("/v1/{word}"),
                post(move |door, peer, headers, body| otlp::anybody(signal, door, peer, headers, body)),
            )
            .route(
                &format!("/hooks/{{runtime}}/v1/{word}"),
                post(move |door, peer, name, headers, body| otlp::of_runtime(signal, door, peer, name, headers, body)),
            )
    })
}

#[cfg(not(feature = "otlp"))]
fn telemetry() -> Router<Shared> {
    Router::new()
}

async fn unknown() -> Problem {
    Problem::new(404, "There is nothing here.")
}

async fn wrong_method() -> Problem {
    Problem::new(405, "This address takes another method.")
}

/// Counts requests by route and status; a path that is no route is not a label. Whoever is told to come
/// back is told when, each at another time, so that they do not all come back at once.
async fn counted(State(door): State<Shared>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<axum::extract::MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let too_long = request.uri().path_and_query().is_some_and(|address| address.as_str().len() > limits::ADDRESS);
    let mut response =
        if too_long { Problem::new(414, "The address is too long.").into_response() } else { next.run(request).await };
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        let seconds = limits::come_back(door.sources.entropy.as_ref());
        response.headers_mut().entry(header::RETRY_AFTER).or_insert(seconds.into());
    }
    let status = response.status().as_u16().to_string();
    metrics::counter!("sereno_http_requests_total", "route" => route, "status" => status).increment(1);
    response
}
