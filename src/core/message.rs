//! Messages: channel-neutral content, as data.
//!
//! A [`Content`] is what a template of the same name draws, in each language, for each platform. It
//! holds numbers, instants and hostile text, never a finished sentence, markup or a link.

mod answers;
mod digest;
mod export;
mod history;
mod overview;
mod people;
mod rows;
mod turn;
mod views;

use serde::{Deserialize, Serialize};

use super::policy::Severity;
use super::reason::{Reason, Step};
use super::status::Status;

pub use answers::*;
pub use digest::*;
pub use export::*;
pub use history::*;
pub use overview::*;
pub use people::*;
pub use rows::{action_headline, action_text, field_name};
pub use views::*;

/// What a message says. The name of the variant is the name of its template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each view documents itself")]
pub enum Content {
    Alert(AlertView),
    Loop(AlertView),
    Approval(ApprovalView),
    FullText(FullTextView),
    TaskCard(TaskCardView),
    Milestone(MilestoneView),
    Completion(CompletionView),
    Status(StatusView),
    Agents(AgentsView),
    Agent(AgentView),
    Sessions(SessionsView),
    Session(SessionView),
    Tasks(TasksView),
    Task(TaskView),
    Cost(CostView),
    Alerts(AlertsView),
    Approvals(ApprovalsView),
    Why(WhyView),
    Logs(LogsView),
    Whoami(WhoamiView),
    Help(HelpView),
    Control(ControlView),
    Notice(NoticeView),
    Missed(MissedView),
    Dead(DeadView),
    Digest(Box<DigestView>),
    Events(EventsView),
    Health(HealthView),
    Errors(ErrorsView),
    Budget(BudgetView),
    Settings(SettingsView),
    Secret(SecretView),
    People(PeopleView),
    Notify(NotifyView),
    Export(ExportView),
}

impl Content {
    /// Every template's name, for the test that none is missing.
    pub const NAMES: [&'static str; 35] = [
        "alert",
        "loop",
        "approval",
        "full_text",
        "task_card",
        "milestone",
        "completion",
        "status",
        "agents",
        "agent",
        "sessions",
        "session",
        "tasks",
        "task",
        "cost",
        "alerts",
        "approvals",
        "why",
        "logs",
        "whoami",
        "help",
        "control",
        "notice",
        "missed",
        "dead",
        "digest",
        "events",
        "health",
        "errors",
        "budget",
        "settings",
        "secret",
        "people",
        "notify",
        "export",
    ];

    /// The name of its template.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Alert(_) => "alert",
            Self::Loop(_) => "loop",
            Self::Approval(_) => "approval",
            Self::FullText(_) => "full_text",
            Self::TaskCard(_) => "task_card",
            Self::Milestone(_) => "milestone",
            Self::Completion(_) => "completion",
            Self::Status(_) => "status",
            Self::Agents(_) => "agents",
            Self::Agent(_) => "agent",
            Self::Sessions(_) => "sessions",
            Self::Session(_) => "session",
            Self::Tasks(_) => "tasks",
            Self::Task(_) => "task",
            Self::Cost(_) => "cost",
            Self::Alerts(_) => "alerts",
            Self::Approvals(_) => "approvals",
            Self::Why(_) => "why",
            Self::Logs(_) => "logs",
            Self::Whoami(_) => "whoami",
            Self::Help(_) => "help",
            Self::Control(_) => "control",
            Self::Notice(_) => "notice",
            Self::Missed(_) => "missed",
            Self::Dead(_) => "dead",
            Self::Digest(_) => "digest",
            Self::Events(_) => "events",
            Self::Health(_) => "health",
            Self::Errors(_) => "errors",
            Self::Budget(_) => "budget",
            Self::Settings(_) => "settings",
            Self::Secret(_) => "secret",
            Self::People(_) => "people",
            Self::Notify(_) => "notify",
            Self::Export(_) => "export",
        }
    }

    /// What must stand behind the first line where that is all that is read: the name by which an alert is answered.
    /// None where the first line is not enough.
    pub fn in_one_line(&self) -> Option<&str> {
        match self {
            Self::Alert(view) | Self::Loop(view) => Some(&view.code),
            Self::TaskCard(_) | Self::Completion(_) => Some(""),
            _ => None,
        }
    }
}

/// A button: a command whose text is written beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// Number on its card; never given to another button of the same card.
    pub number: u16,
    /// Which text it wears: a key of the catalogue's button texts.
    pub label: String,
    /// The command that a tap stands for.
    pub command: String,
    /// How it looks.
    pub style: ButtonStyle,
    /// On which copies it is drawn.
    pub shown: Shown,
    /// The platform asks for words before the command is sent; they are added to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asks_why: bool,
}

/// How a button looks. The safe one stands first; a destructive one is never the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ButtonStyle {
    Plain,
    Approve,
    Danger,
}

/// On which copies of a card a button is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// On every copy.
    Always,
    /// Where the whole text fits.
    WhenWhole,
    /// Where the text does not fit.
    WhenCut,
}

impl Button {
    /// A button that is drawn on every copy.
    pub fn new(label: &str, command: impl Into<String>, style: ButtonStyle) -> Self {
        Self {
            number: 0,
            label: label.to_owned(),
            command: command.into(),
            style,
            shown: Shown::Always,
            asks_why: false,
        }
    }

    /// Whether it is drawn on a copy on which the whole text fits, or does not.
    pub const fn is_drawn(&self, whole: bool) -> bool {
        match self.shown {
            Shown::Always => true,
            Shown::WhenWhole => whole,
            Shown::WhenCut => !whole,
        }
    }

    /// The same button, drawn only on some copies.
    #[must_use]
    pub const fn shown(mut self, shown: Shown) -> Self {
        self.shown = shown;
        self
    }
}

/// The labels by which routes match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(pub Vec<(&'static str, String)>);

impl Labels {
    /// Labels of a message of this kind.
    pub fn of(kind: &str, severity: Severity) -> Self {
        Self(vec![("kind", kind.to_owned()), ("severity", severity.as_str().to_owned())])
    }

    /// Adds a label.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.0.push((name, value.to_owned()));
        self
    }

    /// The value of a label; empty when it is absent.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(have, _)| *have == name).map_or("", |(_, value)| value)
    }
}

/// A short history with the subject's name, for `/why`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhyView {
    /// Of what, such as `A17` or `7K3F`.
    pub subject: String,
    /// Values at the moment of firing, as the rule wrote them.
    pub values: Vec<(String, f64)>,
    /// The rule's condition, when there is a rule.
    pub condition: Option<String>,
    /// What happened, oldest first.
    pub steps: Vec<Step>,
}

/// A refusal, or a word of acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeView {
    /// Why.
    pub reason: Reason,
    /// Whether it is a refusal.
    pub refused: bool,
    /// Whether it is about trouble of sereno itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trouble: bool,
}

/// The state of a fleet in one line: how many agents are in each state.
pub type Counts = Vec<(Status, u32)>;
