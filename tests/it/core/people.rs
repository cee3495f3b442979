//! People beyond the configuration: accounts joined by a code, people and tokens that are added, and who is refused.

use sereno::channel::token::{Tokens, hash};
use sereno::clock::CountingEntropy;
use sereno::core::access::{Actor, Role};
use sereno::core::command::{Delicate, SecretKind, delicate};
use sereno::core::input::{Body, Invocation, Origin, Secret};
use sereno::core::message::Content;
use sereno::core::policy::Lang;
use sereno::core::reason::Reason;
use sereno::core::step::Reply;
use sereno::core::time::Span;
use sereno::core::world::World;

use crate::sim::{Sim, draw, policy};

/// Says a line as a door would hand it over: with what was made up for it, and without the code that it holds.
fn say(sim: &mut Sim, channel: &str, account: &str, target: &str, text: &str) -> Reply {
    let invocation = Invocation {
        actor: Actor { channel: channel.into(), account: account.into(), display: None },
        text: text.into(),
        tap: None,
        origin: Some(Origin { channel: channel.into(), target: target.into(), reply_to: None }),
        device: None,
        secret: None,
    };
    let entropy = CountingEntropy::default();
    let sealed = Tokens::new([7; 32], 1).with_page("https://sereno.example").sealed(invocation, &entropy);
    sim.input(Body::Command(sealed)).expect("every command is answered")
}

/// What the newest card says to its reader, with the secret that it is about.
fn revealed(sim: &Sim) -> String {
    let (_, card) = sim.world.cards.last_key_value().unwrap();
    let tokens = Tokens::new([7; 32], 1).with_page("https://sereno.example");
    draw(&tokens.revealed(&card.content, sim.now), Lang::En, sim.now)
}

/// A code for `person`, as it is read on the page.
fn code(sim: &mut Sim, person: &str) -> String {
    assert!(!say(sim, "page", person, person, "/link").refused);
    let text = revealed(sim);
    let (_, rest) = text.split_once("/link ").unwrap();
    rest.lines().next().unwrap().trim_matches('`').to_owned()
}

/// Without Slack accounts in the configuration, on a channel of Slack.
fn sim() -> Sim {
    let mut rules = policy();
    rules.channels.insert("team".into(), sereno::channel::carries("slack"));
    rules.channels.insert("dc".into(), sereno::channel::carries("discord"));
    Sim::with(rules)
}

#[test]
fn a_code_makes_another_account_known_once() {
    let mut sim = sim();
    let code = code(&mut sim, "ana");
    assert_eq!(code.len(), 9, "{code}");
    let written = serde_json::to_string(&sim.log).unwrap() + &serde_json::to_string(&sim.world).unwrap();
    assert!(
        !written.contains(&code) && !written.contains(&code.replace('-', "")),
        "nowhere but in the reader's message"
    );
    // As people write it: in small letters, without the dash, an o for a zero.
    let typed = code.to_lowercase().replace('-', " ").replace('0', "o");
    let reply = say(&mut sim, "team", "U9", "U9", &format!("/link {typed}"));
    assert!(!reply.refused, "{:?}", reply.reason);
    assert_eq!(sim.world.policy.people["ana"].accounts["slack"], "U9");
    assert!(!say(&mut sim, "team", "U9", "U9", "/approvals").refused);
    let notices: Vec<String> = sim.cards("notice").iter().map(|card| draw(&card.content, Lang::En, sim.now)).collect();
    assert!(notices.iter().any(|text| text.contains("you are ana")), "{notices:?}");
    assert!(notices.iter().any(|text| text.contains("Slack account U9 now speaks for ana")), "{notices:?}");
    let written = serde_json::to_string(&sim.log).unwrap();
    assert!(!written.contains(&code.replace('-', "")));
    assert_eq!(
        say(&mut sim, "dc", "80351110224678912", "@80351110224678912", &format!("/link {code}")).reason,
        Reason::WrongCode { left: 4 }
    );
    let audit: Vec<&str> = sim.decisions.iter().flat_map(|d| &d.audit).map(|row| row.action.as_str()).collect();
    assert!(audit.ends_with(&["person.code_given", "person.linked", "person.code_refused"]), "{audit:?}");
}

#[test]
fn a_code_is_dead_after_ten_minutes_and_when_another_one_is_made() {
    let mut sim = sim();
    let first = code(&mut sim, "ana");
    sim.advance(Span::mins(1));
    // The entropy of the door of this test always says the same, so the second code is victor's.
    let late = code(&mut sim, "victor");
    assert_eq!(first, late, "as said");
    sim.advance(Span(Span::mins(10).0));
    assert!(revealed(&sim).contains("This is over"), "{}", revealed(&sim));
    assert_eq!(say(&mut sim, "team", "U9", "U9", &format!("/link {late}")).reason, Reason::WrongCode { left: 4 });
}

#[test]
fn whoever_guesses_codes_is_stopped_and_nobody_else() {
    let mut sim = sim();
    for left in (0..5).rev() {
        assert_eq!(say(&mut sim, "team", "U666", "U666", "/link AAAA-AAAA").reason, Reason::WrongCode { left });
    }
    let code = code(&mut sim, "ana");
    let reply = say(&mut sim, "team", "U666", "U666", &format!("/link {code}"));
    assert!(matches!(reply.reason, Reason::TooManyTries { .. }), "even the right one: {:?}", reply.reason);
    assert!(!say(&mut sim, "team", "U9", "U9", &format!("/link {code}")).refused, "and others may");
    sim.advance(Span::mins(10));
    assert_eq!(say(&mut sim, "team", "U666", "U666", "/link AAAA-AAAA").reason, Reason::WrongCode { left: 4 });
}

#[test]
fn a_code_is_for_one_reader_and_void_where_others_read_it() {
    let mut sim = sim();
    assert_eq!(say(&mut sim, "tg", "77", "-100500", "/link").reason, Reason::OnlyInPrivate { command: "link".into() });
    let code = code(&mut sim, "ana");
    let reply = say(&mut sim, "tg", "99", "-100500", &format!("/link {code}"));
    assert_eq!(reply.reason, Reason::OnlyInPrivate { command: "link".into() });
    assert_eq!(say(&mut sim, "tg", "99", "99", &format!("/link {code}")).reason, Reason::WrongCode { left: 4 });
}

#[test]
fn what_stands_in_the_configuration_is_not_overruled_by_a_code() {
    let mut sim = sim();
    let code = code(&mut sim, "ana");
    let reply = say(&mut sim, "tg", "99", "99", &format!("/link {code}"));
    assert_eq!(reply.reason, Reason::Configured { name: "ana".into() });
    assert_eq!(say(&mut sim, "tg", "77", "77", "/link AAAAAAAA").reason, Reason::AccountKnown { person: "ana".into() });
    // An account that was joined and then configured for somebody else is theirs.
    assert!(!say(&mut sim, "page", "victor", "victor", "/link").refused);
    assert!(!say(&mut sim, "team", "U9", "U9", &format!("/link {code}")).refused, "the same code, see above");
    assert_eq!(sim.world.policy.people["victor"].accounts["slack"], "U9");
    let mut rules = sim.world.configured().clone();
    rules.people.get_mut("ana").unwrap().accounts.insert("slack".into(), "U9".into());
    sim.input(Body::Policy(Box::new(rules)));
    assert_eq!(sim.world.policy.people["ana"].accounts["slack"], "U9");
    assert!(!sim.world.policy.people["victor"].accounts.contains_key("slack"));
}

#[test]
fn accounts_that_are_nobodys_in_particular_become_nobodys() {
    let mut sim = sim();
    let code = code(&mut sim, "ana");
    for (channel, account, target, kind) in [
        ("tg", "anonymous", "-100500", "telegram"),
        ("tg", "anonymous", "anonymous", "telegram"),
        ("team", "U9@T2", "C100", "slack"),
        ("dc", "8035@777", "900", "discord"),
        ("dc", "8035@elsewhere", "900", "discord"),
    ] {
        let foreign = Reason::ForeignAccount { channel: kind.into() };
        assert_eq!(say(&mut sim, channel, account, target, "/kill debug").reason, foreign, "{account}");
        let reply = say(&mut sim, channel, account, target, &format!("/link {code}"));
        assert!(reply.refused, "{account}");
    }
    assert!(sim.world.roster.linked.is_empty());
}

#[test]
fn a_stranger_is_told_once_and_not_at_every_word() {
    let mut sim = sim();
    let cards = |sim: &Sim| sim.world.counters.cards;
    let before = cards(&sim);
    let reply = say(&mut sim, "tg", "99", "99", "/pause all");
    assert!(matches!(reply.reason, Reason::UnknownPerson { .. }));
    assert_eq!(cards(&sim), before + 1);
    for line in ["/pause all", "/agents", "hello", "/nonsense"] {
        assert_eq!(say(&mut sim, "tg", "99", "99", line).reason, Reason::StillUnknown, "{line}");
    }
    assert_eq!(cards(&sim), before + 1, "and nothing is sent for it");
    sim.advance(Span::hours(25));
    assert!(matches!(say(&mut sim, "tg", "99", "99", "/agents").reason, Reason::UnknownPerson { .. }));
    assert!(matches!(say(&mut sim, "tg", "98", "98", "/agents").reason, Reason::UnknownPerson { .. }));
}

#[test]
fn people_are_added_linked_unlinked_and_removed() {
    let mut sim = sim();
    let admin = |sim: &mut Sim, line: &str| say(sim, "page", "victor", "victor", line);
    assert!(!admin(&mut sim, "/people add bea role:operator agent:web-*,api-* lang:es").refused);
    let bea = &sim.world.policy.people["bea"];
    assert_eq!((bea.role, bea.lang), (Role::Operator, Lang::Es));
    assert_eq!(sim.world.policy.access["bea"].within.agents, ["web-*", "api-*"]);
    assert!(!admin(&mut sim, "/people link bea").refused);
    let code = revealed(&sim).split_once("/link ").unwrap().1.lines().next().unwrap().to_owned();
    assert!(!say(&mut sim, "dc", "8035", "@8035", &format!("/link {code}")).refused);
    assert!(!say(&mut sim, "dc", "8035", "@8035", "/agents").refused);
    sim.input(Body::LinkIssued { token: "l".into(), person: "bea".into(), expires: sim.now.plus(Span::mins(9)) });
    sim.input(Body::LinkUsed { token: "l".into(), session: "s".into(), expires: sim.now.plus(Span::days(1)) });
    // A new configuration changes nothing about what was added, and neither does a snapshot.
    sim.input(Body::Policy(Box::new(sim.world.configured().clone())));
    sim.world = World::read(&sim.world.write().unwrap()).unwrap();
    assert!(!say(&mut sim, "dc", "8035", "@8035", "/agents").refused);
    let Content::People(view) = &sim.card("people").content else { panic!("people") };
    assert!(view.people.iter().any(|row| row.name == "bea" && row.by.as_deref() == Some("victor") && row.rules));
    assert!(!admin(&mut sim, "/people unlink bea").refused);
    assert!(matches!(say(&mut sim, "dc", "8035", "@8035", "/agents").reason, Reason::UnknownPerson { .. }));
    assert!(!admin(&mut sim, "/people remove bea").refused);
    assert!(sim.world.signins.sessions.is_empty(), "the page is left, too");
    assert!(!sim.world.policy.people.contains_key("bea") && !sim.world.policy.access.contains_key("bea"));
    for (line, reason) in [
        ("/people add ana role:viewer", Reason::NameTaken { name: "ana".into() }),
        ("/people add \"b b\" role:viewer", Reason::NameTaken { name: "b b".into() }),
        ("/people remove ana", Reason::Configured { name: "ana".into() }),
        ("/people remove zoe", Reason::NotFound { what: "person".into(), name: "zoe".into(), nearest: None }),
        ("/people unlink ana", Reason::Configured { name: "ana".into() }),
        ("/people add zoe", Reason::MissingArgument { command: "people".into(), argument: "role".into() }),
        ("/people add zoe role:boss", Reason::BadArgument { command: "people".into(), argument: "boss".into() }),
        ("/people token ci role:viewer", Reason::OnlyByApi),
    ] {
        assert_eq!(admin(&mut sim, line).reason, reason, "{line}");
    }
    assert!(matches!(say(&mut sim, "page", "ana", "ana", "/people").reason, Reason::RoleMissing { .. }));
}

#[test]
fn a_token_is_known_by_its_hash_until_it_ends() {
    let mut rules = policy();
    rules.channels.insert("api".into(), sereno::channel::carries("api"));
    rules.tokens.insert("ops".into(), Role::Admin);
    let mut sim = Sim::with(rules);
    let ask = |sim: &mut Sim, who: &str, text: &str, secret: Option<Secret>| {
        let actor = Actor { channel: "api".into(), account: who.into(), display: None };
        sim.input(Body::Command(Invocation { actor, text: text.into(), tap: None, origin: None, device: None, secret }))
            .unwrap()
    };
    let secret = Secret { nonce: "n".into(), hash: hash("sereno_abc") };
    let reply = ask(&mut sim, "ops", "/people token ci role:viewer expires:1h runtime:fleet", Some(secret));
    assert!(
        matches!(reply.content.as_deref(), Some(Content::Secret(view)) if view.name == "ci" && view.text.is_none())
    );
    assert_eq!(sim.world.policy.keys["ci"].hash, hash("sereno_abc"));
    assert!(!ask(&mut sim, "ci", "/agents", None).refused);
    assert!(ask(&mut sim, "ci", "/pause all", None).refused);
    sim.advance(Span::mins(61));
    assert!(matches!(ask(&mut sim, "ci", "/agents", None).reason, Reason::UnknownPerson { .. }), "an hour is an hour");
    sim.advance(Span::hours(1));
    assert!(!sim.world.policy.tokens.contains_key("ci"), "and it is forgotten");
    assert_eq!(ask(&mut sim, "ops", "/people revoke ops", None).reason, Reason::Configured { name: "ops".into() });
}

#[test]
fn the_first_admin_is_whoever_gets_the_link_while_nobody_is_known() {
    let nobody = sereno::core::policy::Policy { people: std::collections::BTreeMap::new(), ..policy() };
    let mut sim = Sim::with(nobody);
    sim.input(Body::LinkIssued { token: "l".into(), person: "admin".into(), expires: sim.now.plus(Span::mins(10)) });
    let used = Body::LinkUsed { token: "l".into(), session: "s".into(), expires: sim.now.plus(Span::days(1)) };
    assert!(!sim.input(used).unwrap().refused);
    assert_eq!(sim.world.policy.people["admin"].role, Role::Admin);
    assert_eq!(say(&mut sim, "page", "admin", "admin", "/people remove admin").reason, Reason::LastAdmin);
    // From then on a link for somebody whom nobody knows is for nobody.
    sim.input(Body::LinkIssued { token: "m".into(), person: "eve".into(), expires: sim.now.plus(Span::mins(10)) });
    let used = Body::LinkUsed { token: "m".into(), session: "t".into(), expires: sim.now.plus(Span::days(1)) };
    assert!(sim.input(used).unwrap().refused);
    assert_eq!(sim.world.policy.people.len(), 1);
}

#[test]
fn a_link_to_the_page_goes_where_nobody_else_reads_it() {
    let mut sim = sim();
    let reply = say(&mut sim, "tg", "77", "-100500", "/login");
    assert!(!reply.refused);
    let copies = sim.world.copies.values();
    let places = copies.map(|copy| (copy.to.target.as_str(), sim.world.cards[&copy.card].content.name()));
    let places: Vec<_> = places.collect();
    assert_eq!(places, [("77", "secret"), ("-100500", "notice")]);
    assert_eq!(sim.world.signins.links.len(), 1);
    let (hash_of_it, link) = sim.world.signins.links.first_key_value().unwrap();
    assert_eq!((link.person.as_str(), link.expires), ("ana", sim.now.plus(Span::mins(10))));
    let card = sim.card("secret");
    let text = draw(
        &Tokens::new([7; 32], 1).with_page("https://sereno.example").revealed(&card.content, sim.now),
        Lang::En,
        sim.now,
    );
    let (_, token) = text.split_once("https://sereno.example/#signin=").unwrap();
    assert_eq!(hash(&token[..64]), *hash_of_it);
}

#[test]
fn only_lines_that_need_or_hold_a_secret_are_delicate() {
    for (line, wanted) in [
        ("/link", Some(Delicate::Needs(SecretKind::Code))),
        ("/vincular", Some(Delicate::Needs(SecretKind::Code))),
        ("/link@sereno_bot 7k3f-9qxa", Some(Delicate::Holds("7K3F9QXA".into()))),
        ("/li 7k3f 9qol", Some(Delicate::Holds("7K3F9Q01".into()))),
        ("/login", Some(Delicate::Needs(SecretKind::Link))),
        ("/people link ana", Some(Delicate::Needs(SecretKind::Code))),
        ("/people token ci role:viewer", Some(Delicate::Needs(SecretKind::Key))),
        ("/people", None),
        ("/agents", None),
        ("hello", None),
        ("", None),
    ] {
        assert_eq!(delicate(line), wanted, "{line}");
    }
}
