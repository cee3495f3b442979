//! The phone page: reads what is committed, and hands over what people tap and type.
//!
//! Server-rendered; one style sheet and one small script, nothing from elsewhere. A tap goes the same way
//! as on any channel: its token is checked, it becomes a command in the log, and the fold decides.

mod assets;
mod cards;
mod complete;
mod control;
mod detail;
mod devices;
mod html;
mod look;
mod mail;
mod session;
mod stream;
mod views;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

pub use self::session::hash as hash_token;
use self::session::{Visitor, Writer};
use super::Shared;
use super::problem::Problem;
use crate::channel::tap;
use crate::core::access::Actor;
use crate::core::input::{Body, Invocation, Origin};
use crate::core::message::Content;
use crate::engine::NewInput;
use crate::render::export;

/// Cards that the feed shows at first, besides those that wait for somebody.
const FEED: usize = 60;
/// Cards among which those that wait are looked for.
const LOOKED_AT: i64 = 1000;

/// What every page says about who may embed it, and what it may load.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page's routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(feed))
        .route("/agents", get(views::agents))
        .route("/cost", get(views::cost))
        .route("/more", get(views::more))
        .route("/sessions", get(views::sessions))
        .route("/tasks", get(views::tasks))
        .route("/alerts", get(views::alerts))
        .route("/agent/{runtime}/{*id}", get(detail::agent))
        .route("/session/{runtime}/{*id}", get(detail::session))
        .route("/task/{*id}", get(detail::task))
        .route("/alert/{code}", get(detail::alert))
        .route("/more/{command}", get(detail::more))
        .route("/card/{copy}", get(detail::card))
        .route("/c/{card}", get(find))
        .route("/file/{copy}", get(file))
        .route("/stream", get(stream::stream))
        .route("/head", get(stream::head))
        .route("/complete", get(complete::complete))
        .route("/m", get(mail::landing))
        .route("/m/show", post(mail::show))
        .route("/m/act", post(mail::act))
        .route("/m/stop/{token}", get(mail::look_at_stop).post(mail::stop))
        .route("/act", post(act))
        .route("/say", post(say))
        .route("/devices", post(devices::notify))
        .route("/devices/forget", post(devices::forget))
        .route("/offline", get(assets::offline))
        .route("/sw.js", get(assets::worker))
        .route("/signin", post(session::sign_in))
        .route("/signout", post(session::sign_out))
        .route("/assets/{file}", get(assets::asset))
        .layer(middleware::from_fn(guarded))
}

/// Headers of every answer of the page.
async fn guarded(request: axum::extract::Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let kept = headers.get(header::CACHE_CONTROL).is_some_and(|value| value == assets::KEPT);
    if !kept {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// `GET /`
async fn feed(State(door): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    let Some(visitor) = session::visitor(&door, &headers).await? else {
        return Ok(html::sign_in(&door, &headers).into_response());
    };
    let view = feed_page(&door, &visitor, FEED).await?;
    Ok(html::page(&door, &visitor, "feed", &view, None).into_response())
}

/// What the feed shows now: all that waits, and the first `most` of the others.
async fn feed_page(door: &Shared, visitor: &Visitor, most: usize) -> Result<html::FeedView, Problem> {
    // Before the cards are read: what changes meanwhile is told again, and not missed.
    let since = *door.progress.committed.borrow();
    let rows = door.store.feed(&door.page.0, &visitor.person, LOOKED_AT).await?;
    let head = stream::summary(door, visitor).await?;
    let (needs, feed) = cards::split(door, visitor, rows, most);
    Ok(html::FeedView { needs, feed, head, since })
}

/// `GET /c/{card}`: where a card stands on the page of whoever looks; what other channels say of it leads here.
async fn find(State(door): State<Shared>, headers: HeaderMap, Path(card): Path<u64>) -> Result<Redirect, Problem> {
    let Some(visitor) = session::visitor(&door, &headers).await? else {
        return Ok(Redirect::to("/"));
    };
    let row = door.store.feed_card(&door.page.0, &visitor.person, card).await?;
    Ok(Redirect::to(&row.map_or_else(|| "/".into(), |row| format!("/card/{}", row.copy.number))))
}

/// `GET /file/{copy}`: the file that a card hands over, for whoever it is on whose page.
async fn file(State(door): State<Shared>, headers: HeaderMap, Path(copy): Path<u64>) -> Result<Response, Problem> {
    let Some(visitor) = session::visitor(&door, &headers).await? else {
        return Ok(Redirect::to("/").into_response());
    };
    let row = door.store.feed_one(&door.page.0, &visitor.person, copy).await?;
    let Some(Content::Export(view)) = row.map(|row| row.card.content) else {
        return Err(Problem::new(404, "There is no such file on your page."));
    };
    let file = export::file(&view, visitor.lang);
    let named = format!("attachment; filename=\"{}\"", file.name);
    let kind = format!("{}; charset=utf-8", file.mime);
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, named)], file.text).into_response())
}

/// A button that was tapped.
#[derive(Deserialize)]
struct Act {
    token: String,
    #[serde(default)]
    why: String,
}

/// A line that was typed.
#[derive(Deserialize)]
struct Say {
    text: String,
}

/// What came of it.
#[derive(Serialize)]
struct Said {
    text: String,
    refused: bool,
}

/// `POST /act`
async fn act(State(door): State<Shared>, writer: Writer, body: Json<Act>) -> Result<Response, Problem> {
    let Visitor { person, .. } = &writer.0;
    let token = door.tokens.read(&body.token, &door.page.0, person);
    let token = token.ok_or_else(|| Problem::new(403, "This button is not one of yours."))?;
    let invocation =
        Invocation { text: body.why.trim().to_owned(), tap: Some(tap(&token, None)), ..said(&door, person) };
    answer(&door, &writer.0, invocation).await
}

/// `POST /say`
async fn say(State(door): State<Shared>, writer: Writer, body: Json<Say>) -> Result<Response, Problem> {
    let text = body.text.trim();
    if text.is_empty() || text.len() > 8000 {
        return Err(Problem::new(422, "A line is between 1 and 8000 bytes long."));
    }
    let invocation = Invocation { text: text.to_owned(), ..said(&door, &writer.0.person) };
    answer(&door, &writer.0, invocation).await
}

fn said(door: &Shared, person: &str) -> Invocation {
    let channel = door.page.0.clone();
    Invocation {
        actor: Actor { channel: channel.clone(), account: person.to_owned(), display: None },
        text: String::new(),
        tap: None,
        origin: Some(Origin { channel, target: person.to_owned(), reply_to: None }),
        device: None,
        secret: None,
    }
}

async fn answer(door: &Shared, visitor: &Visitor, invocation: Invocation) -> Result<Response, Problem> {
    let invocation = door.tokens.sealed(invocation, door.sources.entropy.as_ref());
    let appended = door.log.append_one(NewInput::unkeyed(Body::Command(invocation))).await?;
    let reply = appended.reply.ok_or_else(|| Problem::new(500, "There is no answer."))?;
    let text = html::sentence(door, visitor, &reply.reason);
    let status = if reply.refused { StatusCode::CONFLICT } else { StatusCode::OK };
    Ok((status, Json(Said { text, refused: reply.refused })).into_response())
}
