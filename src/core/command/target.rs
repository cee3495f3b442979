//! From what a person types to what they mean: exact names first, then unique beginnings, then the
//! nearest suggestion. Never a guess.

use super::parse::Line;
use crate::core::alert::Alert;
use crate::core::arena::Ix;
use crate::core::reason::Reason;
use crate::core::status::Status;
use crate::core::world::{Agent, Session, Task, World};

/// The most names that a refusal lists.
const MAX_CANDIDATES: usize = 6;

impl World {
    /// The agents that a line names: `all`, `runtime:x`, `task:x`, `team:x`, `#session` or a name.
    ///
    /// # Errors
    /// When nothing, or more than one thing, has that name.
    pub fn agents_named(&self, line: &Line) -> Result<Vec<Ix<Agent>>, Reason> {
        if let Some(name) = line.key("agent") {
            return self.agent_named(name).map(|ix| vec![ix]);
        }
        let filtered = ["runtime", "task", "team"].into_iter().any(|key| line.key(key).is_some());
        let everything = line.word(0).is_none_or(|w| matches!(w.to_lowercase().as_str(), "all" | "todos"));
        if filtered || (everything && line.word(0).is_some()) {
            let found = self.agents_filtered(line)?;
            return if found.is_empty() { Err(Reason::NothingToDo) } else { Ok(found) };
        }
        match line.word(0) {
            Some(name) => self.agent_named(name).map(|ix| vec![ix]),
            None => Err(Reason::NothingToDo),
        }
    }

    /// Agents that still work, by the filters of a line.
    ///
    /// # Errors
    /// When a task is named that nobody knows.
    fn agents_filtered(&self, line: &Line) -> Result<Vec<Ix<Agent>>, Reason> {
        let task = line.key("task").map(|name| self.task_named(name)).transpose()?;
        let found = self.agents.iter().filter(|(_, agent)| {
            !matches!(agent.status(), Status::Completed | Status::Stopped)
                && line.key("runtime").is_none_or(|runtime| agent.runtime == runtime)
                && line.key("team").is_none_or(|team| agent.tags.iter().any(|tag| tag == team))
                && task.is_none_or(|task| agent.task == Some(task))
        });
        Ok(found.map(|(ix, _)| ix).collect())
    }

    /// One agent by `runtime/identity`, identity, name, role, `#session`, or a unique beginning.
    ///
    /// # Errors
    /// When nothing, or more than one thing, has that name.
    pub fn agent_named(&self, name: &str) -> Result<Ix<Agent>, Reason> {
        if let Some(short) = name.strip_prefix('#') {
            return self.session_named(short).map(|ix| self.sessions[ix].agent);
        }
        let whole = name.split_once('/').and_then(|(runtime, id)| self.agent(runtime, id));
        if let Some(ix) = whole {
            return Ok(ix);
        }
        let wanted = name.to_lowercase();
        let names: Vec<(String, Ix<Agent>)> = self
            .agents
            .iter()
            .flat_map(|(ix, a)| {
                [Some(&a.id), Some(&a.name), a.role.as_ref()].into_iter().flatten().map(move |n| (n.to_lowercase(), ix))
            })
            .collect();
        pick("agent", name, &wanted, &names, |ix| self.agent_key(*ix))
    }

    /// One session by `runtime/identity`, identity, a unique beginning of it, or the name of its agent.
    ///
    /// # Errors
    /// When nothing, or more than one thing, has that name.
    pub fn session_named(&self, name: &str) -> Result<Ix<Session>, Reason> {
        if let Some(ix) = name.split_once('/').and_then(|(runtime, id)| self.session(runtime, id)) {
            return Ok(ix);
        }
        let wanted = name.trim_start_matches('#').to_lowercase();
        let both =
            |(ix, s): (Ix<Session>, &Session)| [s.id.as_str(), s.own_name()].map(|name| (name.to_lowercase(), ix));
        let names: Vec<(String, Ix<Session>)> = self.sessions.iter().flat_map(both).collect();
        let refused = match pick("session", name, &wanted, &names, |ix| self.sessions[*ix].short()) {
            Ok(ix) => return Ok(ix),
            Err(refused) => refused,
        };
        let of_agent = self.agent_named(name).ok().and_then(|ix| self.agents[ix].session);
        of_agent.ok_or(refused)
    }

    /// One task by identity, title, or a unique beginning of either.
    ///
    /// # Errors
    /// When nothing, or more than one thing, has that name.
    pub fn task_named(&self, name: &str) -> Result<Ix<Task>, Reason> {
        let wanted = name.to_lowercase();
        let names: Vec<(String, Ix<Task>)> = self
            .tasks
            .iter()
            .flat_map(|(ix, t)| {
                [Some(&t.id), t.title.as_ref()].into_iter().flatten().map(move |n| (n.to_lowercase(), ix))
            })
            .collect();
        pick("task", name, &wanted, &names, |ix| self.tasks[*ix].id.clone())
    }

    /// An alert by number, with or without its letter; the last open one when none is named.
    ///
    /// # Errors
    /// When there is none.
    pub fn alert_named(&self, name: Option<&str>) -> Result<&Alert, Reason> {
        let Some(name) = name.filter(|n| !n.eq_ignore_ascii_case("last")) else {
            let open = self.alerts.values().rev().find(|a| a.is_open());
            return open.map(Box::as_ref).ok_or(Reason::NothingToDo);
        };
        let digits = name.trim_start_matches(['A', 'a', '#']);
        let alert = digits.parse().ok().and_then(|number: u64| self.alerts.get(&number));
        let found = alert.map(Box::as_ref);
        found.ok_or_else(|| Reason::NotFound { what: "alert".into(), name: name.to_owned(), nearest: None })
    }
}

/// The one thing that a name means: exactly, or as the beginning of one name alone.
fn pick<I: Copy + PartialEq>(
    what: &str,
    typed: &str,
    wanted: &str,
    names: &[(String, I)],
    label: impl Fn(&I) -> String,
) -> Result<I, Reason> {
    let fitting = |fits: &dyn Fn(&str) -> bool| {
        let mut found: Vec<I> = Vec::new();
        for (name, ix) in names {
            if fits(name) && !found.contains(ix) {
                found.push(*ix);
            }
        }
        found
    };
    let exact = fitting(&|name| name == wanted);
    let found = if exact.is_empty() { fitting(&|name| !wanted.is_empty() && name.starts_with(wanted)) } else { exact };
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let near = names
                .iter()
                .map(|(name, _)| (strsim::damerau_levenshtein(name, wanted), name))
                .filter(|(distance, name)| *distance <= 1 + name.chars().count() / 3)
                .min();
            let nearest = near.map(|(_, name)| name.clone());
            Err(Reason::NotFound { what: what.into(), name: typed.into(), nearest })
        }
        many => Err(Reason::Ambiguous {
            what: what.into(),
            name: typed.into(),
            candidates: many.iter().take(MAX_CANDIDATES).map(label).collect(),
        }),
    }
}
