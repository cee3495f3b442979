//! Both languages say everything: every template, word, command text and reason exists in each.

use std::collections::{BTreeMap, BTreeSet};

use sereno::core::command::CATALOGUE;
use sereno::core::policy::{Lang, Severity};
use sereno::core::reason::Reason;
use sereno::core::time::{Span, Ts};
use sereno::render::{RENDERER, Reader, Words, template_names};

#[test]
fn both_languages_have_the_same_templates_and_words() {
    assert_eq!(template_names(Lang::En), template_names(Lang::Es));
    assert_eq!(Words::of(Lang::En).paths(), Words::of(Lang::Es).paths());
    for lang in Lang::ALL {
        for path in Words::of(lang).paths() {
            assert!(!Words::of(lang).get(&path).trim().is_empty(), "{path} in {}", lang.as_str());
        }
    }
}

#[test]
fn every_variable_of_a_word_is_used_in_both_languages() {
    let variables = regex::Regex::new(r"\{\{\s*(\w+)|\{%\s*(?:if|for \w+ in)\s+(\w+)").unwrap();
    let used = |lang: Lang, path: &str| -> BTreeSet<String> {
        let found = variables
            .captures_iter(Words::of(lang).get(path))
            .filter_map(|c| c.get(1).or(c.get(2)).map(|m| m.as_str().to_owned()))
            .collect::<Vec<_>>();
        found.into_iter().collect()
    };
    for path in Words::of(Lang::En).paths() {
        assert_eq!(used(Lang::En, &path), used(Lang::Es, &path), "{path}");
        let gaps = |lang| Words::of(lang).get(&path).matches("{}").count();
        assert_eq!(gaps(Lang::En), gaps(Lang::Es), "{path}");
    }
}

#[test]
fn every_command_has_texts_examples_and_buttons_in_both_languages() {
    for spec in &CATALOGUE.0 {
        let (en, es) = (spec.texts(Lang::En), spec.texts(Lang::Es));
        for texts in [en, es] {
            let length = texts.summary.chars().count();
            assert!((5..=60).contains(&length), "/{}: {}", spec.name, texts.summary);
            assert!(texts.buttons.values().all(|text| (2..=30).contains(&text.chars().count())), "/{}", spec.name);
        }
        assert_ne!(en.summary, es.summary, "/{} is not translated", spec.name);
        assert_eq!(en.buttons.keys().collect::<Vec<_>>(), es.buttons.keys().collect::<Vec<_>>(), "/{}", spec.name);
        assert!(!spec.examples.is_empty(), "/{}", spec.name);
        let starts = |example: &String| {
            example.starts_with(&format!("/{}", spec.name)) || example.starts_with("ok ") || example.starts_with("no ")
        };
        assert!(spec.examples.iter().all(starts), "/{}: {:?}", spec.name, spec.examples);
    }
}

#[test]
fn no_two_commands_answer_to_the_same_word() {
    let mut words: BTreeMap<&str, &str> = BTreeMap::new();
    for spec in &CATALOGUE.0 {
        for word in std::iter::once(&spec.name).chain(&spec.aliases) {
            assert_eq!(words.insert(word, &spec.name), None, "{word} is taken twice");
            assert_eq!(*word, word.to_lowercase(), "{word}: what is typed is made lower case");
        }
    }
    for alias in
        ["estado", "agentes", "costo", "alertas", "aprobar", "rechazar", "pausar", "reanudar", "reasignar", "ayuda"]
    {
        assert!(words.contains_key(alias), "/{alias} is missing");
    }
}

#[test]
fn every_button_that_a_card_can_wear_has_a_text() {
    let labels = [
        "ack",
        "why",
        "pause",
        "kill",
        "do_it",
        "show",
        "deny",
        "approve",
        "approve_session",
        "deny_why",
        "deny_stop",
        "stop_digests",
    ];
    for label in labels {
        for lang in Lang::ALL {
            assert!(CATALOGUE.button(label, lang).is_some(), "{label} in {}", lang.as_str());
        }
    }
    for scene in super::scenes::all() {
        for button in &scene.buttons {
            assert!(labels.contains(&button.label.as_str()), "{} is new: list it here", button.label);
        }
    }
}

#[expect(clippy::too_many_lines, reason = "one of each")]
fn reasons() -> Vec<Reason> {
    use Reason as R;
    let (at, text) = (Ts::parse("2026-11-20T09:17:00Z").unwrap(), || "X".to_owned());
    let (person, to, verb, list) =
        (|| "ana".to_owned(), || "tg:77".to_owned(), || "pause".to_owned(), || vec!["resume".to_owned()]);
    vec![
        R::HoldStarted { until: at },
        R::ClearedBeforeHold,
        R::Fired,
        R::Reopened,
        R::Cleared,
        R::ResolvedBy { person: person() },
        R::AckedBy { person: person() },
        R::RuleRemoved,
        R::ScopeGone,
        R::Routed { route: String::new(), to: to() },
        R::Routed { route: "kind=\"alert\"".into(), to: to() },
        R::NobodyToTell,
        R::QuietHours { person: person(), until: at },
        R::BelowLevel { person: person(), level: Severity::Critical },
        R::NobodyElse { person: person() },
        R::NotTheirs { person: person() },
        R::SuppressionEnded { since: at },
        R::DigestOff,
        R::Sent { to: to(), receipt: text(), attempt: 1 },
        R::Sent { to: to(), receipt: text(), attempt: 3 },
        R::SendRetried { to: to(), error: text(), due: at, uncertain: true },
        R::SendRetried { to: to(), error: text(), due: at, uncertain: false },
        R::SendDead { to: to(), error: text() },
        R::FileLost { to: to(), error: text() },
        R::ImageLost { to: to(), error: text() },
        R::Held { to: to() },
        R::TargetMoved { from: to(), to: "tg:78".into() },
        R::FellBack { from: to(), to: "page:ana".into() },
        R::Collapsed { to: to() },
        R::Unreachable { channel: "telegram".into(), since: at },
        R::Refused { channel: "telegram".into() },
        R::Delayed { since: at },
        R::ChannelLocked { channel: "tg".into(), error: text() },
        R::ManyDead { count: 21 },
        R::CannotBeShown { number: 7 },
        R::Asked,
        R::ApprovedBy { person: person(), scope: "once".into() },
        R::ApprovedBy { person: person(), scope: "session".into() },
        R::DeniedBy { person: person(), note: None },
        R::DeniedBy { person: person(), note: Some("not on prod".into()) },
        R::Granted { grant: "G3".into(), person: person() },
        R::Expired,
        R::Withdrawn { why: String::new() },
        R::Withdrawn { why: "timed out".into() },
        R::SessionEnded,
        R::ResolvedElsewhere { outcome: "allow".into() },
        R::Superseded,
        R::TooManyOpen { open: 10 },
        R::ControlAsked { verb: verb() },
        R::ControlWaits { verb: verb() },
        R::ControlConfirmed { verb: verb(), receipt: "sereno:held".into() },
        R::ControlConfirmed { verb: verb(), receipt: "done".into() },
        R::ControlFailed { verb: verb(), error: "gone".into() },
        R::ControlExpired { verb: verb() },
        R::ClockAhead { by: 7_200_000 },
        R::ClockBack { by: 6_000 },
        R::MachineSlept { span: 28_800_000 },
        R::WasAway { from: at, to: at.plus(Span::mins(47)) },
        R::SkewedClock { source: "fleet".into(), percent: 33 },
        R::RuntimeAway { runtime: "claw".into(), since: at },
        R::RuntimeBack { runtime: "claw".into(), since: at, to: at.plus(Span::mins(47)) },
        R::RuntimeRefuses { runtime: "claw".into(), why: "unauthorized".into() },
        R::NotOffered { offered: list() },
        R::NoRoom { thing: "agent".into(), most: 150_000, source: "fleet".into() },
        R::NoRoom { thing: "approval".into(), most: 50_000, source: "fleet".into() },
        R::Quarantined { what: "event".into(), digest: "3f2a9c01d4e5b677".into() },
        R::Quarantined { what: "deadlines".into(), digest: String::new() },
        R::UnknownPerson { channel: "telegram".into(), account: "99".into() },
        R::StillUnknown,
        R::ForeignAccount { channel: "telegram".into() },
        R::OnlyInPrivate { command: "link".into() },
        R::SentDirectly,
        R::WrongCode { left: 4 },
        R::WrongCode { left: 1 },
        R::WrongCode { left: 0 },
        R::TooManyTries { until: at },
        R::AccountKnown { person: person() },
        R::YouAre { person: person() },
        R::Linked { person: person(), channel: "slack".into(), account: "U9".into() },
        R::Unlinked { person: person(), channel: "slack".into(), account: "U9".into() },
        R::Configured { name: person() },
        R::NameTaken { name: person() },
        R::LastAdmin,
        R::OnlyByApi,
        R::RoleMissing {
            command: "tell".into(),
            role: "viewer".into(),
            needs: vec!["operator".into(), "admin".into()],
        },
        R::OutOfScope { command: "pause".into(), thing: "build-1".into() },
        R::OutOfScope { command: "dead".into(), thing: String::new() },
        R::DeniedByRule { command: "kill".into(), thing: "build-1".into() },
        R::DeniedByRule { command: "kill".into(), thing: String::new() },
        R::UnknownCommand { word: "agnets".into(), nearest: Some("agents".into()) },
        R::UnknownCommand { word: "xyz".into(), nearest: None },
        R::AmbiguousCommand { word: "re".into(), candidates: vec!["resume".into(), "revoke".into()] },
        R::MissingArgument { command: "agent".into(), argument: "name".into() },
        R::BadArgument { command: "cost".into(), argument: "90d".into() },
        R::NotFound { what: "agent".into(), name: "debgu".into(), nearest: Some("debug".into()) },
        R::NotFound { what: "approval".into(), name: "ZZZZ".into(), nearest: None },
        R::Ambiguous { what: "agent".into(), name: "de".into(), candidates: vec!["debug".into(), "design".into()] },
        R::CountNeeded { count: 4, retype: "/pause all 4".into() },
        R::ConfirmNeeded { retype: "/kill debug yes".into() },
        R::RuntimeCannot { runtime: "claude".into(), verb: "reassign".into(), can: list() },
        R::RuntimeCannot { runtime: "log".into(), verb: "kill".into(), can: Vec::new() },
        R::Decided { outcome: "approved".into() },
        R::AlreadyDecided { outcome: "approved".into(), person: Some(person()), at },
        R::AlreadyDecided { outcome: "expired".into(), person: None, at },
        R::StaleButton,
        R::ForeignButton,
        R::UnknownButton,
        R::DigestMismatch,
        R::ReadFirst,
        R::ReplyInstead,
        R::AlreadySo { state: "paused".into() },
        R::AlreadySo { state: "resolved".into() },
        R::NothingToDo,
        R::LinkInvalid,
        R::DeviceEnded { why: "gone".into() },
        R::DeviceEnded { why: "forgotten".into() },
        R::DeviceEnded { why: "signed_out".into() },
        R::DeviceEnded { why: "replaced".into() },
        R::DeviceEnded { why: "too_many".into() },
        R::RowsDone { count: 3 },
        R::StoreTrouble { error: "database or disk is full".into() },
        R::DiskLow,
        R::DiskFull,
        R::Restored,
        R::Done,
    ]
}

#[test]
fn every_reason_is_a_sentence_in_both_languages() {
    let codes: BTreeSet<String> = reasons().iter().map(Reason::code).collect();
    let section: BTreeSet<String> =
        Words::of(Lang::En).paths().iter().filter_map(|p| p.strip_prefix("reason.").map(str::to_owned)).collect();
    let source = include_str!("../../../src/core/reason.rs");
    let body = source.split("pub enum Reason {").nth(1).and_then(|s| s.split("\n}").next()).expect("the enum");
    let variants = regex::Regex::new(r"(?m)^    ([A-Z]\w+)").unwrap().captures_iter(body).count();
    assert_eq!(codes.len(), variants, "a reason is missing in this test");
    assert_eq!(codes, section, "and each has its text");
    let mut said = String::new();
    for reason in reasons() {
        for lang in Lang::ALL {
            let reader = Reader { lang, tz: "UTC".into(), whole: true };
            let sentence = RENDERER.sentence(&reason, &reader, Ts::parse("2026-11-20T09:20:00Z").unwrap());
            assert!(!sentence.is_empty() && !sentence.contains(['{', '}']), "{reason:?}: {sentence}");
            said.push_str(&format!("{:<20} {} {sentence}\n", reason.code(), lang.as_str()));
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("sentences");
    settings.bind(|| insta::assert_snapshot!("reasons", said));
}
