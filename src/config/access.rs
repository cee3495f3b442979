//! Rules of people and tokens: from how they are written to what the core knows, and what can be wrong with them.

use toml::Spanned;

use super::error::{Fault, Source};
use super::file::File;
use super::person::{AccessKeys, AccessRule, Within};
use crate::core::access::{self, Access};
use crate::core::command::CATALOGUE;

/// What the role of a person or a token does not say.
pub fn of_keys(keys: AccessKeys<'_>) -> Access {
    let rules = |rules: &[AccessRule]| rules.iter().map(of_rule).collect();
    Access { within: of_within(keys.within), allow: rules(keys.allow), deny: rules(keys.deny) }
}

fn of_rule(rule: &AccessRule) -> access::AccessRule {
    access::AccessRule { role: rule.role, commands: texts(&rule.commands), within: of_within(&rule.within) }
}

fn of_within(within: &Within) -> access::Within {
    access::Within {
        agents: texts(&within.agents),
        runtimes: texts(&within.runtimes),
        tags: texts(&within.tags),
        environments: texts(&within.environments),
    }
}

fn texts(list: &[Spanned<String>]) -> Vec<String> {
    list.iter().map(|text| text.get_ref().clone()).collect()
}

/// What is wrong with rules of people and tokens, and with names of environments.
pub fn check(file: &File, source: Source<'_>, faults: &mut Vec<Fault>) {
    for (name, person) in &file.people {
        check_keys(&format!("people.{name}"), person.access(), source, faults);
    }
    for (name, token) in &file.api.tokens {
        check_keys(&format!("api.tokens.{name}"), token.access(), source, faults);
    }
    for environment in file.runtimes.values().filter_map(|runtime| runtime.environment.as_ref()) {
        if environment.get_ref().trim().is_empty() {
            faults.push(source.fault(Some(environment.span()), "write where its agents work, such as \"prod\""));
        }
    }
}

fn check_keys(place: &str, keys: AccessKeys<'_>, source: Source<'_>, faults: &mut Vec<Fault>) {
    for rule in keys.allow.iter().filter(|rule| rule.role.is_none() && rule.commands.is_empty()) {
        let at = rule.within.globs().next().map(Spanned::span);
        let message = format!("{place}.allow does not say what: add role = \"operator\" or commands = [\"pause\"]");
        faults.push(source.fault(at, message));
    }
    let rules = || keys.allow.iter().chain(keys.deny);
    for command in rules().flat_map(|rule| &rule.commands) {
        check_command(command, source, faults);
    }
    for glob in keys.within.globs().chain(rules().flat_map(|rule| rule.within.globs())) {
        if glob.get_ref().is_empty() || glob.get_ref().contains(['[', ']', '{', '}']) {
            let said = glob.get_ref();
            let message = format!("`{said}` is no glob; * stands for any text and ? for one character, as in build-*");
            faults.push(source.fault(Some(glob.span()), message));
        }
    }
}

fn check_command(command: &Spanned<String>, source: Source<'_>, faults: &mut Vec<Fault>) {
    let said = command.get_ref().as_str();
    if CATALOGUE.find(said).is_some() {
        return;
    }
    let near = CATALOGUE.0.iter().map(|spec| (strsim::damerau_levenshtein(&spec.name, said), &spec.name)).min();
    let meant = near.filter(|(distance, name)| *distance <= 1 + name.len() / 3);
    let hint =
        meant.map_or_else(|| "; docs/access.md names all".to_owned(), |(_, name)| format!("; did you mean `{name}`?"));
    faults.push(source.fault(Some(command.span()), format!("there is no command `{said}`{hint}")));
}
