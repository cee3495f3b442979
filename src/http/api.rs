//! The API: commands, lists, a stream of changes, and the description of all that, for programs of others.
//!
//! Whoever comes shows a token of the configuration, which acts like a person of its role. What is described is made
//! from the handlers themselves, so that it cannot say anything else than they do.

mod asked;
mod lists;
mod rows;
mod stream;

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use super::limits::SMALL_BODY;
use super::problem::{Document, Problem};
use super::{Shared, body};
use crate::channel::token::hash;
use crate::core::access::{Actor, Role};
use crate::core::input::{Body as InputBody, Invocation};
use crate::core::message::Content;
use crate::core::policy::Lang;
use crate::engine::NewInput;
use crate::render::{RENDERER, Reader, export, plain};
use crate::store::Sight;

/// The channel through which API tokens act.
pub const CHANNEL: &str = "api";

/// The API's routes.
pub fn routes(door: &Shared) -> Router<Shared> {
    Router::new()
        .route("/v1/commands", post(command))
        .route("/v1/agents", get(lists::agents))
        .route("/v1/sessions", get(lists::sessions))
        .route("/v1/tasks", get(lists::tasks))
        .route("/v1/costs", get(lists::costs))
        .route("/v1/alerts", get(lists::alerts))
        .route("/v1/approvals", get(lists::approvals))
        .route("/v1/audit", get(lists::audit))
        .route("/v1/stream", get(stream::stream))
        .route("/openapi.json", get(described))
        .layer(middleware::from_fn_with_state(door.clone(), guarded))
}

/// What the API is, by `OpenAPI` 3.1.
#[derive(OpenApi)]
#[openapi(
    info(title = "sereno", description = "What a fleet of AI agents does, and what people may say to it."),
    paths(
        command,
        lists::agents,
        lists::sessions,
        lists::tasks,
        lists::costs,
        lists::alerts,
        lists::approvals,
        lists::audit,
        stream::stream
    ),
    components(schemas(stream::Summary)),
    modifiers(&Bearer)
)]
struct Description;

/// How whoever calls shows who they are.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The description of the API as JSON, as it is served and kept in `docs/openapi.json`.
pub fn description() -> String {
    let text = Description::openapi().to_pretty_json().unwrap_or_default();
    format!("{text}\n")
}

/// `GET /openapi.json`
async fn described() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}

/// Whose token a request shows.
struct Caller {
    /// Name of the token; it is the person that acts.
    name: String,
    role: Role,
}

/// Whose token a request shows; the role must be `needed`, when one is.
fn caller(door: &Shared, headers: &HeaderMap, needed: Option<Role>) -> Result<Caller, Problem> {
    let given = headers.get("authorization").and_then(|v| v.to_str().ok()).and_then(|h| h.strip_prefix("Bearer "));
    let given = given.ok_or_else(Problem::unauthorized)?;
    // All of them are compared, so that time does not tell which one fits.
    let genuine =
        door.api_tokens.iter().fold(None, |found, token| if token.token.is(given) { Some(token) } else { found });
    let configured = genuine.map(|token| Caller { name: token.name.clone(), role: token.role });
    let token = configured.or_else(|| added(door, given)).ok_or_else(Problem::unauthorized)?;
    match needed {
        Some(role) if token.role != role => {
            Err(Problem::new(403, format!("This needs a token with the role {}.", role.as_str())))
        }
        _ => Ok(token),
    }
}

/// Whose token it is, of those that are known by their hash. The hashes are compared as a whole, all of them.
fn added(door: &Shared, given: &str) -> Option<Caller> {
    let (policy, hash, now) = (door.progress.policy.borrow().clone(), hash(given), door.sources.now());
    let found = policy.keys.iter().fold(None, |found, (name, key)| {
        let genuine = bool::from(key.hash.as_bytes().ct_eq(hash.as_bytes()));
        if genuine && key.expires > now { Some(name) } else { found }
    });
    let name = found?.clone();
    let role = *policy.tokens.get(&name)?;
    Some(Caller { name, role })
}

/// Counts wrong tokens, and tells whoever shows too many to wait, as for wrong keys of runtimes.
async fn guarded(State(door): State<Shared>, request: Request, next: Next) -> Response {
    let shown = request.headers().contains_key("authorization");
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let response = next.run(request).await;
    let Some(peer) = peer.filter(|_| shown && response.status() == StatusCode::UNAUTHORIZED) else { return response };
    metrics::counter!("sereno_intake_refused_total", "source" => "api", "reason" => "wrong").increment(1);
    let now = door.sources.now();
    if door.limits.is_suspect(peer, now) {
        let problem = Problem::new(429, "Too many wrong credentials from this address.").retry_after(60);
        return problem.into_response();
    }
    door.limits.failed(peer, now);
    response
}

/// Somebody who acts through the API.
fn actor(token: &Caller) -> Actor {
    Actor { channel: CHANNEL.into(), account: token.name.clone(), display: None }
}

/// What whoever asks for a list may see: what the command that shows the same would show them.
async fn reader(door: &Shared, token: &Caller, command: &str) -> Result<Sight, Problem> {
    let sight = door.sight(&actor(token), command).await?;
    sight.map_err(|reason| {
        let reader = Reader { lang: Lang::En, tz: "UTC".into(), whole: true };
        Problem::new(403, RENDERER.sentence(&reason, &reader, door.sources.now()))
    })
}

/// A command as it is sent.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The line, such as `/agents`.
    pub text: String,
    /// Language of the answer: `en` or `es`; `en` by default.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub lang: Lang,
}

/// What came of it.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub struct Outcome {
    /// Whether it was refused.
    pub refused: bool,
    /// The reason by name, with its particulars.
    #[schema(value_type = Object)]
    pub reason: Value,
    /// The answer as text.
    pub text: String,
    /// The answer as data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub content: Option<Value>,
    /// The file that it hands over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Handed>,
}

/// A file that a command hands over.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub struct Handed {
    /// What it is called.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// What is in it.
    pub text: String,
}

/// The file that an answer hands over. It holds the rows, which need not stand in the data a second time.
fn handed(content: Option<&mut Content>, lang: Lang) -> Option<Handed> {
    let Some(Content::Export(view)) = content else { return None };
    let file = export::file(view, lang);
    view.rows.clear();
    Some(Handed { name: file.name, media_type: file.mime.into(), text: file.text })
}

/// Says a command, as a person would in a chat.
///
/// # Errors
/// Why it was not taken.
#[utoipa::path(post, path = "/v1/commands", request_body = Command, security(("token" = [])),
    responses((status = 200, body = Outcome), (status = "4XX", body = Document, content_type = "application/problem+json"),
        (status = 503, body = Document, content_type = "application/problem+json")))]
pub async fn command(State(door): State<Shared>, headers: HeaderMap, body: Body) -> Result<Json<Outcome>, Problem> {
    let token = caller(&door, &headers, None)?;
    let body = body::read(&door.limits, &headers, body, SMALL_BODY).await?;
    body::check_json(&headers)?;
    let command: Command = serde_json::from_slice(&body.bytes).map_err(|e| Problem::new(400, e.to_string()))?;
    let invocation =
        Invocation { actor: actor(&token), text: command.text, tap: None, origin: None, device: None, secret: None };
    let invocation = door.tokens.sealed(invocation, door.sources.entropy.as_ref());
    let appended = door.log.append_one(NewInput::unkeyed(InputBody::Command(invocation))).await?;
    let reply = appended.reply.ok_or_else(|| Problem::new(500, "The command got no answer."))?;
    let policy = door.progress.policy.borrow().clone();
    let reader = Reader { lang: command.lang, tz: policy.tz.clone(), whole: true };
    let now = door.sources.now();
    let text = match &reply.content {
        Some(content) => {
            RENDERER.draw(&door.tokens.revealed(content, now), &reader, now).map(|doc| plain(&doc)).unwrap_or_default()
        }
        None => RENDERER.sentence(&reply.reason, &reader, now),
    };
    let mut content = reply.content;
    let file = handed(content.as_deref_mut(), command.lang);
    Ok(Json(Outcome {
        refused: reply.refused,
        reason: serde_json::to_value(&reply.reason).unwrap_or_default(),
        text,
        file,
        content: content.and_then(|content| serde_json::to_value(content).ok()),
    }))
}
