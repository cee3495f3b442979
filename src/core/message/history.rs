//! What lists of happenings show: who did what, when, in one line each.

use serde::{Deserialize, Serialize};

use crate::core::money::Micros;
use crate::core::policy::Severity;
use crate::core::time::{Span, Ts};

/// `/events`, `/timeline` and `/audit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsView {
    /// Of what it is a list.
    pub list: EventList,
    /// About what, when not about everything: the kind of thing and its name. Hostile.
    pub about: Option<(String, String)>,
    /// A timeline begins with the oldest, the others with the newest.
    pub rows: Vec<EventRow>,
    /// How many older ones are not listed.
    pub more: usize,
    /// When this was true.
    pub at: Ts,
}

/// Of what it is a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventList {
    /// What has happened lately.
    Events,
    /// How something went.
    Timeline,
    /// What people and sereno did.
    Audit,
}

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// When.
    pub at: Ts,
    /// What, such as `session_began`.
    pub kind: String,
    /// To whom or what. Hostile.
    pub who: Option<String>,
    /// What exactly. Hostile.
    pub what: Option<String>,
    /// By which person.
    pub by: Option<String>,
    /// How important it is.
    pub severity: Option<Severity>,
    /// What it had cost by then.
    pub cost: Option<Micros>,
    /// How long it took.
    pub took: Option<Span>,
}
