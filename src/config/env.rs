//! Overrides from the environment: `SERENO_HTTP__LISTEN` sets `http.listen`.

use toml::{Table, Value};

use super::error::Fault;
use super::file::File;

const PREFIX: &str = "SERENO_";

/// Variables that are no settings.
const NOT_SETTINGS: &[&str] = &["SERENO_CONFIG", "SERENO_TOKEN"];

/// What the environment says, as a file of its own.
///
/// # Errors
/// A variable that names no setting, or a value that does not fit.
pub fn overlay(vars: impl Iterator<Item = (String, String)>) -> Result<File, Fault> {
    let mut table = Table::new();
    let mut names = Vec::new();
    for (name, value) in vars {
        let is_setting = name.starts_with(PREFIX) && name.contains("__") && !NOT_SETTINGS.contains(&name.as_str());
        if !is_setting {
            continue;
        }
        let path: Vec<String> = name[PREFIX.len()..].split("__").map(str::to_lowercase).collect();
        set(&mut table, &path, read(&value));
        names.push(name);
    }
    let text = toml::to_string(&table).unwrap_or_default();
    toml::from_str(&text).map_err(|error| Fault {
        place: format!("environment ({})", names.join(", ")),
        message: error.message().trim().to_owned(),
    })
}

fn set(table: &mut Table, path: &[String], value: Value) {
    let [key, rest @ ..] = path else { return };
    if rest.is_empty() {
        table.insert(key.clone(), value);
        return;
    }
    let inner = table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(inner) = inner {
        set(inner, rest, value);
    }
}

/// A number, a truth value, or a text.
fn read(text: &str) -> Value {
    let number = text.parse().map(Value::Integer).or_else(|_| text.parse().map(Value::Float));
    number.unwrap_or_else(|_| match text {
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        other => Value::String(other.to_owned()),
    })
}
