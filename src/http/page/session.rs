//! Who looks at the page: a single-use link makes a session, a cookie holds it.
//!
//! The link's token is in the fragment, so no server and no log sees it before its owner taps; opening
//! the link changes nothing. Sessions are facts of the log; here only hashes are compared.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::super::Shared;
use super::super::problem::Problem;
use crate::clock::random_hex;
use crate::core::access::Actor;
use crate::core::input::Body;
use crate::core::policy::Lang;
use crate::core::time::Span;
use crate::engine::NewInput;
use crate::render::Reader;
use crate::store::Sight;

/// How long a session lives.
const SESSION_LIVES: Span = Span::days(30);

/// Whoever looks at the page.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Their name in the configuration.
    pub person: String,
    /// Their language, or another one that they have chosen in this browser.
    pub lang: Lang,
    /// Their zone.
    pub tz: String,
    /// What a request that changes something must carry.
    pub csrf: String,
    /// Hash of the session's token.
    pub session: String,
    /// Our key, with which a device there subscribes to notifications.
    pub push: String,
}

impl Visitor {
    /// How texts are written for them.
    pub fn reader(&self) -> Reader {
        Reader { lang: self.lang, tz: self.tz.clone(), whole: true }
    }

    /// As whom they act.
    pub fn actor(&self, door: &Shared) -> Actor {
        Actor { channel: door.page.0.clone(), account: self.person.clone(), display: None }
    }

    /// What they may see by a command; nothing where they may not use it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sight(&self, door: &Shared, command: &str) -> Result<Sight, Problem> {
        Ok(door.sight(&self.actor(door), command).await?.unwrap_or_else(|_| Sight::nothing()))
    }
}

/// A visitor whose request may change something: it came from our own page.
pub struct Writer(pub Visitor);

/// SHA-256 of a token, hexadecimal.
pub fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

fn csrf(token: &str) -> String {
    hex::encode(&Sha256::digest(format!("sereno.csrf.v1\0{token}"))[..16])
}

/// A cookie that only this host can set needs TLS; on loopback there is none.
fn cookie_name(door: &Shared) -> &'static str {
    if door.public_url.starts_with("https://") { "__Host-sereno" } else { "sereno" }
}

/// Browsers take a `__Host-` cookie, and its end, only with all of these attributes.
fn set_cookie(door: &Shared, value: &str, lives: Span) -> Result<HeaderValue, Problem> {
    let name = cookie_name(door);
    let secure = if name.starts_with("__Host-") { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}", lives.0 / 1000);
    HeaderValue::from_str(&cookie).map_err(|_| Problem::new(500, "The session could not be set."))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(have, value)| (have == name).then_some(value))
}

/// The language that was chosen in a browser. It is nobody's secret, and the page's script sets it.
pub(super) fn chosen_lang(headers: &HeaderMap) -> Option<Lang> {
    let chosen = cookie(headers, "sereno-lang")?;
    Lang::ALL.into_iter().find(|lang| lang.as_str() == chosen)
}

/// Whoever looks, if they have a living session and are still in the configuration.
pub async fn visitor(door: &Shared, headers: &HeaderMap) -> Result<Option<Visitor>, Problem> {
    let Some(token) = cookie(headers, cookie_name(door)).filter(|t| t.len() == 64) else {
        return Ok(None);
    };
    let session = hash(token);
    let Some(name) = door.store.sign_in(&session, door.sources.now()).await? else {
        return Ok(None);
    };
    let policy = door.progress.policy.borrow().clone();
    Ok(policy.people.get(&name).map(|person| Visitor {
        person: name.clone(),
        lang: chosen_lang(headers).unwrap_or(person.lang),
        tz: person.tz.clone(),
        csrf: csrf(token),
        session,
        push: door.push.key().to_owned(),
    }))
}

/// Whether a request was made by a page of ours, as far as the browser says.
pub(super) fn same_origin(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|v| v.to_str().ok());
    site.is_none_or(|site| site == "same-origin")
}

impl FromRequestParts<Shared> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Shared) -> Result<Self, Problem> {
        let visitor = visitor(door, &parts.headers).await?.ok_or_else(Problem::unauthorized)?;
        let given = parts.headers.get("x-csrf").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let genuine = bool::from(given.as_bytes().ct_eq(visitor.csrf.as_bytes()));
        if !genuine || !same_origin(&parts.headers) {
            return Err(Problem::new(403, "This request did not come from our own page."));
        }
        Ok(Self(visitor))
    }
}

/// The token of a link.
#[derive(Deserialize)]
pub struct SignIn {
    token: String,
}

/// `POST /signin`: uses a link.
pub async fn sign_in(State(door): State<Shared>, headers: HeaderMap, body: Json<SignIn>) -> Result<Response, Problem> {
    if !same_origin(&headers) {
        return Err(Problem::new(403, "This request did not come from our own page."));
    }
    let session = random_hex(door.sources.entropy.as_ref(), 32);
    let expires = door.sources.now().plus(SESSION_LIVES);
    let input = Body::LinkUsed { token: hash(&body.token), session: hash(&session), expires };
    let appended = door.log.append_one(NewInput::unkeyed(input)).await?;
    if appended.reply.is_none_or(|reply| reply.refused) {
        return Err(Problem::new(410, "This link was used already, or is too old."));
    }
    let cookie = set_cookie(&door, &session, SESSION_LIVES)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// `POST /signout`
pub async fn sign_out(State(door): State<Shared>, writer: Writer) -> Result<Response, Problem> {
    let input = Body::SignedOut { session: writer.0.session };
    door.log.append_one(NewInput::unkeyed(input)).await?;
    let gone = set_cookie(&door, "", Span(0))?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}
