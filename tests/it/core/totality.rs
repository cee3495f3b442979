//! No input makes the fold panic, and whatever it says can be drawn in every language and dialect.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use sereno::core::policy::Lang;
use sereno::core::time::Span;
use sereno::render::{RENDERER, Reader, html, plain, telegram};

use super::logs::{Op, for_all, ops};
use super::run::Run;

const STRINGS: &[&str] = &[
    "",
    " ",
    "\u{0}",
    "\u{202e}gnp.exe",
    "a\nb\r\nc",
    "```\n{{ 7 * 7 }}\n```",
    "<b>&amp;</b>",
    "**x** `y` :: z",
    "\u{e000}in\u{e001}",
    "𝕏🏳️‍🌈e\u{301}\u{200d}",
    "ClÃ¡udio â€” HÃBRIDO",
    "{% raw %}",
    "session",
    "all",
    "yes",
    "digest:0",
    "why: because",
    "\"quoted\" “curly”",
    "2026-11-20T09:00:00Z",
    "-9999-01-01T00:00:00Z",
    "9999-12-30T22:00:00Z",
    "1e308",
    "-1e9",
    "99999999999999999999",
    "9223372036854.775807",
];

fn scalar() -> impl Strategy<Value = Value> {
    let numbers = [
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(1e308),
        json!(-1e308),
        json!(5e-324),
    ];
    prop_oneof![
        6 => select(STRINGS.to_vec()).prop_map(Value::from),
        1 => (1..3000_usize).prop_map(|n| Value::from("ñ\u{200b} ".repeat(n))),
        4 => select(numbers.to_vec()),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

/// Something of the type that a field has, however extreme; one in forty is of another type.
fn value_of(kind: char) -> BoxedStrategy<Value> {
    let strings = || select(STRINGS.to_vec()).prop_map(Value::from);
    let good = match kind {
        'n' => select(vec![json!(0), json!(1), json!(1_u64 << 40), json!(u64::MAX), json!(i64::MAX)]).boxed(),
        'i' => select(vec![json!(0), json!(1), json!(u32::MAX)]).boxed(),
        'f' => select(vec![json!(0), json!(-1e308), json!(1e308), json!(5e-324), json!(33.3)]).boxed(),
        't' => select(vec!["2026-11-20T09:00:00Z", "-009999-01-03T00:00:00Z", "9999-12-29T22:00:00Z"])
            .prop_map(Value::from)
            .boxed(),
        'm' => select(vec!["9223372036854.775807", "-9223372036854.775807", "0.000001", "9e12", "5", "-3.5"])
            .prop_map(Value::from)
            .boxed(),
        'b' => any::<bool>().prop_map(Value::from).boxed(),
        _ => {
            prop_oneof![9 => strings(), 1 => (1..3000_usize).prop_map(|n| Value::from("ñ\u{200b} ".repeat(n)))].boxed()
        }
    };
    prop_oneof![60 => good, 1 => scalar()].boxed()
}

fn object(fields: &'static [(&'static str, char)]) -> impl Strategy<Value = Value> {
    let values: Vec<_> = fields.iter().map(|(_, kind)| proptest::option::of(value_of(*kind))).collect();
    values.prop_map(|values| {
        let pairs = fields.iter().zip(values).filter_map(|((name, _), value)| Some(((*name).to_owned(), value?)));
        Value::Object(pairs.collect::<Map<_, _>>())
    })
}

/// A canonical event whose every field may hold anything.
fn anything() -> impl Strategy<Value = Value> {
    let kinds: Vec<&str> = sereno::core::event::KINDS.iter().map(|(_, name)| *name).chain(["odd.kind"]).collect();
    let parts = (
        object(&[("id", 's'), ("name", 's'), ("role", 's'), ("parent", 's')]),
        object(&[("id", 's'), ("cwd", 's'), ("branch", 's'), ("parent", 's')]),
        object(&[("id", 's'), ("title", 's'), ("kind", 's'), ("url", 's')]),
        object(&[
            ("input_tokens", 'n'),
            ("output_tokens", 'n'),
            ("cache_read_tokens", 'n'),
            ("cost_usd", 'm'),
            ("cumulative", 'b'),
        ]),
        object(&[("commits", 'i'), ("tests_passed", 'i'), ("tests_total", 'i'), ("percent", 'f')]),
        (value_of('s'), object(&[("index", 'i'), ("of", 'i')])),
        object(&[("type", 's'), ("message", 's'), ("retry_at", 't')]),
        (value_of('s'), value_of('s'), value_of('n'), scalar(), value_of('s'), value_of('f'), value_of('t')),
    );
    (select(kinds), parts, any::<u16>()).prop_map(|(kind, (agent, session, task, usage, progress, step, error, plain), with)| {
        let (status, message, duration, input, extra, number, time) = plain;
        let (step_name, mut step) = step;
        step["name"] = step_name;
        let ids = |mut part: Value, id: &str| {
            let odd = part["id"].as_str().is_none_or(|id| id.trim().is_empty() || id.len() > 256);
            if odd {
                part["id"] = json!(id);
            }
            part
        };
        let mut event = json!({ "type": kind, "agent": ids(agent, "a"), "session": ids(session, "s"), "task": ids(task, "T"), "to": {"id": "a"} });
        let name = extra.as_str().filter(|n| !n.is_empty()).unwrap_or("x");
        let action = json!({ "tool": name, "input": { name: input.clone(), "command": message, "more": [input.clone()] }, "cwd": status });
        let approval = json!({ "id": "q", "action": action, "reason": extra, "outcome": status });
        let tool = json!({ "name": name, "call_id": "c", "input": { "command": input }, "ok": true });
        let metric = json!({ "name": name, "value": number });
        let fields = [("usage", usage), ("progress", progress), ("step", step), ("error", error), ("status", status), ("message", message),
            ("duration_ms", duration), ("approval", approval), ("tool", tool), ("metric", metric), ("model", extra), ("time", time)];
        for (bit, (field, value)) in fields.into_iter().enumerate() {
            if with & (1 << bit) != 0 || needs(kind, field) {
                event[field] = value;
            }
        }
        event
    })
}

/// Whether an event of this kind is nothing without the field.
fn needs(kind: &str, field: &str) -> bool {
    kind.split('.').next() == Some(field) || matches!((kind, field), ("model.call", "usage"))
}

fn typed() -> impl Strategy<Value = String> {
    let verbs = [
        "/agent", "/session", "/tell", "/deny", "/pause", "/kill", "/cost", "/why", "/approve", "/help", "ok", "no",
        "", "/",
    ];
    (select(verbs.to_vec()), vec(select(STRINGS.to_vec()), 0..4))
        .prop_map(|(verb, rest)| format!("{verb} {}", rest.join(" ")))
}

/// Every card of the World in both languages and all three dialects.
fn draw_everything(run: &Run) {
    for card in run.sim.world.cards.values() {
        for lang in Lang::ALL {
            for whole in [true, false] {
                let reader = Reader { lang, tz: "America/Argentina/Buenos_Aires".into(), whole };
                let doc = RENDERER
                    .draw(&card.content, &reader, run.sim.now)
                    .unwrap_or_else(|e| panic!("{e:?}\n{:#?}", card.content));
                let said = [plain(&doc), telegram(&doc, 4096), html(&doc)];
                assert!(said.iter().all(|text| !text.trim().is_empty()));
                let marks = ['\u{e000}', '\u{e001}', '\u{202e}', '\u{200b}', '\0'];
                assert!(said.iter().all(|text| !text.contains(marks)), "{said:?}");
            }
        }
    }
}

const LOOKS: &[&str] = &[
    "/status",
    "/agents",
    "/agent a",
    "/sessions",
    "/session s",
    "/tasks",
    "/task T",
    "/cost",
    "/cost 7d by task",
    "/digest now",
    "/alerts",
    "/approvals",
    "/logs s",
    "/why A1",
    "/help",
];

#[test]
fn events_that_hold_anything_are_refused_or_folded_and_drawn() {
    let taken = std::cell::Cell::new((0, 0));
    for_all(60, &(vec(anything(), 1..12), vec(typed(), 0..4)), |(events, lines)| {
        let mut run = Run::new();
        run.sim.delivers = true;
        for event in events {
            let (good, bad) = taken.get();
            match sereno::runtime::decode::event(event.clone(), None) {
                Ok(_) => {
                    taken.set((good + 1, bad));
                    run.act(&Op::Event("fleet", event, None));
                }
                Err(refused) => {
                    taken.set((good, bad + 1));
                    assert!(!refused.detail.is_empty());
                }
            }
        }
        for line in lines.iter().map(String::as_str).chain(LOOKS.iter().copied()) {
            run.sim.say("ana", line);
        }
        run.sim.advance(Span::days(1));
        draw_everything(&run);
    });
    let (good, bad) = taken.get();
    assert!(good > 100 && bad > 30, "{good} were folded and {bad} refused: the test shows too little");
}

#[test]
fn whatever_a_real_log_leads_to_can_be_drawn() {
    for_all(25, &ops(100), |ops| {
        let mut run = Run::of(&ops);
        for line in LOOKS.iter().chain(&["/agent agent1", "/session s0-0", "/task T-1", "/logs s1-1"]) {
            run.sim.say("victor", line);
        }
        draw_everything(&run);
    });
}

#[test]
fn a_fold_that_starts_in_the_far_past_or_future_goes_on() {
    for year in ["-9000", "0001", "1970", "9990"] {
        let mut run = Run::new();
        run.act(&Op::Event("fleet", json!({"type": "session.started", "agent": {"id": "a"}, "session": {"id": "s"}, "time": format!("{}-01-01T00:00:00Z", year.replace("-9000", "-009000"))}), None));
        for line in LOOKS {
            run.sim.say("ana", line);
        }
        draw_everything(&run);
    }
}
