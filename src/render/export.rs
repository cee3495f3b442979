//! Files that are handed over: rows as CSV or as JSON, and what they are called.
//!
//! A program that opens a table takes a value that begins like a formula for one, so such a value is marked as text: it
//! may be an agent's. Where something was left out, the first line says so.

use serde_json::{Map, Value, json};

use super::Words;
use crate::core::message::{ExportFormat, ExportView};
use crate::core::policy::Lang;

/// A file to hand over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// What it is called.
    pub name: String,
    /// Its kind.
    pub mime: &'static str,
    /// What is in it, in UTF-8.
    pub text: String,
}

/// The file of an export.
pub fn file(view: &ExportView, lang: Lang) -> File {
    let left_out = (view.left_out > 0).then(|| {
        let words = Words::of(lang).get("export.left_out");
        words.replace("{}", &view.left_out.to_string())
    });
    let (mime, text) = match view.format {
        ExportFormat::Csv => ("text/csv", csv(view, left_out.as_deref())),
        ExportFormat::Jsonl => ("application/jsonl", jsonl(view, left_out.as_deref())),
    };
    File { name: view.file_name(), mime, text }
}

/// As RFC 4180 says, each value in quotes.
fn csv(view: &ExportView, left_out: Option<&str>) -> String {
    let mut out = String::new();
    if let Some(left_out) = left_out {
        out.push_str(&format!("{}\r\n", quoted(&format!("# {left_out}"))));
    }
    let mut line = |values: &mut dyn Iterator<Item = String>| {
        let values: Vec<String> = values.map(|value| quoted(&value)).collect();
        out.push_str(&values.join(","));
        out.push_str("\r\n");
    };
    line(&mut view.columns.iter().cloned());
    for row in &view.rows {
        line(&mut row.iter().map(shown));
    }
    out
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if is_formula(text) => format!("'{text}"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a spreadsheet would compute it. <https://owasp.org/www-community/attacks/CSV_Injection>
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\"\""))
}

fn jsonl(view: &ExportView, left_out: Option<&str>) -> String {
    let note = left_out.map(|note| json!({ "left_out": view.left_out, "note": note }).to_string());
    let rows = view.rows.iter().map(|row| {
        let fields = view.columns.iter().cloned().zip(row.iter().cloned());
        Value::Object(fields.collect::<Map<_, _>>()).to_string()
    });
    note.into_iter().chain(rows).map(|line| line + "\n").collect()
}
