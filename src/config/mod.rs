//! Configuration: one TOML file over documented defaults, overridden by the environment.
//!
//! Unknown keys are refused, errors name file, line and column and suggest what was meant, and secrets
//! never print. What decisions depend on becomes a [`Policy`](crate::core::policy::Policy) in the log.

mod access;
mod channel;
mod check;
mod env;
mod error;
mod file;
mod load;
mod money;
mod person;
mod policy;
mod storage;
mod value;

pub use channel::{Channel, ChannelKind, MailSecurity, wrong_token};
pub use check::gateway_url;
pub use error::{ConfigError, Fault};
pub use file::{ApiToken, File, Heartbeat, LogFormat, Rule, Runtime, RuntimeKind};
pub use load::{Config, DEFAULTS, locate};
pub use person::Person;
pub use policy::{PAGE, verbs};
pub use storage::{Backup, Retention};
pub use value::{Address, OneOrMany, SecretText};
