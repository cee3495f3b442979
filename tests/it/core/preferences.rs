//! What people choose to be told: what is kept from them, when it comes after all, and what nobody can switch off.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use sereno::core::calendar::{Hours, Unit};
use sereno::core::delivery::{Copy, SendOutcome, SendResult};
use sereno::core::input::Body;
use sereno::core::message::Content;
use sereno::core::policy::{DigestSpec, Lang, Policy, Severity};
use sereno::core::reason::Reason;
use sereno::core::time::{Span, Ts, zone};
use sereno::core::world::World;

use super::logs::for_all;
use crate::sim::{Sim, policy, rule};

/// A rule of each severity, and digests of a day and of a week for ana.
fn rules() -> Policy {
    let mut policy = policy();
    let of = |name: &str, over: &str, severity| {
        let mut rule = rule(name, &format!("cost('10m') > {over}"));
        rule.severity = severity;
        rule
    };
    policy.rules = vec![
        of("info", "0.5", Severity::Info),
        of("warning", "1.0", Severity::Warning),
        of("critical", "5.0", Severity::Critical),
    ];
    for (name, at, period) in [("daily", "0 7 * * *", Unit::Day), ("weekly", "0 7 * * 1", Unit::Week)] {
        let to = vec!["person:ana".into(), "person:victor".into()];
        policy.digests.insert(name.into(), DigestSpec { at: at.into(), to, period, via: Vec::new() });
    }
    policy
}

/// Only ana, so that nobody else hears of anything.
fn alone() -> Policy {
    let mut policy = rules();
    policy.people.remove("victor");
    for spec in policy.digests.values_mut() {
        spec.to.retain(|to| to == "person:ana");
    }
    policy
}

fn spends(sim: &mut Sim, agent: &str, cost: &str) {
    sim.event(
        json!({"type": "model.call", "agent": {"id": agent}, "session": {"id": agent}, "model": "claude-sonnet-4-5",
        "usage": {"input_tokens": 10, "cost_usd": cost}}),
    );
}

fn finishes(sim: &mut Sim, task: &str) {
    let agent = json!({"id": "coder", "name": "Coder"});
    sim.event(json!({"type": "task.completed", "agent": agent, "task": {"id": task, "title": "A task"}}));
}

fn asks(sim: &mut Sim) {
    sim.event(json!({"type": "approval.requested", "agent": {"id": "coder"}, "session": {"id": "c"},
        "approval": {"id": "q", "action": {"tool": "Bash", "input": {"command": "make"}}}}));
}

/// What has arrived at a destination, in order, each by its kind and, of an alert, its rule.
fn arrived(sim: &Sim, channel: &str, target: &str) -> Vec<String> {
    let here = |copy: &&Copy| copy.to.channel == channel && copy.to.target == target && copy.sent > 0;
    let word = |copy: &Copy| match &sim.world.cards[&copy.card].content {
        Content::Alert(view) | Content::Loop(view) => view.rule.clone(),
        other => other.name().to_owned(),
    };
    sim.world.copies.values().map(Box::as_ref).filter(here).map(word).collect()
}

/// The same on ana's phone, without what a choice does not touch and without digests.
fn on_phone(sim: &Sim) -> Vec<String> {
    let asked = |what: &String| ["notify", "notice", "task_card", "digest"].contains(&what.as_str());
    arrived(sim, "tg", "77").into_iter().filter(|what| !asked(what)).collect()
}

fn digests(sim: &Sim, phone: &str) -> usize {
    arrived(sim, "tg", phone).iter().filter(|what| *what == "digest").count()
}

/// The names of the reasons in the trail of the alert of a rule.
fn trail(sim: &Sim, rule: &str) -> Vec<String> {
    let alert = sim.world.alerts.values().find(|alert| alert.rule == rule).unwrap();
    alert.trail.0.iter().map(|step| step.reason.code()).collect()
}

fn choose(sim: &mut Sim, line: &str) {
    let reply = sim.say("ana", line);
    assert!(!reply.refused, "{line}: {:?}", reply.reason);
}

#[test]
fn alerts_below_a_level_are_kept_from_whoever_chose_it_and_from_nobody_else() {
    let mut sim = Sim::with(rules());
    choose(&mut sim, "/notify level:critical");
    spends(&mut sim, "debug", "2.00");
    assert!(on_phone(&sim).is_empty(), "{:?}", on_phone(&sim));
    assert_eq!(arrived(&sim, "tg", "1234"), ["info", "warning"]);
    assert_eq!(arrived(&sim, "page", "ana")[1..], ["info", "warning"], "the page has everything");
    assert!(trail(&sim, "warning").contains(&"below_level".to_owned()), "{:?}", trail(&sim, "warning"));
    spends(&mut sim, "debug", "4.00");
    asks(&mut sim);
    assert_eq!(on_phone(&sim), ["critical", "approval"]);
    // Whoever wants to hear of more is told of what is still open, once.
    choose(&mut sim, "/notify level:warning");
    assert_eq!(on_phone(&sim), ["critical", "approval", "warning"]);
    choose(&mut sim, "/notify level:critical");
    choose(&mut sim, "/notify reset");
    assert_eq!(on_phone(&sim), ["critical", "approval", "warning", "info"]);
    let why = trail(&sim, "warning");
    assert!(why.contains(&"suppression_ended".to_owned()), "{why:?}");
    sim.assert_empty();
}

#[test]
fn what_is_over_before_anybody_wants_to_hear_of_it_is_told_to_nobody() {
    let mut sim = Sim::with(rules());
    choose(&mut sim, "/notify level:critical");
    spends(&mut sim, "debug", "2.00");
    sim.advance(Span::hours(2));
    choose(&mut sim, "/notify level:all");
    assert!(on_phone(&sim).is_empty(), "{:?}", on_phone(&sim));
    sim.assert_empty();
}

#[test]
fn an_alert_that_nobody_would_hear_of_is_told_whatever_people_chose() {
    let mut sim = Sim::with(rules());
    choose(&mut sim, "/notify level:critical");
    assert!(!sim.say("victor", "/notify level:critical").refused);
    spends(&mut sim, "debug", "2.00");
    assert_eq!(on_phone(&sim), ["info", "warning"]);
    assert_eq!(trail(&sim, "warning").iter().filter(|code| *code == "nobody_else").count(), 2, "of each of them");
    sim.assert_empty();
}

#[test]
fn whoever_chose_a_level_is_told_when_the_others_cannot_be_reached() {
    let mut sim = Sim::with(rules());
    choose(&mut sim, "/notify level:critical");
    sim.delivers = false;
    spends(&mut sim, "debug", "2.00");
    let rows: Vec<String> = sim.world.outstanding.keys().cloned().collect();
    let (page, phone): (Vec<_>, Vec<_>) = rows.into_iter().partition(|id| {
        let copy = &sim.world.copies[&sim.world.outstanding[id].copy.unwrap()];
        copy.to.channel == "page"
    });
    for id in phone.into_iter().chain(page) {
        sim.input(Body::Sent(SendOutcome::new(&id, 1, 1, SendResult::Gone { error: "gone".into() })));
    }
    sim.deliver_all();
    assert_eq!(
        on_phone(&sim),
        ["warning", "info"],
        "the warning has patience, and what else nobody has heard of comes with it"
    );
    assert!(trail(&sim, "warning").contains(&"nobody_else".to_owned()), "{:?}", trail(&sim, "warning"));
}

#[test]
fn what_waits_for_somebody_who_goes_is_said_and_told_to_whoever_was_spared_it() {
    let mut sim = Sim::with(rules());
    choose(&mut sim, "/notify level:critical");
    assert!(!sim.say("victor", "/notify quiet:23-7").refused);
    sim.to("23:30");
    spends(&mut sim, "debug", "2.00");
    assert!(on_phone(&sim).is_empty(), "victor hears of it in the morning");
    sim.input(Body::Policy(Box::new(alone())));
    let why = trail(&sim, "warning");
    assert!(why.contains(&"not_theirs".to_owned()) && why.contains(&"nobody_else".to_owned()), "{why:?}");
    assert_eq!(on_phone(&sim), ["warning", "info"]);
    assert_eq!(sim.world.preferences.waiting(), 0);
    sim.assert_empty();
}

#[test]
fn in_quiet_hours_what_is_not_critical_waits_and_comes_at_their_end() {
    let mut sim = Sim::with(rules());
    choose(&mut sim, "/notify quiet:23:00-07:00");
    sim.to("23:00");
    spends(&mut sim, "debug", "2.00");
    finishes(&mut sim, "T-1");
    assert!(on_phone(&sim).is_empty(), "{:?}", on_phone(&sim));
    assert_eq!(arrived(&sim, "tg", "1234").iter().filter(|what| *what == "completion").count(), 1);
    assert!(trail(&sim, "warning").contains(&"quiet_hours".to_owned()));
    let audit: Vec<&str> = sim.decisions.iter().flat_map(|d| &d.audit).map(|row| row.action.as_str()).collect();
    assert!(audit.contains(&"notice.held"), "what has no trail has the audit: {audit:?}");
    // What is critical comes, and so does what only a person can decide.
    spends(&mut sim, "debug", "4.00");
    asks(&mut sim);
    assert_eq!(on_phone(&sim), ["critical", "approval"]);
    // It holds: the windows are kept full.
    for _ in 0..100 {
        sim.advance(Span::mins(5));
        spends(&mut sim, "debug", "4.00");
    }
    assert_eq!(on_phone(&sim)[2..], ["warning", "info", "completion"].map(str::to_owned)[..], "by importance");
    let late = sim.world.copies.values().find(|copy| copy.to.target == "77" && copy.remark.is_some()).unwrap();
    assert_eq!(late.remark.as_deref(), Some(&Reason::SuppressionEnded { since: crate::sim::at("23:00") }));
    sim.assert_empty();
}

#[test]
fn what_began_and_ended_in_quiet_hours_is_one_line_and_what_goes_on_afterwards_is_told() {
    let mut sim = Sim::with(rules());
    choose(&mut sim, "/notify quiet:23:00-07:00 level:warning");
    sim.to("23:00");
    sim.advance(Span::mins(7 * 60 + 45));
    spends(&mut sim, "debug", "2.00");
    sim.advance(Span::mins(14));
    assert!(on_phone(&sim).is_empty());
    sim.advance(Span::mins(1));
    assert_eq!(on_phone(&sim), ["missed"]);
    let text = sim.text("missed", Lang::En);
    assert!(text.starts_with("🌙 In your quiet hours: 1 alert"), "{text}");
    assert!(text.contains("A2 warning · 06:45–06:55"), "{text}");
    // Soon afterwards the same episode goes on.
    sim.advance(Span::mins(1));
    spends(&mut sim, "debug", "2.00");
    let went_on = trail(&sim, "warning").contains(&"reopened".to_owned());
    assert_eq!(
        (on_phone(&sim), went_on),
        (["warning", "missed"].map(str::to_owned).to_vec(), true),
        "its copy was made for the one message"
    );
    sim.assert_empty();
}

#[test]
fn many_come_in_one_message_and_each_that_is_over_is_said_there() {
    let mut sim = Sim::with(rules());
    choose(&mut sim, "/notify quiet:23:00-07:00 level:warning");
    sim.to("23:00");
    sim.advance(Span(Span::hours(8).0 - Span::mins(5).0));
    for n in 0..8 {
        spends(&mut sim, &format!("a{n}"), "2.00");
    }
    sim.advance(Span::mins(5));
    assert_eq!(on_phone(&sim), ["missed"]);
    let Content::Missed(view) = &sim.card("missed").content else { panic!("one message") };
    assert_eq!((view.alerts, view.over, view.open.len()), (8, 0, 8));
    sim.advance(Span::mins(10));
    let Content::Missed(view) = &sim.card("missed").content else { panic!("one message") };
    assert_eq!((view.over, view.open.len()), (8, 0), "whoever was told that they fire is told that they are over");
    sim.assert_empty();
}

#[test]
fn one_who_is_alone_is_told_in_the_morning_and_not_at_all_never() {
    let mut sim = Sim::with(alone());
    choose(&mut sim, "/notify quiet:8:00-10:00 level:critical");
    spends(&mut sim, "debug", "2.00");
    assert!(on_phone(&sim).is_empty());
    assert!(
        trail(&sim, "warning").contains(&"nobody_else".to_owned())
            && trail(&sim, "warning").contains(&"quiet_hours".to_owned())
    );
    choose(&mut sim, "/notify quiet:off");
    assert_eq!(on_phone(&sim), ["warning", "info"], "the end of what keeps it brings it at once");
    sim.assert_empty();
}

#[test]
fn digests_that_nobody_wants_are_not_told_and_can_still_be_asked_for() {
    let mut sim = Sim::with(rules());
    spends(&mut sim, "debug", "0.10");
    choose(&mut sim, "/notify digest:weekly");
    sim.advance(Span::days(1));
    assert_eq!((digests(&sim, "1234"), digests(&sim, "77")), (1, 0));
    let skipped: Vec<_> =
        sim.decisions.iter().flat_map(|d| &d.audit).filter(|row| row.action == "digest.skipped").collect();
    assert_eq!((skipped.len(), skipped[0].object.as_str()), (1, "digest:daily"));
    assert_eq!(skipped[0].data["reason"]["code"], "digest_off");
    sim.say("ana", "/digest daily");
    assert!(sim.text("digest", Lang::En).contains("$0.10"), "{}", sim.text("digest", Lang::En));
    sim.advance(Span::days(3));
    assert_eq!(digests(&sim, "77"), 1, "that of the week");
    choose(&mut sim, "/notify digest:on");
    sim.advance(Span::days(1));
    let Content::Digest(view) = &sim.card("digest").content else { panic!("a digest") };
    assert_eq!(view.until.since(view.from), Span::days(1), "what they did not want is not told afterwards");
    sim.assert_empty();
}

#[test]
fn words_that_nobody_knows_are_answered_with_the_nearest_and_change_nothing() {
    let mut sim = Sim::with(rules());
    choose(&mut sim, "/notify level:warning");
    let before = sim.world.preferences.clone();
    let near = |what: &str, name: &str, nearest: &str| Reason::NotFound {
        what: what.into(),
        name: name.into(),
        nearest: Some(nearest.into()),
    };
    let bad = |argument: &str| Reason::BadArgument { command: "notify".into(), argument: argument.into() };
    for (line, reason) in [
        ("format:compcat", near("format", "compcat", "compact")),
        ("level:warnings", near("level", "warnings", "warning")),
        ("digest:weakly", near("digest", "weakly", "weekly")),
        ("formato:compact", near("setting", "formato", "format")),
        ("rest", near("setting", "rest", "reset")),
        ("level:loud", bad("loud")),
        ("digest:monthly", bad("monthly")),
        ("quiet:25:00-07:00", bad("25:00-07:00")),
        ("quiet:07:00-07:00", bad("07:00-07:00")),
        ("quiet:night", bad("night")),
        ("please", bad("please")),
    ] {
        // What is right on the same line does not hold either.
        let reply = sim.say("ana", &format!("/notify level:critical format:compact quiet:22:00-06:00 {line}"));
        assert_eq!((reply.refused, reply.reason), (true, reason), "{line}");
    }
    assert_eq!(sim.world.preferences, before);
}

#[test]
fn a_choice_is_audited_survives_a_snapshot_and_ends_with_the_person() {
    let mut sim = Sim::with(rules());
    choose(&mut sim, "/notify format:compact quiet:23-7 digest:off level:warning");
    let row = sim.decisions.iter().rev().find_map(|decision| decision.audit.first()).unwrap().clone();
    assert_eq!((row.actor.as_str(), row.action.as_str(), row.object.as_str()), ("ana", "notify.changed", "person:ana"));
    assert_eq!((&row.data["via"], &row.data["before"]), (&json!("page"), &json!({})));
    assert_eq!(row.data["after"]["quiet"], "23:00-07:00");
    sim.to("23:30");
    spends(&mut sim, "debug", "2.00");
    sim.world = World::read(&sim.world.write().unwrap()).unwrap();
    assert_eq!(sim.world.preferences.waiting(), 2);
    sim.advance(Span::hours(8));
    assert_eq!(on_phone(&sim), ["missed"]);
    sim.say("victor", "/people add bea role:operator");
    assert!(!sim.say("bea", "/notify level:critical").refused);
    sim.say("victor", "/people remove bea");
    assert!(sim.world.preferences.of("bea").is_none());
}

#[test]
fn first_lines_are_enough_for_news_and_never_for_a_decision() {
    let mut sim = Sim::with(rules());
    choose(&mut sim, "/notify format:compact");
    spends(&mut sim, "debug", "6.00");
    finishes(&mut sim, "T-1");
    asks(&mut sim);
    let tokens = sereno::channel::token::Tokens::new([7; 32], 1);
    let drawn = |kind: &str, channel: &str| {
        let card = sim.card(kind);
        let copies = card.copies.iter().map(|copy| &sim.world.copies[copy]);
        let copy = copies.filter(|copy| copy.to.person.as_deref() == Some("ana")).find(|c| c.to.channel == channel);
        let out = sereno::courier::draw::outgoing(&sim.world.policy, &tokens, copy.unwrap(), card, sim.now);
        (sereno::render::plain(&out.doc), out.buttons.len())
    };
    let (text, buttons) = drawn("alert", "tg");
    assert_eq!(text.trim(), "🔴 Critical · debug spent $6.00/10m · A3");
    assert_eq!(buttons, drawn("alert", "page").1, "with all of its buttons");
    assert_eq!(drawn("completion", "tg").0.trim(), "✅ Task done. $0.00. 0 s.");
    assert!(drawn("alert", "page").0.lines().count() > 3, "the page has everything");
    assert!(drawn("approval", "tg").0.contains("make") && drawn("approval", "tg").0.lines().count() > 3);
}

#[test]
fn quiet_hours_are_kept_by_the_clock_on_the_wall() {
    let madrid = zone("Europe/Madrid").unwrap();
    let night = Hours::parse("23:00-07:00").unwrap();
    assert_eq!(night.to_string(), "23:00-07:00");
    let at = |text: &str| Ts::parse(text).unwrap();
    for (now, until) in [
        ("2026-11-20T21:59:59Z", None),
        ("2026-11-20T22:00:00Z", Some("2026-11-21T06:00:00Z")),
        ("2026-11-21T05:59:59Z", Some("2026-11-21T06:00:00Z")),
        ("2026-11-21T06:00:00Z", None),
        // The clocks go back: an hour more. They go forward: an hour less.
        ("2026-10-24T21:00:00Z", Some("2026-10-25T06:00:00Z")),
        ("2026-03-28T22:00:00Z", Some("2026-03-29T05:00:00Z")),
    ] {
        assert_eq!(night.until(at(now), &madrid), until.map(at), "{now}");
    }
    // An end that comes twice is the last, and one that does not come is when the clock has jumped.
    let short = Hours::parse("1:00-2:30").unwrap();
    assert_eq!(short.until(at("2026-10-25T00:00:00Z"), &madrid), Some(at("2026-10-25T01:30:00Z")));
    assert_eq!(short.until(at("2026-03-29T00:30:00Z"), &madrid), Some(at("2026-03-29T01:00:00Z")));
    for (text, reads) in
        [("23-7", "23:00-07:00"), ("22:30–6", "22:30-06:00"), ("0:00-24:00", ""), ("18-24", "18:00-00:00")]
    {
        assert_eq!(Hours::parse(text).map(|hours| hours.to_string()).unwrap_or_default(), reads, "{text}");
    }
    for bad in ["", "-", "7", "7-7", "24:30-7", "7:60-8", "+7-8", "7:1:2-8", "seven-eight", "007-8"] {
        assert_eq!(Hours::parse(bad), None, "{bad}");
    }
}

/// What happens to two people who choose and change their minds.
#[derive(Clone, Debug)]
enum Op {
    Says(&'static str, &'static str),
    Spends(&'static str, &'static str),
    Passes(i64),
}

fn op() -> impl Strategy<Value = Op> {
    let lines =
        vec!["level:critical", "level:warning", "quiet:23-7", "quiet:8-12", "quiet:off", "reset", "format:compact"];
    prop_oneof![
        2 => (select(vec!["ana", "victor"]), select(lines)).prop_map(|(who, line)| Op::Says(who, line)),
        3 => (select(vec!["a", "b", "c"]), select(vec!["0.70", "2.00", "6.00"])).prop_map(|(a, cost)| Op::Spends(a, cost)),
        2 => (1..400_i64).prop_map(Op::Passes),
    ]
}

/// Whatever two people choose: what is critical reaches both at once; every alert that is open for a day reaches
/// somebody; nothing is told twice in one place; and nothing waits for ever.
#[test]
fn no_choice_makes_an_alert_reach_nobody() {
    for_all(200, &vec(op(), 1..40), |ops| {
        let mut sim = Sim::with(rules());
        for op in &ops {
            match op {
                Op::Says(who, line) => assert!(!sim.say(who, &format!("/notify {line}")).refused),
                Op::Spends(agent, cost) => spends(&mut sim, agent, cost),
                Op::Passes(minutes) => sim.advance(Span::mins(*minutes)),
            }
            for alert in sim.world.alerts.values().filter(|alert| alert.severity == Severity::Critical) {
                let copies = sim.world.cards[&alert.card.unwrap()].copies.iter().map(|copy| &sim.world.copies[copy]);
                assert_eq!(copies.filter(|copy| copy.to.channel == "tg" && copy.sent > 0).count(), 2, "{alert:?}");
            }
        }
        sim.advance(Span::hours(25));
        for alert in sim.world.alerts.values() {
            let copies = sim.world.cards[&alert.card.unwrap()].copies.iter().map(|copy| &sim.world.copies[copy]);
            let told: Vec<&str> = copies
                .filter(|copy| copy.to.channel == "tg" && (copy.sent > 0 || copy.within.is_some()))
                .map(|copy| copy.to.target.as_str())
                .collect();
            let once: std::collections::BTreeSet<&&str> = told.iter().collect();
            assert!(!told.is_empty() && once.len() == told.len(), "{told:?} of {alert:?}");
        }
        assert_eq!(sim.world.preferences.waiting(), 0);
        sim.assert_empty();
    });
}
