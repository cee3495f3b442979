//! The frame around the views: templates that escape every value for HTML.

use std::sync::LazyLock;

use axum::http::{HeaderMap, header};
use axum::response::Html;
use include_dir::Dir;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, Output, State, context, escape_formatter};
use serde::Serialize;

use super::super::Shared;
use super::assets::VERSION;
use super::cards::Drawn;
use super::detail::Detail;
use super::session::{self, Visitor};
use super::stream::Summary;
use crate::core::message::ButtonStyle;
use crate::core::policy::Lang;
use crate::core::reason::Reason;
use crate::core::text;
use crate::core::time::{Ts, zone};
use crate::render::{FILES, RENDERER, Words, add_filters, escape_html};

/// Views of the bottom bar: address, key of the word, sign.
const VIEWS: [(&str, &str, &str); 4] =
    [("/", "feed", "🔔"), ("/agents", "agents", "🤖"), ("/cost", "cost", "💰"), ("/more", "more", "⋯")];

/// Which view of the bar another one belongs to.
fn tab(view: &str) -> &str {
    if VIEWS.iter().any(|(_, key, _)| *key == view) { view } else { "more" }
}

static EN: LazyLock<Environment<'static>> = LazyLock::new(|| templates(Lang::En));
static ES: LazyLock<Environment<'static>> = LazyLock::new(|| templates(Lang::Es));

fn templates(lang: Lang) -> Environment<'static> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_formatter(visible);
    add_filters(&mut env, lang);
    env.add_global("w", Value::from(Serde(&Words::of(lang).0)));
    env.add_global("lang", lang.as_str());
    env.add_global("version", VERSION.as_str());
    env.add_filter("raw", |html: String| Value::from_safe_string(html));
    env.add_filter("address", |parts: Vec<String>| Value::from_safe_string(address(&parts)));
    env.add_filter("exact", |text: &str| Value::from_safe_string(escape_html(text)));
    let files = FILES.get_dir("web").into_iter().flat_map(Dir::files);
    for file in files.filter(|f| f.path().extension().is_some_and(|e| e == "html")) {
        let name = file.path().file_stem().and_then(|n| n.to_str()).unwrap_or_default();
        let text = file.contents_utf8().unwrap_or_default();
        env.add_template(name, text).unwrap_or_else(|e| panic!("web/{name}.html: {e}"));
    }
    env
}

/// An address of our own, from what stands between its slashes. Names of others are hostile: whatever is not a letter,
/// a digit or one of a few signs is written as bytes; a slash within a name stays one.
pub fn address(parts: &[String]) -> String {
    let mut out = String::new();
    for part in parts {
        out.push('/');
        for byte in part.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/') {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    out
}

/// Whether a request asks for just this kind of answer.
pub fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    headers.get(header::ACCEPT).is_some_and(|accept| accept == kind)
}

/// A reason in one sentence, for whoever looks.
pub fn sentence(door: &Shared, visitor: &Visitor, reason: &Reason) -> String {
    RENDERER.sentence(reason, &visitor.reader(), door.sources.now())
}

/// Writes a value with its hidden characters made visible; `exact` is for what is sent back, not read.
fn visible(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) if !value.is_safe() => escape_formatter(out, state, &Value::from(text::one_line(text))),
        _ => escape_formatter(out, state, value),
    }
}

/// What the feed shows.
#[derive(Serialize)]
pub struct FeedView {
    /// Cards that wait for the person.
    pub needs: Vec<Drawn>,
    /// The others.
    pub feed: Vec<Drawn>,
    /// The sentence at the top.
    pub head: Summary,
    /// Position up to which this is true.
    pub since: u64,
}

/// A whole page, with the detail of what is selected in it.
pub fn page(
    door: &Shared,
    visitor: &Visitor,
    view: &str,
    content: &impl Serialize,
    detail: Option<&Detail>,
) -> Html<String> {
    let other = Lang::ALL.into_iter().find(|lang| *lang != visitor.lang).unwrap_or_default();
    let context = context! {
        base => "layout", tab => tab(view), csrf => visitor.csrf.as_str(), push => visitor.push.as_str(),
        person => visitor.person.as_str(), other => other.as_str(), d => detail.map(|detail| Value::from(Serde(detail))),
        views => VIEWS.map(|(href, key, icon)| context! { href, key, icon }), ..seen(door, visitor, view, content)
    };
    render(visitor.lang, view, context)
}

/// Only what a view holds, for refreshing it in place.
pub fn fragment(door: &Shared, visitor: &Visitor, view: &str, content: &impl Serialize) -> Html<String> {
    render(visitor.lang, view, context! { base => "bare", d => (), ..seen(door, visitor, view, content) })
}

/// Only a detail, for showing it beside a list.
pub fn detail(door: &Shared, visitor: &Visitor, detail: &Detail) -> Html<String> {
    let content = context! { d => Value::from(Serde(detail)) };
    render(visitor.lang, "detail", context! { ..content, ..seen(door, visitor, "detail", &()) })
}

fn seen(door: &Shared, visitor: &Visitor, view: &str, content: &impl Serialize) -> Value {
    context! { view, v => Value::from(Serde(content)), now => door.sources.now().0, tz => visitor.tz.as_str() }
}

/// The page for whoever is not signed in.
pub fn sign_in(door: &Shared, headers: &HeaderMap) -> Html<String> {
    alone(door, headers, "signin")
}

/// A page for whoever comes without a session, in a language that their browser asks for.
pub fn alone(door: &Shared, headers: &HeaderMap, view: &str) -> Html<String> {
    render(lang_of(door, headers), view, context! { view })
}

/// The language that was chosen in a browser, or that it asks for.
pub fn lang_of(door: &Shared, headers: &HeaderMap) -> Lang {
    if let Some(chosen) = session::chosen_lang(headers) {
        return chosen;
    }
    let accepts = headers.get("accept-language").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let fallback = door.progress.policy.borrow().lang;
    let wanted = accepts.split(',').find_map(|part| {
        Lang::ALL.into_iter().find(|lang| part.trim().to_ascii_lowercase().starts_with(lang.as_str()))
    });
    wanted.unwrap_or(fallback)
}

/// The class of a button.
pub const fn style_of(style: ButtonStyle) -> &'static str {
    match style {
        ButtonStyle::Plain => "plain",
        ButtonStyle::Approve => "approve",
        ButtonStyle::Danger => "danger",
    }
}

fn render(lang: Lang, name: &str, context: Value) -> Html<String> {
    let templates = match lang {
        Lang::En => &EN,
        Lang::Es => &ES,
    };
    let rendered = templates.get_template(name).and_then(|template| template.render(context));
    Html(rendered.unwrap_or_else(|error| {
        tracing::error!(%error, view = name, "a view could not be drawn");
        "<!doctype html><title>sereno</title><p>This view could not be drawn; its error is in the log.".into()
    }))
}

/// Time of day in a zone, for the foot of a card.
pub fn clock(at: Ts, tz: &str) -> String {
    zone(tz).map_or_else(|_| at.rfc3339(), |zone| at.zoned(&zone).strftime("%H:%M").to_string())
}
