//! The commands as data: one file each in `commands/`, the single source of grammar, roles, help,
//! registrations on platforms and the README's table.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use serde::Deserialize;

use crate::core::access::Role;
use crate::core::policy::Lang;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/commands");

/// One command.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The word that is typed.
    pub name: String,
    /// Where help lists it.
    pub group: Group,
    /// Other words for it, in any language.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Who may use it.
    pub roles: Vec<Role>,
    /// What it does to it.
    pub effect: Effect,
    /// What it touches, and so where one must be allowed to use it.
    #[serde(default)]
    pub touches: Touches,
    /// When it asks back before it does anything.
    #[serde(default)]
    pub confirm: Confirm,
    /// What it takes, in order.
    #[serde(default)]
    pub args: Vec<Arg>,
    /// Lines that work.
    pub examples: Vec<String>,
    /// It is not listed in help, menus and tables: buttons and tools use it.
    #[serde(default)]
    pub hidden: bool,
    /// Texts in English.
    pub en: Texts,
    /// Texts in Spanish.
    pub es: Texts,
}

/// What a command takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arg {
    /// Its name.
    pub name: String,
    /// What can stand there; completion offers it.
    pub kind: ArgKind,
    /// Whether it must be there.
    #[serde(default)]
    pub required: bool,
}

/// What can stand in the place of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ArgKind {
    Agent,
    Session,
    Task,
    Alert,
    Approval,
    Grant,
    Command,
    Period,
    Word,
    Text,
}

/// Where help lists a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Group {
    Look,
    Decide,
    Alerts,
    Control,
    Other,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Effect {
    Read,
    Decide,
    Alert,
    Control,
    Admin,
}

/// What a command touches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Touches {
    /// What is no single agent's: one must be allowed to use it everywhere.
    #[default]
    Fleet,
    /// Agents, and what is theirs. Whoever carries it out asks for each whether it may be touched.
    Agents,
    /// Only whoever uses it.
    Oneself,
}

/// When a command asks back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// Never.
    #[default]
    Never,
    /// When it touches more than one agent: the number must be typed, too.
    Many,
    /// Always; with more than one agent the number must be typed, too.
    Always,
}

/// A command's texts in one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// What it does, in one line of at most 60 characters.
    pub summary: String,
    /// How it is written after the slash.
    pub usage: String,
    /// What its buttons say, by label.
    #[serde(default)]
    pub buttons: BTreeMap<String, String>,
}

impl Spec {
    /// The texts in a language.
    pub const fn texts(&self, lang: Lang) -> &Texts {
        match lang {
            Lang::En => &self.en,
            Lang::Es => &self.es,
        }
    }
}

/// All commands, by name.
#[derive(Debug)]
pub struct Catalogue(pub Vec<Spec>);

/// The commands of this build.
pub static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let files = FILES.files().filter(|f| f.path().extension().is_some_and(|e| e == "toml"));
    let mut specs: Vec<Spec> = files
        .map(|file| {
            let text = file.contents_utf8().unwrap_or_default();
            toml::from_str(text).unwrap_or_else(|e| panic!("{}: {e}", file.path().display()))
        })
        .collect();
    specs.sort_by(|a: &Spec, b: &Spec| (a.group, &a.name).cmp(&(b.group, &b.name)));
    Catalogue(specs)
});

impl Catalogue {
    /// Commands that are listed.
    pub fn listed(&self) -> impl Iterator<Item = &Spec> {
        self.0.iter().filter(|spec| !spec.hidden)
    }

    /// Finds a command by its exact name.
    pub fn find(&self, name: &str) -> Option<&Spec> {
        self.0.iter().find(|spec| spec.name == name)
    }

    /// What a button says.
    pub fn button(&self, label: &str, lang: Lang) -> Option<&str> {
        self.0.iter().find_map(|spec| spec.texts(lang).buttons.get(label)).map(String::as_str)
    }
}
