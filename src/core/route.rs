//! Who is told: matchers over a message's labels, and where people are.

use std::collections::BTreeSet;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::access::{Role, Ruling};
use super::arena::Ix;
use super::command::{CATALOGUE, Spec};
use super::message::Labels;
use super::policy::{Lang, Person, Policy};
use super::world::{Agent, World};

/// Labels that routes can match.
pub const LABELS: &[&str] = &["kind", "severity", "rule", "agent", "role", "runtime", "task"];

/// A conversation on a channel, and the person it belongs to when it belongs to one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Destination {
    /// Name of the channel.
    pub channel: String,
    /// The conversation there.
    pub target: String,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The account that alone shall see it there, where the platform can do that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
}

impl Destination {
    /// Whether this and the other are one conversation.
    pub fn is_at(&self, other: &Self) -> bool {
        self.channel == other.channel && self.target == other.target
    }

    /// `channel:target`, for trails.
    pub fn label(&self) -> String {
        format!("{}:{}", self.channel, self.target)
    }
}

/// Whom a message is for when no route says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody.
    Everyone,
    /// People who may decide.
    Deciders,
    /// People who look after sereno itself.
    Admins,
}

impl Audience {
    fn has(self, policy: &Policy, name: &str, person: &Person) -> bool {
        match self {
            Self::Everyone => true,
            // Whoever has rules of their own may decide somewhere; where, is looked at for each message.
            Self::Deciders => {
                person.role > Role::Viewer || policy.access.get(name).is_some_and(|access| !access.allow.is_empty())
            }
            Self::Admins => person.role == Role::Admin,
        }
    }
}

/// One comparison of a label.
#[derive(Clone, Debug)]
enum Matcher {
    Equals(String, String),
    Differs(String, String),
    Fits(String, Regex),
    FitsNot(String, Regex),
}

/// A list of comparisons that must all hold, such as `severity="critical", agent=~"build-.*"`.
#[derive(Clone, Debug, Default)]
pub struct Matchers(Vec<Matcher>);

impl Matchers {
    /// Reads matchers; an empty text matches everything.
    ///
    /// # Errors
    /// Says what cannot be read, and at which byte.
    pub fn parse(text: &str) -> Result<Self, (String, usize)> {
        let mut matchers = Vec::new();
        let mut rest = text;
        while !rest.trim_start().is_empty() {
            let at = text.len() - rest.trim_start().len();
            let (matcher, tail) = parse_one(rest.trim_start()).map_err(|message| (message, at))?;
            matchers.push(matcher);
            rest = tail.trim_start();
            rest = match rest.strip_prefix(',') {
                Some(tail) => tail,
                None if rest.is_empty() => rest,
                None => return Err(("matchers are separated by commas".into(), text.len() - rest.len())),
            };
        }
        Ok(Self(matchers))
    }

    /// Whether they all hold.
    pub fn fit(&self, labels: &Labels) -> bool {
        self.0.iter().all(|matcher| match matcher {
            Matcher::Equals(name, value) => labels.get(name) == value,
            Matcher::Differs(name, value) => labels.get(name) != value,
            Matcher::Fits(name, pattern) => pattern.is_match(labels.get(name)),
            Matcher::FitsNot(name, pattern) => !pattern.is_match(labels.get(name)),
        })
    }
}

fn parse_one(text: &str) -> Result<(Matcher, &str), String> {
    let shape = || format!("write LABEL=\"value\", with !=, =~ or !~, the labels being {}", LABELS.join(", "));
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').ok_or_else(shape)?;
    let (name, rest) = text.split_at(end);
    if !LABELS.contains(&name) {
        return Err(format!("there is no label `{name}`; the labels are {}", LABELS.join(", ")));
    }
    let rest = rest.trim_start();
    let operator = ["!=", "=~", "!~", "="].into_iter().find(|op| rest.starts_with(op));
    let operator = operator.ok_or_else(shape)?;
    let rest = rest[operator.len()..].trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(shape)?;
    let (value, rest) = rest[1..].split_once(quote).ok_or("the closing quote is missing")?;
    let pattern = || Regex::new(&format!("^(?:{value})$")).map_err(|e| unreadable(value, &e));
    let matcher = match operator {
        "=" => Matcher::Equals(name.into(), value.into()),
        "!=" => Matcher::Differs(name.into(), value.into()),
        "=~" => Matcher::Fits(name.into(), pattern()?),
        _ => Matcher::FitsNot(name.into(), pattern()?),
    };
    Ok((matcher, rest))
}

/// The last line of what the regex reader says; the others only draw it.
fn unreadable(pattern: &str, error: &regex::Error) -> String {
    let said = error.to_string();
    let last = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
    format!("`{pattern}` is no regular expression: {last}")
}

/// Where a route's `to` entry leads.
///
/// # Errors
/// Says what is wrong with the entry and what to write instead.
pub fn expand(policy: &Policy, to: &str) -> Result<Vec<Destination>, String> {
    let (kind, name) =
        to.split_once(':').ok_or_else(|| format!("`{to}` is no destination; write person:NAME or CHANNEL:TARGET"))?;
    if kind == "person" {
        if !policy.people.contains_key(name) {
            let known: Vec<&str> = policy.people.keys().map(String::as_str).collect();
            let known = if known.is_empty() {
                "there are none yet".into()
            } else {
                format!("the people are {}", known.join(", "))
            };
            return Err(format!("there is no person `{name}`; {known}"));
        }
        return Ok(of_person(policy, name));
    }
    if !policy.channels.contains_key(kind) {
        let known: Vec<&str> = policy.channels.keys().map(String::as_str).collect();
        return Err(format!("there is no channel `{kind}`; the channels are {}", known.join(", ")));
    }
    Ok(vec![Destination { channel: kind.into(), target: name.into(), person: None, only: None }])
}

/// Every conversation in which a person can be reached.
fn of_person(policy: &Policy, name: &str) -> Vec<Destination> {
    let Some(person) = policy.people.get(name) else { return Vec::new() };
    policy
        .channels
        .iter()
        .filter_map(|(channel, about)| {
            let target = person.home(name, &about.kind)?;
            Some(Destination { channel: channel.clone(), target, person: Some(name.to_owned()), only: None })
        })
        .collect()
}

/// Every conversation in which somebody who may decide can be reached, and the logs.
pub fn deciders(policy: &Policy) -> impl Iterator<Item = Destination> {
    audience(policy, Audience::Deciders)
}

fn audience(policy: &Policy, audience: Audience) -> impl Iterator<Item = Destination> {
    let people = policy.people.iter().filter(move |(name, person)| audience.has(policy, name, person));
    let people = people.flat_map(move |(name, _)| of_person(policy, name));
    let logs = policy.channels.iter().filter(|(_, c)| c.kind == "log");
    let logs =
        logs.map(|(name, _)| Destination { channel: name.clone(), target: "stdout".into(), person: None, only: None });
    people.chain(logs)
}

impl World {
    /// The destinations of a message, and the route that chose each; what no route matches goes to its
    /// whole audience, so that nothing is lost for want of a route.
    pub fn destinations(&self, labels: &Labels, audience: Audience) -> Vec<(Destination, String)> {
        let mut chosen: Vec<(Destination, String)> = Vec::new();
        for route in &self.policy.routes {
            let fits = Matchers::parse(&route.matchers).is_ok_and(|m| m.fit(labels));
            if fits {
                let to = route.to.iter().flat_map(|to| self.expanded(to));
                chosen.extend(to.map(|d| (d, route.matchers.clone())));
            }
        }
        if chosen.is_empty() {
            chosen = self.audience(audience).into_iter().map(|d| (d, String::new())).collect();
        }
        chosen.retain(|(to, _)| to.person.as_ref().is_none_or(|person| self.concerns(person, labels, audience)));
        let mut seen = BTreeSet::new();
        chosen
            .into_iter()
            .map(|(destination, route)| (self.moved_to(destination), route))
            .filter(|(d, _)| seen.insert((d.channel.clone(), d.target.clone())))
            .collect()
    }

    /// Where a route's `to` entry leads, devices of people among it.
    fn expanded(&self, to: &str) -> Vec<Destination> {
        let mut places = expand(&self.policy, to).unwrap_or_default();
        if let Some(("person", name)) = to.split_once(':') {
            places.extend(self.devices_of(name));
        }
        places
    }

    fn audience(&self, audience: Audience) -> Vec<Destination> {
        let mut places: Vec<Destination> = self::audience(&self.policy, audience).collect();
        let people = self.policy.people.iter().filter(|(name, person)| audience.has(&self.policy, name, person));
        places.extend(people.flat_map(|(name, _)| self.devices_of(name)));
        places
    }

    /// Whether a message is any business of a person's: they may see what it is about, and decide it when it is to be
    /// decided. What is about sereno itself is everybody's.
    fn concerns(&self, person: &str, labels: &Labels, audience: Audience) -> bool {
        if self.policy.is_unbounded(person) || labels.get("kind") == "sereno" {
            return true;
        }
        let Some(rights) = self.policy.rights_of(person) else { return false };
        let agent = self.agent(labels.get("runtime"), labels.get("agent")).and_then(|agent| self.target(agent));
        let may = |spec: &Spec| match &agent {
            Some(target) => rights.on(spec, target) == Ruling::Allowed,
            None => rights.everywhere(spec) == Ruling::Allowed,
        };
        let needed = if audience == Audience::Deciders { "deny" } else { "agent" };
        CATALOGUE.find(needed).is_some_and(may)
    }

    /// Whether a person may see all of these agents, or what is no agent's when there are none.
    pub fn may_see(&self, person: &str, agents: &[Ix<Agent>]) -> bool {
        if self.policy.is_unbounded(person) {
            return true;
        }
        let (rights, spec) = (self.policy.rights_of(person), CATALOGUE.find("agent"));
        let Some((rights, spec)) = rights.zip(spec) else { return false };
        let on = |agent: &Ix<Agent>| self.target(*agent).is_some_and(|t| rights.on(spec, &t) == Ruling::Allowed);
        if agents.is_empty() { rights.everywhere(spec) == Ruling::Allowed } else { agents.iter().all(on) }
    }

    /// Every conversation in which a person can be reached.
    pub fn destinations_of_person(&self, name: &str) -> Vec<Destination> {
        let known = of_person(&self.policy, name).into_iter().map(|to| self.moved_to(to));
        known.chain(self.devices_of(name)).collect()
    }

    /// Every conversation in which the people who are meant can be reached.
    pub fn destinations_of(&self, meant: impl Fn(&Person) -> bool) -> Vec<Destination> {
        let people = self.policy.people.iter().filter(|(_, person)| meant(person));
        people.flat_map(|(name, _)| self.destinations_of_person(name)).collect()
    }

    /// The person whose account a conversation is named after.
    pub fn owner_of(&self, to: &Destination) -> Option<String> {
        let kind = self.policy.channels.get(&to.channel)?.kind.as_str();
        let owner =
            self.policy.people.iter().find(|(name, person)| person.home(name, kind).as_ref() == Some(&to.target));
        owner.map(|(name, _)| name.clone())
    }

    /// Where a destination is now, if the platform has moved it.
    pub fn moved_to(&self, mut destination: Destination) -> Destination {
        // A chain of moves is short; the bound only guards against a cycle.
        for _ in 0..8 {
            let key = (destination.channel.clone(), destination.target.clone());
            match self.moved.get(&key) {
                Some(target) => destination.target.clone_from(target),
                None => break,
            }
        }
        destination
    }

    /// Language and zone of whoever reads at a destination.
    pub fn reader(&self, destination: &Destination) -> (Lang, String) {
        let person = destination.person.as_ref().and_then(|name| self.policy.people.get(name));
        person.map_or_else(|| (self.policy.lang, self.policy.tz.clone()), |p| (p.lang, p.tz.clone()))
    }
}
