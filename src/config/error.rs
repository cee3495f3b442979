//! What is wrong with a configuration, where, and what was probably meant.

use std::fmt;
use std::ops::Range;

/// Everything that is wrong with a configuration.
#[derive(Debug)]
pub struct ConfigError(pub Vec<Fault>);

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `FILE:LINE:COLUMN`, or only what it is about when it stands in no file.
    pub place: String,
    /// What is wrong, and the remedy.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}: {}", fault.place, fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl From<Fault> for ConfigError {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

/// A text and the name under which it is quoted.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Such as the path of the file.
    pub name: &'a str,
    /// The text.
    pub text: &'a str,
}

impl Source<'_> {
    /// A fault at a place in the text.
    pub fn fault(&self, span: Option<Range<usize>>, message: impl Into<String>) -> Fault {
        let place = match span {
            Some(span) => {
                let (line, column) = self.position(span.start);
                format!("{}:{line}:{column}", self.name)
            }
            None => self.name.to_owned(),
        };
        Fault { place, message: message.into() }
    }

    /// Line and column of a byte, both from 1; columns count characters.
    fn position(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |n| n + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// A fault that the TOML reader has found, with a suggestion for a misspelt key or word.
    pub fn parse_fault(&self, error: &toml::de::Error) -> Fault {
        let message = error.message().trim();
        let message = message.replace("expected f64", "expected a number such as 5.0");
        let message = message.replace("expected i64", "expected a whole number");
        let hint = suggestion(&message).map(|near| format!(" — did you mean `{near}`?"));
        self.fault(error.span(), format!("{message}{}", hint.unwrap_or_default()))
    }
}

/// `unknown field `lisen`, expected one of `listen`, …`: the expected word that is nearest.
fn suggestion(message: &str) -> Option<&str> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut words = message.split('`').skip(1).step_by(2);
    let given = words.next()?;
    let near = words.map(|word| (strsim::damerau_levenshtein(word, given), word)).min()?;
    (near.0 <= 1 + given.len() / 3).then_some(near.1)
}
