//! What is registered with Discord: every listed command, its required arguments as options of their own and
//! everything else as one line.
//!
//! <https://discord.com/developers/docs/interactions/application-commands#application-command-object>

use serde_json::{Value, json};

use crate::core::command::{Arg, ArgKind, CATALOGUE, Spec};
use crate::core::policy::Lang;

/// The option that takes whatever a command takes beyond its required arguments.
pub const REST: &str = "args";
/// A slash command.
const CHAT_INPUT: u8 = 1;
/// An option of text.
const STRING: u8 = 3;
/// Installed on a server, never for a user alone.
const ON_SERVERS: u8 = 0;
/// On servers, and in the conversation with the bot.
const WHERE: [u8; 2] = [0, 1];
/// Characters of a description.
const DESCRIPTION: usize = 100;
/// Spanish as Discord knows it: of Spain and of Latin America.
const SPANISH: [&str; 2] = ["es-ES", "es-419"];

/// The commands in the form of the API's bulk overwrite.
pub fn registered() -> Value {
    CATALOGUE.listed().map(command).collect()
}

/// The registration as it is kept in `deploy/`, to be read.
///
/// # Panics
/// Never: it is JSON.
pub fn file() -> String {
    let text = serde_json::to_string_pretty(&registered()).expect("JSON can be written");
    format!("{text}\n")
}

fn command(spec: &Spec) -> Value {
    // The first alias is the Spanish word.
    let names = spec.aliases.first().map(|name| localised(name));
    json!({
        "type": CHAT_INPUT,
        "name": spec.name,
        "name_localizations": names,
        "description": spec.en.summary,
        "description_localizations": localised(&spec.es.summary),
        "options": options(spec),
        "integration_types": [ON_SERVERS],
        "contexts": WHERE,
    })
}

fn options(spec: &Spec) -> Vec<Value> {
    let needed = spec.args.iter().filter(|arg| arg.required).map(|arg| required(spec, arg));
    let takes_more = spec.en.usage.split_whitespace().count() > spec.args.iter().filter(|arg| arg.required).count();
    needed.chain(takes_more.then(|| option(spec, REST, false))).collect()
}

fn required(spec: &Spec, arg: &Arg) -> Value {
    let mut option = option(spec, &arg.name, true);
    if matches!(arg.kind, ArgKind::Agent | ArgKind::Session | ArgKind::Task) {
        option["autocomplete"] = json!(true);
    }
    option
}

fn option(spec: &Spec, name: &str, required: bool) -> Value {
    let usage = |lang: Lang| crate::core::text::clip(&spec.texts(lang).usage, DESCRIPTION);
    json!({
        "type": STRING,
        "name": name,
        "description": usage(Lang::En),
        "description_localizations": localised(&usage(Lang::Es)),
        "required": required,
    })
}

fn localised(text: &str) -> Value {
    SPANISH.iter().map(|language| ((*language).to_owned(), json!(text))).collect::<serde_json::Map<_, _>>().into()
}

/// The line as it would be typed elsewhere, of a command's name and its options.
pub fn line<'a>(name: &str, option: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut line = format!("/{name}");
    let spec = CATALOGUE.find(name);
    let required = spec.iter().flat_map(|spec| &spec.args).filter(|arg| arg.required).map(|arg| arg.name.as_str());
    for key in required.chain([REST]) {
        let Some(value) = option(key).map(str::trim).filter(|value| !value.is_empty()) else { continue };
        // An argument such as `to:AGENT` is written with its name.
        let mark = format!("{key}:");
        let is_marked = spec.is_some_and(|spec| spec.en.usage.split_whitespace().any(|word| word.starts_with(&mark)));
        line.push(' ');
        if is_marked && !value.starts_with(&mark) {
            line.push_str(&mark);
        }
        line.push_str(value);
    }
    line
}
