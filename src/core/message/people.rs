//! What `/people`, `/link`, `/login` and `/notify` show.

use serde::{Deserialize, Serialize};

use crate::core::access::Role;
use crate::core::policy::Severity;
use crate::core::time::Ts;

/// Something that nobody can guess, for whoever asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretView {
    /// `code`, `link` or `key`.
    pub what: String,
    /// The person, or the token.
    pub name: String,
    /// From what it is made, together with the store's own key.
    pub nonce: String,
    /// Until when it is good.
    pub expires: Ts,
    /// The secret, for as long as it takes to draw it; what is written down has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// `/people`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeopleView {
    /// People, by name.
    pub people: Vec<PersonRow>,
    /// Tokens of the API, by name.
    pub tokens: Vec<TokenRow>,
    /// When this was true.
    pub at: Ts,
}

/// Somebody in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRow {
    /// Their name.
    pub name: String,
    /// What they are trusted with.
    pub role: Role,
    /// Their role does not say all.
    pub rules: bool,
    /// Who added them, when they do not stand in the configuration.
    pub by: Option<String>,
    /// Kind of channel, account, and whether it was joined by a code.
    pub accounts: Vec<(String, String, bool)>,
}

/// A token in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Its role does not say all.
    pub rules: bool,
    /// Who added it, when it does not stand in the configuration.
    pub by: Option<String>,
    /// Until when it is good, when that ends.
    pub expires: Option<Ts>,
}

/// `/notify`: what a person is told, and by whose choice. What they did not choose is as configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyView {
    /// Who.
    pub person: String,
    /// They chose first lines.
    pub compact: bool,
    /// The least severity that they chose to hear of.
    pub level: Option<Severity>,
    /// The digests that are configured for them, and whether they come.
    pub digests: Vec<(String, bool)>,
    /// They chose among those.
    pub chosen: bool,
    /// The quiet hours that they chose.
    pub quiet: Option<String>,
    /// Until when those last, while they do.
    pub until: Option<Ts>,
    /// The zone of their clock.
    pub zone: String,
    /// How many messages wait for the end of their quiet hours.
    pub waiting: usize,
    /// When this was true.
    pub at: Ts,
}
