//! Digests: each time is told once to each reader, whatever happens to the process, the clock and the configuration;
//! what is told adds up; and nobody is told that all is well when that is not known.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use sereno::core::access::Actor;
use sereno::core::calendar::Unit;
use sereno::core::input::{Body, Invocation};
use sereno::core::message::{Content, DigestView};
use sereno::core::money::Micros;
use sereno::core::policy::{DigestSpec, Lang, Policy};
use sereno::core::reason::Reason;
use sereno::core::step::Reply;
use sereno::core::time::{Span, Ts};
use sereno::core::world::World;

use super::logs::for_all;
use super::run::fold;
use crate::sim::{Sim, policy};

/// One runtime, and a digest of the day at seven for both.
fn briefed(at: &str, period: Unit) -> Policy {
    let mut policy = policy();
    policy.runtimes.remove("claude");
    let to = ["person:ana", "person:victor"].map(str::to_owned).into();
    policy.digests.insert("daily".into(), DigestSpec { at: at.into(), to, period, via: Vec::new() });
    policy
}

fn daily() -> Policy {
    briefed("0 7 * * *", Unit::Day)
}

/// Every digest that was told in the last two days, by its reader, oldest first.
fn told(sim: &Sim) -> BTreeMap<String, Vec<DigestView>> {
    let mut all: BTreeMap<String, Vec<DigestView>> = BTreeMap::new();
    for card in sim.cards("digest") {
        let Content::Digest(view) = &card.content else { unreachable!() };
        let to = &sim.world.copies[&card.copies[0]].to;
        all.entry(to.person.clone().unwrap_or_else(|| to.label())).or_default().push((**view).clone());
    }
    all
}

fn spends(sim: &mut Sim, agent: &str, cost: &str) {
    sim.event(
        json!({"type": "model.call", "agent": {"id": agent}, "session": {"id": agent}, "model": "claude-sonnet-4-5",
        "usage": {"input_tokens": 1000, "output_tokens": 100, "cost_usd": cost}}),
    );
}

fn lives(sim: &mut Sim) {
    sim.event(json!({"type": "agent.heartbeat", "agent": {"id": "idler"}}));
}

fn ask(sim: &mut Sim, line: &str) -> Reply {
    let actor = Actor { channel: "page".into(), account: "ana".into(), display: None };
    sim.input(Body::Command(Invocation {
        actor,
        text: line.into(),
        tap: None,
        origin: None,
        device: None,
        secret: None,
    }))
    .unwrap()
}

fn asked(sim: &mut Sim, line: &str) -> DigestView {
    match ask(sim, line).content.map(|content| *content) {
        Some(Content::Digest(view)) => *view,
        other => panic!("{line} is answered by {other:?}"),
    }
}

#[test]
fn a_day_is_told_once_to_each_reader_on_their_clock() {
    let mut policy = daily();
    policy.people.get_mut("ana").unwrap().tz = "America/New_York".into();
    let mut sim = Sim::with(policy);
    spends(&mut sim, "coder", "1.50");
    sim.advance(Span::days(1));
    spends(&mut sim, "coder", "0.25");
    sim.advance(Span::hours(23));
    let told = told(&sim);
    let of = |person: &str| {
        let row = |view: &DigestView| (view.first.to_string(), view.at.rfc3339(), view.money.cents, view.count);
        told[person].iter().map(row).collect::<Vec<_>>()
    };
    let row = |day: &str, at: &str, cents| (format!("2026-11-{day}"), format!("2026-11-{at}:00:00.000Z"), cents, 1);
    assert_eq!(of("victor"), [row("20", "21T07", 150), row("21", "22T07", 25)]);
    assert_eq!(of("ana"), [row("20", "21T12", 150)]);
    let card = sim.card("digest");
    assert!(card.silent && card.copies.len() == 2, "one card, on the page and on Telegram");
    let proofs = sim.decisions.iter().flat_map(|d| &d.audit).filter(|row| row.action == "digest.told").count();
    assert_eq!(proofs, 3);
    sim.assert_empty();
}

#[test]
fn after_an_absence_one_digest_tells_of_all_days() {
    for (days, each) in [(3, 3), (12, 0)] {
        let mut sim = Sim::with(daily());
        sim.advance(Span::days(1));
        spends(&mut sim, "coder", "2.00");
        sim.away(Span::days(days));
        let mine = &told(&sim)["ana"];
        let last = &mine[0];
        assert_eq!(
            (mine.len(), last.count, last.money.cents),
            (1, usize::try_from(days).unwrap(), 200),
            "and only one"
        );
        assert_eq!(last.money.each.len(), each, "a few are listed one by one");
        assert_eq!(last.money.each.iter().map(|(_, cents)| cents).sum::<i64>(), if each > 0 { 200 } else { 0 });
        let text = sim.text("digest", Lang::En);
        let title = if days == 3 {
            "Agents · 3 days: Sat–Mon · $2.00 · ❔ gaps"
        } else {
            "Agents · 12 days: 21 Nov–2 Dec · $2.00 · ❔ gaps"
        };
        assert!(text.starts_with(title), "{text}");
        assert!(text.contains("sereno was not there"), "{text}");
    }
}

#[test]
fn the_same_configuration_again_tells_nothing_again_and_leaves_out_nothing() {
    let mut sim = Sim::with(daily());
    let mut days = Vec::new();
    for day in 21..25 {
        for time in ["06:59", "07:00", "07:01"] {
            let at = Ts::parse(&format!("2026-11-{day}T{time}:00Z")).unwrap();
            sim.advance(at.since(sim.now));
            let mut changed = daily();
            changed.silent_after = Span::mins(i64::from(day));
            sim.input(Body::Policy(Box::new(changed)));
        }
        days.extend(told(&sim)["ana"].last().map(|view| view.first.to_string()));
    }
    assert_eq!(days, ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"]);
    let proofs = sim.decisions.iter().flat_map(|d| &d.audit).filter(|row| row.action == "digest.told").count();
    assert_eq!(proofs, 8, "four days for two readers");
    let mut without = daily();
    without.digests.clear();
    sim.input(Body::Policy(Box::new(without)));
    sim.advance(Span::days(2));
    sim.input(Body::Policy(Box::new(daily())));
    sim.advance(Span::days(1));
    let last = told(&sim)["ana"].last().unwrap().clone();
    assert_eq!(
        (last.first.to_string(), last.count),
        ("2026-11-24".into(), 3),
        "what nobody told meanwhile comes later"
    );
}

#[test]
fn cost_that_comes_after_the_cut_is_an_adjustment_of_the_next_digest() {
    let mut sim = Sim::with(briefed("5 0 * * *", Unit::Day));
    spends(&mut sim, "coder", "1.00");
    sim.advance(Span::mins(15 * 60 + 6));
    let first = told(&sim)["ana"][0].clone();
    let late = |sim: &mut Sim, time: &str, cost: &str| {
        sim.event(
            json!({"type": "model.call", "time": format!("2026-11-{time}:00Z"), "agent": {"id": "coder"}, "model": "m",
            "usage": {"cost_usd": cost}}),
        );
    };
    // Six minutes late is believed, nine hours are not.
    late(&mut sim, "20T23:58", "0.40");
    sim.advance(Span::hours(9));
    late(&mut sim, "20T23:59", "0.07");
    sim.advance(Span::days(1));
    let last = |sim: &Sim| told(sim)["ana"].last().unwrap().clone();
    let money = |view: &DigestView| (view.money.cents, view.money.missed, view.money.late);
    assert_eq!(money(&first), (100, Micros(0), Micros(0)));
    assert_eq!(money(&last(&sim)), (7, Micros(400_000), Micros(70_000)));
    let text = sim.text("digest", Lang::En);
    assert!(
        text.contains("$0.40 came after the last digest") && text.contains("$0.07 of it happened before"),
        "{text}"
    );
    sim.advance(Span::days(1));
    assert_eq!(money(&last(&sim)), (0, Micros(0), Micros(0)), "once");
}

/// Something that happens.
type Act<'a> = &'a dyn Fn(&mut Sim);

#[test]
fn a_day_is_quiet_only_when_it_is_known_that_nothing_happened() {
    let quiet = |act: &dyn Fn(&mut Sim)| {
        let mut sim = Sim::with(daily());
        sim.advance(Span::hours(16));
        lives(&mut sim);
        act(&mut sim);
        sim.advance(Span::hours(31));
        (told(&sim)["ana"].last().unwrap().quiet, sim.text("digest", Lang::En))
    };
    let (is_quiet, text) = quiet(&|_| {});
    assert!(is_quiet && text.contains("Quiet day: $0.00, 0 alerts, the feed is alive."), "{text}");
    let acts: [(Act, &str); 6] = [
        (&|sim| spends(sim, "coder", "0.01"), "$0.01"),
        (&|sim| sim.away(Span::hours(1)), "sereno was not there"),
        (&|sim| sim.jump(3_600_000), "sereno was not there"),
        (
            &|sim| {
                let mut policy = daily();
                policy.runtimes.insert("other".into(), policy.runtimes["fleet"].clone());
                sim.input(Body::Policy(Box::new(policy)));
            },
            "nothing heard from other",
        ),
        (
            &|sim| {
                sim.event(
                    json!({"type": "agent.status", "agent": {"id": "writer", "name": "Writer"}, "status": "running"}),
                );
                sim.advance(Span::hours(2));
                sim.event(json!({"type": "agent.status", "agent": {"id": "writer"}, "status": "idle"}));
            },
            "no signal from Writer (fleet)",
        ),
        (
            &|sim| {
                let task = json!({"id": "T-1", "title": "Nightly"});
                sim.event(json!({"type": "task.failed", "agent": {"id": "idler"}, "task": task}));
            },
            "0 tasks done · 1 failed · 0% ok",
        ),
    ];
    for (act, says) in acts {
        let (is_quiet, text) = quiet(act);
        assert!(!is_quiet && text.contains(says), "{says}: {text}");
    }
    let mut sim = Sim::with(daily());
    sim.advance(Span::days(2));
    let text = sim.text("digest", Lang::Es);
    assert!(text.contains("❔ huecos") && text.contains("nada se supo de fleet"), "{text}");
}

#[test]
fn a_day_that_a_digest_cut_on_another_clock_is_told_whole_after_a_long_absence() {
    // Victor's pages of Berlin stand already when ana comes to that clock, or there are none.
    for victor in ["Europe/Berlin", "UTC"] {
        let in_berlin = |names: &[&str]| {
            let mut policy = briefed("5 0 * * *", Unit::Week);
            for name in names {
                policy.people.get_mut(*name).unwrap().tz = "Europe/Berlin".into();
            }
            policy
        };
        let ours: &[&str] = if victor == "UTC" { &[] } else { &["victor"] };
        let mut sim = Sim::with(in_berlin(ours));
        // It is Friday. The first digest ends at Monday's midnight in UTC, which is one o'clock in Berlin.
        sim.advance(Span::days(3));
        spends(&mut sim, "coder", "0.30");
        sim.advance(Span::days(2));
        let both: Vec<&str> = ours.iter().copied().chain(["ana"]).collect();
        sim.input(Body::Policy(Box::new(in_berlin(&both))));
        sim.advance(Span::days(1));
        sim.away(Span::days(9));
        let view = told(&sim)["ana"].last().unwrap().clone();
        assert_eq!((view.from.rfc3339(), view.money.cents), ("2026-11-23T00:00:00.000Z".into(), 30), "{victor}");
        sim.assert_empty();
    }
}

#[test]
fn whoever_asks_sees_the_last_one_or_the_next_so_far() {
    let mut sim = Sim::new();
    spends(&mut sim, "coder", "0.50");
    let view = asked(&mut sim, "/digest");
    assert_eq!((view.name.as_str(), view.so_far, view.money.cents), ("", true, 50), "none is configured");
    sim.input(Body::Policy(Box::new(daily())));
    assert!(asked(&mut sim, "/digest").so_far, "none was told yet");
    sim.advance(Span::days(1));
    spends(&mut sim, "coder", "0.25");
    let view = asked(&mut sim, "/resumen daily");
    assert_eq!((view.so_far, view.money.cents), (false, 50));
    for line in ["/digest now", "/digest ahora DAILY", "/di now"] {
        let view = asked(&mut sim, line);
        assert_eq!((view.so_far, view.money.cents, view.first.to_string()), (true, 25, "2026-11-21".into()), "{line}");
    }
    let refused = ask(&mut sim, "/digest dayly").reason;
    let known = Reason::NotFound { what: "digest".into(), name: "dayly".into(), nearest: Some("daily".into()) };
    assert_eq!(refused, known);
}

#[test]
fn months_add_up_from_pages_that_are_bounded() {
    let mut policy = daily();
    let monthly = DigestSpec { period: Unit::Month, at: "0 8 1 * *".into(), ..policy.digests["daily"].clone() };
    policy.digests.insert("monthly".into(), monthly);
    let mut sim = Sim::with(policy);
    let mut spent: BTreeMap<String, i64> = BTreeMap::new();
    for step in 0..355 {
        sim.advance(Span::hours(5));
        spends(&mut sim, if step % 3 == 0 { "architect" } else { "coder" }, &format!("0.0{}", step % 9));
        *spent.entry(sim.now.rfc3339()[..7].to_owned()).or_default() += step % 9;
    }
    let told = sim.world.briefings.told("monthly", "person:ana").unwrap();
    let view = told.last.as_ref().unwrap();
    assert_eq!((view.first.to_string(), view.count, view.money.cents), ("2027-01-01".into(), 1, spent["2027-01"]));
    assert_eq!(view.money.before, Some(Micros(spent["2026-12"] * 10_000)));
    for group in &view.money.groups {
        assert_eq!(group.rows.iter().map(|row| row.cents).sum::<i64>(), view.money.cents);
    }
    assert_eq!(view.money.slices.len(), 31);
    assert_eq!(view.money.slices.iter().copied().sum::<Micros>(), view.money.total.cost);
    let pages = serde_json::to_value(&sim.world.pages).unwrap();
    let count = pages["UTC"].as_object().unwrap().len();
    assert!((60..=66).contains(&count), "two months of pages, not {count}");
}

/// One thing that happens to somebody who tells digests.
#[derive(Clone, Debug)]
enum Op {
    Spend {
        micros: i64,
        minutes_ago: i64,
        agent: u8,
    },
    Live,
    Wait(Span),
    Jump(i64),
    Away(Span),
    /// Written down and read back.
    Restart,
    Policy {
        at: usize,
        tz: usize,
        period: usize,
        removed: bool,
    },
}

const TIMES: [&str; 5] = ["0 7 * * *", "5 0 * * *", "30 2 * * 1-5", "0 18 * * fri", "0 */6 * * *"];
const ZONES: [&str; 3] = ["UTC", "America/New_York", "Europe/Berlin"];

fn op() -> impl Strategy<Value = Op> {
    let policy = (0..TIMES.len(), 0..ZONES.len(), 0..2_usize, any::<bool>());
    prop_oneof![
        6 => (0..9_000_000_i64, prop_oneof![Just(0), 0..2000_i64], 0..3_u8)
            .prop_map(|(micros, minutes_ago, agent)| Op::Spend { micros, minutes_ago, agent }),
        1 => Just(Op::Live),
        5 => (1..40_i64).prop_map(|hours| Op::Wait(Span::hours(hours))),
        2 => (0..90_i64).prop_map(|minutes| Op::Wait(Span::mins(minutes))),
        1 => (-40..40_i64).prop_map(|hours| Op::Jump(hours * 3_600_000)),
        2 => (1..200_i64).prop_map(|hours| Op::Away(Span::hours(hours))),
        2 => Just(Op::Restart),
        2 => policy.prop_map(|(at, tz, period, removed)| Op::Policy { at, tz, period, removed }),
    ]
}

/// A World that tells digests, and what it has told before its cards were forgotten.
struct Life {
    sim: Sim,
    told: BTreeMap<u64, (String, DigestView)>,
    /// When each cost was booked.
    spent: Vec<(Ts, i64)>,
    /// Whether ana was ever told on two clocks.
    moved: bool,
}

impl Life {
    fn act(&mut self, op: &Op) {
        let sim = &mut self.sim;
        match op {
            Op::Spend { micros, minutes_ago, agent } => {
                let time = sim.now.minus(Span::mins(*minutes_ago));
                let cost = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
                sim.event(json!({"type": "model.call", "time": time.rfc3339(), "agent": {"id": format!("a{agent}")},
                    "model": "claude-opus-4-5", "usage": {"cost_usd": cost}}));
                self.spent.push((time.max(sim.now.minus(Span::mins(10))), *micros));
            }
            Op::Live => lives(sim),
            Op::Wait(span) => sim.advance(*span),
            Op::Jump(wall) => sim.jump(*wall),
            Op::Away(span) => sim.away(*span),
            Op::Restart => sim.world = World::read(&sim.world.write().unwrap()).unwrap(),
            Op::Policy { at, tz, period, removed } => {
                let mut policy = briefed(TIMES[*at], [Unit::Day, Unit::Week][*period]);
                policy.people.get_mut("ana").unwrap().tz = ZONES[*tz].into();
                self.moved |= *tz > 0;
                if *removed {
                    policy.digests.clear();
                }
                sim.input(Body::Policy(Box::new(policy)));
            }
        }
        for card in self.sim.world.cards.values() {
            if let Content::Digest(view) = &card.content {
                let to = self.sim.world.copies[&card.copies[0]].to.person.clone().unwrap();
                self.told.insert(card.number, (to, (**view).clone()));
            }
        }
    }
}

#[test]
fn every_instant_and_every_cent_is_told_once_whatever_happens() {
    let count = std::cell::Cell::new(0);
    for_all(u32::try_from(crate::dose::times(60, 600)).unwrap(), &vec(op(), 1..70), |ops| {
        let mut life = Life { sim: Sim::with(daily()), told: BTreeMap::new(), spent: Vec::new(), moved: false };
        for op in &ops {
            life.act(op);
        }
        for person in ["ana", "victor"] {
            let views: Vec<&DigestView> =
                life.told.values().filter(|(to, _)| to == person).map(|(_, view)| view).collect();
            for pair in views.windows(2) {
                assert_eq!(pair[0].until, pair[1].from, "{person}: nothing is left out and nothing is told twice");
            }
            let (mut sum, mut wanted) = (Micros(0), Micros(0));
            for view in &views {
                assert!(view.from < view.until && view.until <= view.at && view.count > 0, "{view:?}");
                let slices: Micros = view.money.slices.iter().copied().sum();
                assert!(view.money.slices.is_empty() || slices == view.money.total.cost, "{view:?}");
                for group in &view.money.groups {
                    assert_eq!(group.rows.iter().map(|row| row.cents).sum::<i64>(), view.money.cents, "{group:?}");
                    let whole: i64 = group.rows.iter().map(|row| row.percent).sum();
                    assert_eq!(whole, if view.money.total.cost.0 > 0 { 100 } else { 0 }, "{group:?}");
                }
                sum += view.money.total.cost + view.money.missed;
            }
            if let Some(last) = views.last() {
                let kept = life.sim.world.briefings.told("daily", &format!("person:{person}")).unwrap();
                sum += kept.missed;
                let told = life.spent.iter().filter(|(at, _)| *at < last.until).map(|(_, micros)| Micros(*micros));
                wanted = told.sum();
            }
            // Of what is older than the ledger, days of another clock are all that is known.
            let long = views.iter().any(|view| view.until.since(view.from) > Span::days(6));
            if person == "victor" || !(life.moved && long) {
                assert_eq!(sum, wanted, "{person}: {ops:?}");
            }
            count.set(count.get() + views.len());
        }
        let (world, decisions) = fold(&life.sim.log, &[]);
        assert_eq!(decisions, life.sim.decisions, "the same log tells the same");
        assert!(world.write().unwrap() == life.sim.world.write().unwrap());
    });
    assert!(count.get() > 200, "{} digests", count.get());
}
