//! Overrides from the environment: `SERENO_HTTP__LISTEN` sets `http.listen`.

use toml::{Table, Value};

use super::check::check;
use super::error::{Fault, Source};
use super::file::File;
use crate::core::policy::Policy;

const PREFIX: &str = "SERENO_";

/// Variables that are no settings.
const NOT_SETTINGS: &[&str] = &["SERENO_CONFIG", "SERENO_TOKEN"];

/// What the environment says, as a file of its own.
pub struct Overlay {
    /// The settings.
    pub file: File,
    text: String,
    names: Vec<String>,
}

impl Overlay {
    /// Reads the variables that are settings.
    ///
    /// # Errors
    /// A variable that names no setting, or a value that does not fit.
    pub fn read(vars: impl Iterator<Item = (String, String)>) -> Result<Self, Fault> {
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
        match toml::from_str(&text) {
            Ok(file) => Ok(Self { file, text, names }),
            Err(error) => {
                let fault = Source { name: "", text: &text }.parse_fault(&error);
                Err(of_variable(fault, &text, &names))
            }
        }
    }

    /// What is wrong with the settings beyond their types.
    pub fn check(&self, policy: &Policy) -> Vec<Fault> {
        let faults = check(&self.file, policy, Source { name: "", text: &self.text });
        faults.into_iter().map(|fault| of_variable(fault, &self.text, &self.names)).collect()
    }
}

/// The fault with the variable that made its line in its place; with all of them when it was no single one.
fn of_variable(fault: Fault, text: &str, names: &[String]) -> Fault {
    let number: Option<usize> = fault.place.split(':').nth(1).and_then(|line| line.parse().ok());
    let line = number.and_then(|number| text.lines().nth(number - 1)).unwrap_or_default();
    let key = line.split_once(" = ").map(|(key, _)| format!("__{}", key.to_uppercase()));
    let made = |name: &&String| key.as_ref().is_some_and(|key| name.ends_with(key));
    let mut found: Vec<&str> = names.iter().filter(made).map(String::as_str).collect();
    if found.is_empty() {
        found = names.iter().map(String::as_str).collect();
    }
    Fault { place: format!("environment ({})", found.join(", ")), ..fault }
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
    // What would be written otherwise as a number, such as 007, is a text.
    let whole = text.parse::<i64>().ok().filter(|n| n.to_string() == text).map(Value::Integer);
    let is_decimal = text.contains('.') && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number = whole.or_else(|| text.parse().ok().filter(|_| is_decimal).map(Value::Float));
    number.unwrap_or_else(|| match text {
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        other => Value::String(other.to_owned()),
    })
}
