//! The frame around the views: templates that escape every value for HTML.

use std::sync::LazyLock;

use axum::http::HeaderMap;
use axum::response::Html;
use include_dir::Dir;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, Output, State, context, escape_formatter};
use serde::Serialize;

use super::super::Shared;
use super::assets::VERSION;
use super::cards::Drawn;
use super::session::Visitor;
use super::stream::Summary;
use crate::core::message::ButtonStyle;
use crate::core::policy::Lang;
use crate::core::text;
use crate::core::time::{Ts, zone};
use crate::render::{FILES, Words, escape_html};

/// Views of the bottom bar: address, key of the word, sign.
const VIEWS: [(&str, &str, &str); 4] =
    [("/", "feed", "🔔"), ("/agents", "agents", "🤖"), ("/cost", "cost", "💰"), ("/more", "more", "⋯")];

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_formatter(visible);
    env.add_filter("raw", |html: String| Value::from_safe_string(html));
    env.add_filter("exact", |text: &str| Value::from_safe_string(escape_html(text)));
    let files = FILES.get_dir("web").into_iter().flat_map(Dir::files);
    for file in files.filter(|f| f.path().extension().is_some_and(|e| e == "html")) {
        let name = file.path().file_stem().and_then(|n| n.to_str()).unwrap_or_default();
        let text = file.contents_utf8().unwrap_or_default();
        env.add_template(name, text).unwrap_or_else(|e| panic!("web/{name}.html: {e}"));
    }
    env
});

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

/// A whole page.
pub fn page(visitor: &Visitor, view: &str, content: &impl Serialize) -> Html<String> {
    let words = Value::from(Serde(&Words::of(visitor.lang).0));
    let shared = context! {
        view, w => words, v => Value::from(Serde(content)), lang => visitor.lang.as_str(), person => visitor.person.as_str(),
        csrf => visitor.csrf.as_str(), version => VERSION.as_str(), base => "layout", push => visitor.push.as_str(),
        views => VIEWS.map(|(href, key, icon)| context! { href, key, icon }),
    };
    render(view, shared)
}

/// Only what a view holds, for refreshing it in place.
pub fn fragment(visitor: &Visitor, view: &str, content: &impl Serialize) -> Html<String> {
    let words = Value::from(Serde(&Words::of(visitor.lang).0));
    let shared =
        context! { view, w => words, v => Value::from(Serde(content)), lang => visitor.lang.as_str(), base => "bare" };
    render(view, shared)
}

/// The page for whoever is not signed in.
pub fn sign_in(door: &Shared, headers: &HeaderMap) -> Html<String> {
    alone(door, headers, "signin")
}

/// A page for whoever comes without a session, in a language that their browser asks for.
pub fn alone(door: &Shared, headers: &HeaderMap, view: &str) -> Html<String> {
    let lang = lang_of(door, headers);
    let words = Value::from(Serde(&Words::of(lang).0));
    render(view, context! { view, w => words, lang => lang.as_str(), version => VERSION.as_str() })
}

/// The language that a browser asks for.
pub fn lang_of(door: &Shared, headers: &HeaderMap) -> Lang {
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

fn render(name: &str, context: Value) -> Html<String> {
    let rendered = TEMPLATES.get_template(name).and_then(|template| template.render(context));
    Html(rendered.unwrap_or_else(|error| {
        tracing::error!(%error, view = name, "a view could not be drawn");
        "<!doctype html><title>sereno</title><p>This view could not be drawn; its error is in the log.".into()
    }))
}

/// Time of day in a zone, for the foot of a card.
pub fn clock(at: Ts, tz: &str) -> String {
    zone(tz).map_or_else(|_| at.rfc3339(), |zone| at.zoned(&zone).strftime("%H:%M").to_string())
}
