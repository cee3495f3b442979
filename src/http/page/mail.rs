//! Decisions by a link from a mail, or from a message of ntfy: a page that shows what a button would do, and a tap that does it.
//!
//! Whatever follows links (scanners, previews, a browser without anybody before it) gets a page that is the same for
//! every link: the token stands behind the `#`, where no server sees it, and only a tap posts it to where something
//! happens. A link speaks for its address, as long as its button is drawn; the fold judges it like any other tap.

use axum::Json;
use axum::body::Body as Content;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::limits::SMALL_BODY;
use super::super::problem::Problem;
use super::super::{Door, Shared, body};
use super::{html, session};
use crate::channel::tap;
use crate::channel::token::Token;
use crate::core::access::Actor;
use crate::core::input::{Body, Invocation, Origin};
use crate::core::message::Content as Message;
use crate::core::reason::Reason;
use crate::core::step::Reply;
use crate::courier::draw;
use crate::engine::NewInput;
use crate::render::markup::{Block, Doc, Span, text_of};
use crate::render::{RENDERER, Words};
use crate::store::FeedRow;

/// The kinds of channel whose buttons are links.
const KINDS: [&str; 2] = ["email", "ntfy"];

/// `GET /m`: the same page for every link.
pub async fn landing(State(door): State<Shared>, headers: HeaderMap) -> Html<String> {
    html::alone(&door, &headers, "mail")
}

/// A link that somebody looks at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    token: String,
}

/// A link that somebody taps.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tapped {
    token: String,
    #[serde(default)]
    why: String,
}

/// A card and the button that the link is.
#[derive(Serialize)]
struct Shown {
    lang: &'static str,
    /// The first line, for the title of the window.
    title: String,
    /// The card, as text only.
    blocks: Vec<Value>,
    /// The button, while it is drawn.
    button: Option<ShownButton>,
    /// What to know before a tap, or that there is nothing to tap.
    note: String,
}

#[derive(Serialize)]
struct ShownButton {
    label: String,
    style: &'static str,
    /// What to ask for before the tap counts.
    why: Option<String>,
}

/// What came of a tap, and what the card says then.
#[derive(Serialize)]
struct Done {
    text: String,
    refused: bool,
    card: Option<Shown>,
}

/// `POST /m/show`: what the card says now. Changes nothing.
pub async fn show(State(door): State<Shared>, headers: HeaderMap, content: Content) -> Result<Response, Problem> {
    let look: Look = read(&door, &headers, content).await?;
    Ok(match find(&door, &look.token).await? {
        Some((token, row)) => Json(shown(&door, &row, token)).into_response(),
        None => dead(&door, &headers),
    })
}

/// `POST /m/act`: a tap.
pub async fn act(State(door): State<Shared>, headers: HeaderMap, content: Content) -> Result<Response, Problem> {
    let tapped: Tapped = read(&door, &headers, content).await?;
    let Some((token, row)) = find(&door, &tapped.token).await? else { return Ok(dead(&door, &headers)) };
    let reply = carry_out(&door, &row, &token, tapped.why.trim()).await?;
    let reader = draw::reader(&door.progress.policy.borrow(), &row.copy);
    let text = RENDERER.sentence(&reply.reason, &reader, door.sources.now());
    let now = find(&door, &tapped.token).await?;
    let card = now.map(|(token, row)| shown(&door, &row, token));
    let status = match &reply.reason {
        _ if !reply.refused => StatusCode::OK,
        Reason::AlreadyDecided { .. } | Reason::StaleButton | Reason::UnknownButton => StatusCode::GONE,
        _ => StatusCode::CONFLICT,
    };
    Ok((status, Json(Done { text, refused: reply.refused, card })).into_response())
}

/// `GET /m/stop/{token}`: whoever looks where the link of a mail program leads gets the page of the button.
pub async fn look_at_stop(Path(token): Path<String>) -> Redirect {
    // Nothing but a token of ours passes, so that nothing else can stand in the address.
    let token: String = token.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    Redirect::to(&format!("/m#{token}"))
}

/// `POST /m/stop/{token}`: a mail program says for its reader that they want no more of these mails. Only a digest's
/// button can be pressed this way, because the token stands where servers on the way log it.
/// <https://www.rfc-editor.org/rfc/rfc8058#section-3.2>
pub async fn stop(
    State(door): State<Shared>,
    Path(token): Path<String>,
    headers: HeaderMap,
    content: Content,
) -> Result<StatusCode, Problem> {
    let content = body::read(&door.limits, &headers, content, SMALL_BODY).await?;
    let said = String::from_utf8_lossy(&content.bytes);
    if !said.contains("List-Unsubscribe") || !said.contains("One-Click") {
        return Err(Problem::new(400, "This address takes List-Unsubscribe=One-Click, as RFC 8058 has it."));
    }
    let found = find(&door, &token).await?.filter(|(_, row)| matches!(row.card.content, Message::Digest(_)));
    let Some((token, row)) = found else { return Err(Problem::new(410, "This link does nothing any more.")) };
    let reply = carry_out(&door, &row, &token, "").await?;
    Ok(if reply.refused { StatusCode::CONFLICT } else { StatusCode::OK })
}

/// Presses a button for whoever reads at its address.
async fn carry_out(door: &Door, row: &FeedRow, token: &Token, why: &str) -> Result<Reply, Problem> {
    let to = &row.copy.to;
    let invocation = Invocation {
        actor: Actor { channel: to.channel.clone(), account: to.target.clone(), display: None },
        text: why.to_owned(),
        tap: Some(tap(token, None)),
        origin: Some(Origin { channel: to.channel.clone(), target: to.target.clone(), reply_to: None }),
        device: None,
        secret: None,
    };
    let appended = door.log.append_one(NewInput::unkeyed(Body::Command(invocation))).await?;
    appended.reply.ok_or_else(|| Problem::new(500, "There is no answer."))
}

/// Reads what our own page has sent; no form and no other page can send it.
async fn read<T: DeserializeOwned>(door: &Shared, headers: &HeaderMap, content: Content) -> Result<T, Problem> {
    if !session::same_origin(headers) {
        return Err(Problem::new(403, "This request did not come from our own page."));
    }
    body::check_json(headers)?;
    let content = body::read(&door.limits, headers, content, SMALL_BODY).await?;
    serde_json::from_slice(&content.bytes).map_err(|_| Problem::new(422, "The request cannot be read."))
}

/// The copy to which a link belongs, when it is ours and went out where buttons are links.
async fn find(door: &Shared, text: &str) -> Result<Option<(Token, FeedRow)>, Problem> {
    let Some(copy) = door.tokens.claimed(text) else { return Ok(None) };
    let Some(row) = door.store.copy(copy).await? else { return Ok(None) };
    let to = &row.copy.to;
    let policy = door.progress.policy.borrow().clone();
    let is_link = policy.channels.get(&to.channel).is_some_and(|channel| KINDS.contains(&channel.kind.as_str()));
    let token = door.tokens.read(text, &to.channel, &to.target).filter(|_| is_link);
    Ok(token.map(|token| (token, row)))
}

/// The link is not ours, or from before a restore, or of a card that is forgotten.
fn dead(door: &Shared, headers: &HeaderMap) -> Response {
    metrics::counter!("sereno_taps_refused_total", "channel" => "link").increment(1);
    let words = Words::of(html::lang_of(door, headers));
    let said = Done { text: words.get("mail.dead").to_owned(), refused: true, card: None };
    (StatusCode::GONE, Json(said)).into_response()
}

fn shown(door: &Shared, row: &FeedRow, token: Token) -> Shown {
    let policy = door.progress.policy.borrow().clone();
    let lang = draw::reader(&policy, &row.copy).lang;
    let out = draw::outgoing(&policy, &door.tokens, &row.copy, &row.card, door.sources.now());
    let is_drawn = row.card.buttons.iter().filter(|button| button.is_drawn(row.copy.whole));
    let place = is_drawn.map(|button| button.number).position(|number| number == token.button);
    let words = Words::of(lang);
    let button = place.and_then(|place| out.buttons.get(place)).map(|button| ShownButton {
        label: button.label.clone(),
        style: html::style_of(button.style),
        why: button.asks_why.then(|| words.get("page.why_prompt").to_owned()),
    });
    let note = words.get(if button.is_some() { "mail.not_yet" } else { "mail.over" });
    Shown {
        lang: lang.as_str(),
        title: text_of(&out.doc.title),
        blocks: blocks(&out.doc),
        button,
        note: note.to_owned(),
    }
}

/// The card as data, of which the page makes text and nothing else.
fn blocks(doc: &Doc) -> Vec<Value> {
    let blocks = doc.blocks.iter().filter_map(|block| {
        Some(match block {
            Block::Line(spans) => json!({ "kind": "line", "spans": inline(spans) }),
            Block::Field(label, value) => json!({ "kind": "field", "label": text_of(label), "spans": inline(value) }),
            Block::Item(spans) => json!({ "kind": "item", "spans": inline(spans) }),
            Block::Code(text) => json!({ "kind": "code", "text": text }),
            Block::Quote(spans) => json!({ "kind": "quote", "spans": inline(spans) }),
            Block::Note(spans) => json!({ "kind": "note", "spans": inline(spans) }),
            Block::Gap => return None,
        })
    });
    blocks.collect()
}

fn inline(spans: &[Span]) -> Vec<(&'static str, &str)> {
    let spans = spans.iter().map(|span| match span {
        Span::Text(text) => ("text", text.as_str()),
        Span::Strong(text) => ("strong", text.as_str()),
        Span::Code(text) => ("code", text.as_str()),
        Span::Break => ("break", ""),
    });
    spans.collect()
}
