//! Which lines need something that nobody can guess, and which hold it.
//!
//! The fold makes up nothing and the log holds no secret, so whoever takes a line in must know before it is logged:
//! what is to be made up for it, or that a code in it is to be replaced by its hash.

use super::parse;

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// A code by which an account becomes somebody's.
    Code,
    /// The token of a link to the page.
    Link,
    /// A token of the API.
    Key,
}

impl SecretKind {
    /// The word by which it is told apart.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Link => "link",
            Self::Key => "key",
        }
    }
}

/// What there is to do about a line before it is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delicate {
    /// It needs a secret of this kind.
    Needs(SecretKind),
    /// It holds this code.
    Holds(String),
}

/// Looks at a typed line.
pub fn delicate(text: &str) -> Option<Delicate> {
    let (spec, line) = parse::read(text).ok()?;
    match (spec.name.as_str(), line.word(0)) {
        ("link", None) => Some(Delicate::Needs(SecretKind::Code)),
        ("link", Some(_)) => Some(Delicate::Holds(plain_code(&line.words.concat()))),
        ("login", _) => Some(Delicate::Needs(SecretKind::Link)),
        ("people", Some("link")) => Some(Delicate::Needs(SecretKind::Code)),
        ("people", Some("token")) => Some(Delicate::Needs(SecretKind::Key)),
        _ => None,
    }
}

/// A code as it is compared: what people confuse, and how they group it, makes no difference.
fn plain_code(said: &str) -> String {
    let letters = said.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase());
    letters
        .map(|c| match c {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        })
        .collect()
}
