//! Rendering: content and a reader in, a tree out, and the tree into each platform's dialect.
//!
//! Templates are written in a small markup (see [`markup`]) whose variables are always text: whatever
//! an agent wrote arrives in the tree as a literal, with hidden characters made visible, and each dialect
//! escapes literals in one place. This module knows languages and zones, not platforms' limits on sending.

pub mod chart;
mod discord;
pub mod export;
mod filters;
mod html;
#[cfg(feature = "email")]
mod mail;
pub mod markup;
mod plain;
mod slack;
mod telegram;
mod words;

use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use crate::core::message::Content;
use crate::core::policy::Lang;
use crate::core::reason::Reason;
use crate::core::time::Ts;
use markup::Doc;

pub use discord::{DiscordText, discord, discord_escape};
pub(crate) use filters::{add as add_filters, span};
pub use html::{escape as escape_html, html};
#[cfg(feature = "email")]
pub use mail::{Inline, Link, mail, mail_text};
pub use plain::{Shown, plain, plain_within};
pub use slack::{escape_slack, slack, slack_plain};
pub use telegram::telegram;
pub use words::Words;

pub(crate) static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// Steps that one template may take; beyond it rendering fails instead of running on.
const FUEL: u64 = 200_000;

/// Whoever reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Their language.
    pub lang: Lang,
    /// Their IANA zone.
    pub tz: String,
    /// The whole text fits where they read.
    pub whole: bool,
}

/// Why something could not be rendered.
#[derive(Debug, thiserror::Error)]
#[error("template {name} ({lang}): {error}")]
pub struct RenderError {
    name: String,
    lang: &'static str,
    error: minijinja::Error,
}

/// All templates of all languages.
pub struct Renderer {
    en: Environment<'static>,
    es: Environment<'static>,
}

/// The templates of this build.
pub static RENDERER: LazyLock<Renderer> =
    LazyLock::new(|| Renderer { en: environment(Lang::En), es: environment(Lang::Es) });

#[derive(Serialize)]
struct Frame<'a> {
    #[serde(flatten)]
    content: &'a Content,
    now: Ts,
    tz: &'a str,
    whole: bool,
    hears: bool,
}

impl Renderer {
    const fn environment(&self, lang: Lang) -> &Environment<'static> {
        match lang {
            Lang::En => &self.en,
            Lang::Es => &self.es,
        }
    }

    /// Draws `content` for `reader` at `now`.
    ///
    /// # Errors
    /// When the template is missing or broken; a test renders them all.
    pub fn draw(&self, content: &Content, reader: &Reader, now: Ts) -> Result<Doc, RenderError> {
        self.draw_where(content, reader, true, now)
    }

    /// Draws `content` for `reader` where answers are read, or not.
    ///
    /// # Errors
    /// As [`Renderer::draw`].
    pub fn draw_where(&self, content: &Content, reader: &Reader, hears: bool, now: Ts) -> Result<Doc, RenderError> {
        let name = content.name();
        let error = |error| RenderError { name: name.to_owned(), lang: reader.lang.as_str(), error };
        let template = self.environment(reader.lang).get_template(name).map_err(error)?;
        let frame = Frame { content, now, tz: &reader.tz, whole: reader.whole, hears };
        let text = template.render(Serde(frame)).map_err(error)?;
        Ok(markup::parse(&text))
    }

    /// A reason in one sentence, as plain text: for toasts and refusals.
    pub fn sentence(&self, reason: &Reason, reader: &Reader, now: Ts) -> String {
        let environment = self.environment(reader.lang);
        let text = filters::reason_text(environment, reason, &reader.tz, now);
        markup::inline_text(&text)
    }

    /// What stands in place of a message that cannot be rendered, so that nothing disappears.
    pub fn fallback(&self, number: u64, reader: &Reader) -> Doc {
        let words = Words::of(reader.lang);
        markup::parse(&words.get("fallback").replace("{}", &number.to_string()))
    }
}

fn environment(lang: Lang) -> Environment<'static> {
    let mut env = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    env.set_syntax(syntax.expect("the standard delimiters are fine"));
    env.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    // Whatever a macro or a filter of ours has written is marked as safe and not wrapped again.
    env.set_auto_escape_callback(|_| AutoEscape::Custom("sereno".into()));
    env.set_fuel(Some(FUEL));
    env.set_formatter(filters::literal);
    env.add_global("w", Value::from(Serde(&Words::of(lang).0)));
    filters::add(&mut env, lang);
    let folder = FILES.get_dir(lang.as_str());
    for file in folder.into_iter().flat_map(Dir::files) {
        let path = file.path();
        let is_template = path.extension().is_some_and(|e| e == "txt");
        let name = path.file_stem().and_then(|n| n.to_str());
        if let (true, Some(name), Some(text)) = (is_template, name, file.contents_utf8()) {
            env.add_template(name, text).unwrap_or_else(|e| panic!("template {}: {e}", path.display()));
        }
    }
    env
}

/// The names of the templates of a language, for the test that none is missing or left over.
pub fn template_names(lang: Lang) -> Vec<String> {
    let folder = FILES.get_dir(lang.as_str());
    let files = folder.into_iter().flat_map(Dir::files);
    let mut names: Vec<String> = files
        .filter(|f| f.path().extension().is_some_and(|e| e == "txt"))
        .filter_map(|f| f.path().file_stem()?.to_str().map(str::to_owned))
        .collect();
    names.sort_unstable();
    names
}
