//! Where somebody may do what: which agents a role or a rule is about.
//!
//! What an agent's runtime and identity are is proved by its key; its tags are its own word. Nothing is allowed that
//! nothing allows, what is denied anywhere is denied whatever else allows it, and a command that no rule knows is
//! nobody's.

use serde::{Deserialize, Serialize};

use super::Role;
use crate::core::alert::Alert;
use crate::core::approval::Approval;
use crate::core::arena::Ix;
use crate::core::command::Spec;
use crate::core::world::{Agent, Scope, Task, World};

/// With this an agent names its environment among its tags, where its runtime has none of its own.
pub const ENVIRONMENT_TAG: &str = "env:";

/// Which agents are meant: every list that is not empty must fit, by at least one of its patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Within {
    /// Patterns over an agent's identity, or over `runtime/identity` where they hold a slash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<String>,
    /// Patterns over the runtime's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runtimes: Vec<String>,
    /// Patterns over its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Patterns over its environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
}

/// A rule that allows or denies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRule {
    /// Everything that this role may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Commands by name; with neither these nor a role, every command is meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Where.
    #[serde(default, skip_serializing_if = "Within::is_everywhere")]
    pub within: Within,
}

/// What a role says no more than that: where it holds, and what is allowed and denied besides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Where the role holds.
    #[serde(default, skip_serializing_if = "Within::is_everywhere")]
    pub within: Within,
    /// What is allowed besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<AccessRule>,
    /// What is denied, whatever allows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<AccessRule>,
}

/// An agent, as far as rules know it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Name of its runtime.
    pub runtime: &'a str,
    /// Its identity there.
    pub id: &'a str,
    /// Its tags.
    pub tags: &'a [String],
    /// The environment of its runtime, when the configuration says one.
    pub environment: Option<&'a str>,
}

/// What an alert or an approval is about, by the names that whoever does not hold the World knows; neither when it is
/// about everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concerns {
    /// `runtime/identity` of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The task, when it is about those who work on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

/// What the rules say of a command and an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It may be done.
    Allowed,
    /// Nothing allows it.
    NotAllowed,
    /// A rule denies it.
    Denied,
}

/// A role together with its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The role.
    pub role: Role,
    /// The rules.
    pub access: Access,
}

impl Within {
    /// Whether every agent is meant.
    pub const fn is_everywhere(&self) -> bool {
        self.agents.is_empty() && self.runtimes.is_empty() && self.tags.is_empty() && self.environments.is_empty()
    }

    /// Whether `target` is meant.
    pub fn holds(&self, target: &Target<'_>) -> bool {
        let any = |patterns: &[String], text: &str| patterns.iter().any(|pattern| fits(pattern, text));
        let agent = || {
            let whole = format!("{}/{}", target.runtime, target.id);
            self.agents.iter().any(|p| fits(p, if p.contains('/') { &whole } else { target.id }))
        };
        let environment = || {
            if let Some(environment) = target.environment {
                return any(&self.environments, environment);
            }
            let mut named = target.tags.iter().filter_map(|tag| tag.strip_prefix(ENVIRONMENT_TAG));
            named.any(|environment| any(&self.environments, environment))
        };
        (self.agents.is_empty() || agent())
            && (self.runtimes.is_empty() || any(&self.runtimes, target.runtime))
            && (self.tags.is_empty() || target.tags.iter().any(|tag| any(&self.tags, tag)))
            && (self.environments.is_empty() || environment())
    }

    /// All of its patterns.
    pub fn patterns(&self) -> impl Iterator<Item = &String> {
        [&self.agents, &self.runtimes, &self.tags, &self.environments].into_iter().flatten()
    }
}

impl AccessRule {
    /// Whether the rule is about this command.
    fn is_about(&self, spec: &Spec) -> bool {
        let every = self.role.is_none() && self.commands.is_empty();
        every || self.role.is_some_and(|role| spec.roles.contains(&role)) || self.commands.contains(&spec.name)
    }
}

impl Access {
    /// Whether the role says all.
    pub const fn is_plain(&self) -> bool {
        self.within.is_everywhere() && self.allow.is_empty() && self.deny.is_empty()
    }
}

impl Rights {
    /// Whether there is an agent, or something else, for which `spec` may be used.
    pub fn somewhere(&self, spec: &Spec) -> bool {
        let denied = self.denials(spec).any(Within::is_everywhere);
        !denied && self.grants(spec).next().is_some()
    }

    /// Whether `spec` may be used on what is no single agent's: it is allowed everywhere and denied nowhere.
    pub fn everywhere(&self, spec: &Spec) -> Ruling {
        match (self.denials(spec).next(), self.grants(spec).any(Within::is_everywhere)) {
            (Some(_), _) => Ruling::Denied,
            (None, true) => Ruling::Allowed,
            (None, false) => Ruling::NotAllowed,
        }
    }

    /// Whether `spec` may be used on an agent.
    pub fn on(&self, spec: &Spec, target: &Target<'_>) -> Ruling {
        let denied = self.denials(spec).any(|within| within.holds(target));
        match (denied, self.grants(spec).any(|within| within.holds(target))) {
            (true, _) => Ruling::Denied,
            (false, true) => Ruling::Allowed,
            (false, false) => Ruling::NotAllowed,
        }
    }

    fn grants<'a>(&'a self, spec: &'a Spec) -> impl Iterator<Item = &'a Within> {
        let role = spec.roles.contains(&self.role).then_some(&self.access.within);
        let rules = self.access.allow.iter().filter(|rule| rule.is_about(spec));
        role.into_iter().chain(rules.map(|rule| &rule.within))
    }

    fn denials<'a>(&'a self, spec: &'a Spec) -> impl Iterator<Item = &'a Within> {
        self.access.deny.iter().filter(|rule| rule.is_about(spec)).map(|rule| &rule.within)
    }
}

impl World {
    /// An agent, as far as rules know it; `None` when it is forgotten.
    pub fn target(&self, agent: Ix<Agent>) -> Option<Target<'_>> {
        let agent = self.agents.get(agent)?;
        Some(self.policy.target(&agent.runtime, &agent.id, &agent.tags))
    }

    /// The agents that an alert is about; none when it is about everything.
    pub fn concerned(&self, alert: &Alert) -> Vec<Ix<Agent>> {
        match (alert.scope, alert.agent) {
            (Scope::Task(task), _) => self.working_on(task),
            (_, Some(agent)) | (Scope::Agent(agent), None) => vec![agent],
            (Scope::Session(session), None) => self.sessions.get(session).map(|s| s.agent).into_iter().collect(),
            (Scope::Fleet, None) => Vec::new(),
        }
    }

    /// What an alert is about, by name.
    pub fn alert_concerns(&self, alert: &Alert) -> Concerns {
        if let Scope::Task(task) = alert.scope {
            let task = self.tasks.get(task).map(|task| task.id.clone());
            return Concerns { task, agent: None };
        }
        Concerns { agent: self.concerned(alert).first().map(|agent| self.agent_key(*agent)), task: None }
    }

    /// What an approval is about, by name.
    pub fn approval_concerns(&self, approval: &Approval) -> Concerns {
        Concerns { agent: Some(self.agent_key(approval.agent)), task: None }
    }

    /// The agents that have worked on a task.
    pub fn working_on(&self, task: Ix<Task>) -> Vec<Ix<Agent>> {
        let agents = self.tasks.get(task).map(|task| task.agents.iter().map(|(agent, _)| *agent).collect());
        agents.unwrap_or_default()
    }
}

/// Whether `text` fits a pattern in which `*` stands for any text and `?` for one character. It goes back to the last
/// `*` only, so the time it takes grows with the product of both lengths at most.
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                back = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((star, from)) = back else { return false };
                back = Some((star, from + 1));
                (p, t) = (star + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
