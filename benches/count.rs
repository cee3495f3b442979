//! How many instructions a fixed piece of work takes: folding the events of a fleet, and decoding what runtimes
//! report. Counts do not depend on how busy a machine is, so every run of the tests can judge them.
//!
//! `cargo bench --profile dev --bench count` compares with `benches/count.txt` and fails where it takes more than
//! 5 % more; `… -- renew` writes the file anew, which belongs into the commit that is the reason. Each piece runs in
//! a process of its own under callgrind; only [`counted`] counts. Time, caches and the disk are not judged here.
//! Keys of hashes are fixed in the fold; those of the standard library, which are not, move a count by 0.01 %.

// The build is the one that the tests have made already: another profile would compile every dependency once more,
// which takes minutes, and what is looked for (a copy, a search, a walk that was not there) shows in this build as well.
// That a count is larger than in a release says nothing; it is only compared with itself.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "common/fleet.rs"]
mod fleet;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::process::{Command, ExitCode};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use sereno::core::step::step;
use sereno::core::time::Ts;
use sereno::runtime::claude_code::{self, ClaudeCode, GateHook};
use sereno::runtime::generic::{self, Generic};
use sereno::runtime::secret::Secret;
use sereno::runtime::{AgentScope, Inbound, Runtime};

use fleet::{Fleet, START, canonical};

/// More than this many hundredths above the baseline is a failure …
const OVER: f64 = 5.0;
/// … and more than this many below it should become the baseline, or the next loss would hide behind the gain.
const UNDER: f64 = 10.0;

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/count.txt");
const HEAD: &str = "# Instructions that each piece takes, by callgrind, on x86_64, in the build of the tests.\n\
                    # Written by `cargo bench --profile dev --bench count -- renew`.\n";

/// A piece of work; it is prepared, and then done.
type Work = Box<dyn FnMut()>;

/// What a piece is called, and how it is prepared.
type Piece = (&'static str, fn() -> Work);

const PIECES: [Piece; 5] = [
    ("fold, 10 agents and 50 rules", || fold(10, 50)),
    ("fold, 200 agents and 50 rules", || fold(200, 50)),
    ("fold, 10 agents and 250 rules", || fold(10, 250)),
    ("decode, generic", decode_generic),
    ("decode, claude code", decode_claude_code),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => compare(),
        ["renew"] => renew(),
        ["piece", name] => {
            let (_, prepare) = PIECES.iter().find(|(known, _)| *known == name).expect("a piece of this name");
            counted(&mut *prepare());
            ExitCode::SUCCESS
        }
        _ => {
            println!("this takes nothing, or `renew`");
            ExitCode::FAILURE
        }
    }
}

/// What is counted is what happens in here; callgrind knows it by its name.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

/// The instructions of one piece.
fn count(name: &str) -> u64 {
    let us = std::env::current_exe().expect("this program is a file");
    // Whoever runs this has their own environment; it is on the stack and in what libraries look up.
    let run = Command::new("valgrind")
        .env_clear()
        .args(["--tool=callgrind", "--toggle-collect=*counted*", "--callgrind-out-file=/dev/null"])
        .arg(us)
        .args(["piece", name])
        .output()
        .expect("valgrind is installed");
    let said = String::from_utf8_lossy(&run.stderr);
    let collected =
        said.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, count)| count.trim().parse());
    let Some(Ok(count @ 1..)) = collected.filter(|_| run.status.success()) else { panic!("{name}: {said}") };
    count
}

fn renew() -> ExitCode {
    let mut text = HEAD.to_owned();
    for (name, _) in PIECES {
        let _infallible = writeln!(text, "{:>12} {name}", count(name));
    }
    std::fs::write(BASELINE, &text).expect("the baseline can be written");
    print!("{text}");
    ExitCode::SUCCESS
}

/// What the baseline says, by name.
fn baseline() -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(BASELINE).expect("there is a baseline");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let read =
        |line: &str| line.trim_start().split_once(' ').map(|(count, name)| Some((name.into(), count.parse().ok()?)));
    lines.map(|line| read(line).flatten().expect("a line is a count and a name")).collect()
}

fn compare() -> ExitCode {
    let baseline = baseline();
    let mut worse = false;
    for (name, _) in PIECES {
        let before = *baseline.get(name).expect("every piece has a baseline; `renew` writes it");
        let now = count(name);
        #[expect(clippy::cast_precision_loss, reason = "a share of a count")]
        let change = (now as f64 / before as f64 - 1.0) * 100.0;
        let verdict = match change {
            _ if !cfg!(target_arch = "x86_64") => "  (the baseline is of another kind of machine)",
            more if more > OVER => "  TOO MUCH",
            less if less < -UNDER => "  better: please renew the baseline",
            _ => "",
        };
        worse |= verdict.contains("TOO MUCH");
        println!("{name:<30} {now:>12} instructions, {change:+.2} %{verdict}");
    }
    if worse {
        println!("if what is new is worth it: cargo bench --profile dev --bench count -- renew");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Events that are counted.
const EVENTS: u64 = 500;

fn fold(agents: u64, rules: usize) -> Work {
    let mut fleet = Fleet::new(agents, rules);
    for input in fleet.next(fleet.grown()) {
        step(&mut fleet.world, &input);
    }
    let inputs = fleet.next(EVENTS);
    Box::new(move || {
        for input in &inputs {
            black_box(step(&mut fleet.world, input));
        }
    })
}

/// A request as it comes in.
type Request = (HeaderMap, Bytes);

/// Decodes what `runtime` was sent.
fn decode(runtime: impl Runtime + 'static, requests: Vec<Request>) -> Work {
    Box::new(move || {
        for (headers, body) in &requests {
            let decoded = runtime.decode(&Inbound { headers, body }, None, Ts(START));
            assert!(black_box(decoded).is_ok_and(|decoded| !decoded.events.is_empty()), "a body that is sent decodes");
        }
    })
}

fn request(content_type: &'static str, body: &[u8]) -> Request {
    let headers = [(axum::http::header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
    (headers.into_iter().collect(), Bytes::copy_from_slice(body))
}

/// One event, events together, one that must go the careful way, and one in an envelope of `CloudEvents`.
fn decode_generic() -> Work {
    let one = canonical();
    let value: Value = serde_json::from_slice(&one).expect("a canonical event");
    let many = json!(vec![&value; 20]);
    // A byte that is no UTF-8.
    let careful: Vec<u8> = one.iter().map(|byte| if *byte == b'&' { 0xe9 } else { *byte }).collect();
    let cloud = json!({ "specversion": "1.0", "id": "1", "source": "/ci", "type": "tool.started", "data": value });
    let json = "application/json";
    let requests = vec![
        request(json, &one),
        request(json, many.to_string().as_bytes()),
        request(json, &careful),
        request("application/cloudevents+json", cloud.to_string().as_bytes()),
    ];
    let settings = generic::Settings {
        secrets: Vec::new(),
        tokens: vec![Secret::new("a-bearer-token-for-tests")],
        control_url: None,
        can: Vec::new(),
        agents: AgentScope::new(None).expect("no glob"),
    };
    decode(Generic::new(settings).expect("settings that fit together"), requests)
}

const RECORDINGS: [&str; 5] = [
    include_str!("../tests/fixtures/claude-code/hooks-allow.jsonl"),
    include_str!("../tests/fixtures/claude-code/hooks-deny.jsonl"),
    include_str!("../tests/fixtures/claude-code/hooks-none.jsonl"),
    include_str!("../tests/fixtures/claude-code/hooks-prallow.jsonl"),
    include_str!("../tests/fixtures/claude-code/hooks-sessionstart-command.jsonl"),
];

/// Every hook that was recorded from the real thing.
fn decode_claude_code() -> Work {
    let lines = RECORDINGS.iter().flat_map(|recording| recording.lines());
    let requests = lines.map(|line| {
        let line: Value = serde_json::from_str(line).expect("a line of a recording");
        request("application/json", line["body"].to_string().as_bytes())
    });
    let settings = claude_code::Settings {
        tokens: vec![Secret::new("tok123")],
        gate: GateHook::Permission,
        agents: AgentScope::new(None).expect("no glob"),
    };
    decode(ClaudeCode::new(settings), requests.collect())
}
