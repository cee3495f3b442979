//! The wall of the real binary jumps, while time itself goes on: no decision comes late, nothing that has
//! expired comes back, and nobody is told a storm.

#![expect(clippy::print_stdout, reason = "figures of a run, for whoever wants to see them")]

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::{instant, wall};
use crate::binary::{Home, Serve};
use crate::dose;

/// What makes the wall of a program jump. Debian's package keeps it here on every machine that we test on.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
const TOKEN: &str = "a-bearer-token-for-tests";
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
const END_OF_32_BITS: i64 = 2_147_483_647;

/// Where the wall goes, in seconds.
#[derive(Clone, Copy, Debug)]
enum Jump {
    By(i64),
    To(i64),
}

const ALL: &[Jump] = &[
    Jump::By(1),
    Jump::By(-1),
    Jump::By(5 * MINUTE),
    Jump::By(-5 * MINUTE),
    Jump::By(2 * HOUR),
    Jump::By(-2 * HOUR),
    Jump::By(DAY),
    Jump::By(-DAY),
    Jump::To(DAY),
    Jump::To(END_OF_32_BITS + HOUR),
];
const FEW: &[Jump] = &[Jump::By(2 * HOUR), Jump::By(-DAY), Jump::To(END_OF_32_BITS + HOUR)];

/// A sereno whose wall is ours to set.
struct Faked {
    home: Home,
    serve: Serve,
    client: reqwest::Client,
    questions: u32,
}

fn set_wall(home: &Home, offset: i64) {
    // Renamed into place, so that it is never read half written.
    home.write("wall.new", &format!("{offset:+}\n"));
    fs::rename(home.path("wall.new"), home.path("wall")).unwrap();
}

fn start(home: &Home) -> Serve {
    let wall = home.path("wall");
    home.serve(&[
        ("LD_PRELOAD", LIBRARY),
        ("FAKETIME_TIMESTAMP_FILE", wall.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ])
}

impl Faked {
    async fn start() -> Self {
        let home = Home::new(&format!(
            "[approvals]\ntimeout = \"5s\"\n[runtimes.beat]\nkind = \"generic\"\ntoken = \"{TOKEN}\"\n"
        ));
        set_wall(&home, 0);
        let serve = start(&home);
        // Between two looks a connection may have been closed for want of requests.
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let faked = Self { home, serve, client, questions: 0 };
        for n in 0..30 {
            let event = json!({ "type": "session.started", "agent": { "id": format!("a{n}") }, "session": { "id": format!("s{n}") } });
            faked.event(event).await;
        }
        faked
    }

    async fn event(&self, event: Value) {
        let request = self.client.post(format!("{}/hooks/beat", self.home.url())).bearer_auth(TOKEN).json(&event);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{response:?}");
    }

    async fn say(&self, line: &str) -> Value {
        let request = self.client.post(format!("{}/v1/commands", self.home.url()));
        let request = request.bearer_auth("ops-token-for-tests").json(&json!({ "text": line }));
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Asks a question. Returns its code.
    async fn asks(&mut self) -> String {
        self.questions += 1;
        let action = json!({ "tool": "Bash", "input": { "command": "make" } });
        let approval = json!({ "id": format!("q{}", self.questions), "action": action });
        self.event(json!({ "type": "approval.requested", "agent": { "id": "a1" }, "approval": approval })).await;
        let listed = self.say("/approvals").await;
        let pending = listed["content"]["pending"].as_array().unwrap_or_else(|| panic!("{listed}"));
        assert_eq!(pending.len(), 1, "{listed}");
        pending[0]["code"].as_str().unwrap().to_owned()
    }

    /// Waits until nothing is pending any more, by the fold's own doing.
    async fn expired(&self, code: &str) {
        let begun = instant();
        loop {
            let listed = self.say("/approvals").await;
            let recent = listed["content"]["recent"].as_array().unwrap().iter().find(|a| a["code"] == code);
            if let Some(approval) = recent {
                assert_eq!(approval["state"], "expired", "{approval}");
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "it does not expire: {listed}");
        }
    }

    async fn refuses(&self, code: &str, why: &str) {
        let answer = self.say(&format!("/approve {code}")).await;
        assert_eq!(answer["refused"], true, "{why}: {answer}");
        assert_eq!(answer["reason"]["outcome"], "expired", "{why}: {answer}");
    }
}

fn offset(jump: Jump, base: i64) -> i64 {
    match jump {
        Jump::By(by) => base + by,
        Jump::To(at) => at - wall(),
    }
}

/// One moment of one jump: what is open then expires in its time, and stays so. Returns where the wall is.
async fn one_moment(faked: &mut Faked, jump: Jump, base: i64, moment: usize) -> i64 {
    let there = offset(jump, base);
    let code = faked.asks().await;
    // Moments differ by how much is asked between the question and the jump.
    for _ in 0..moment * 3 {
        faked.say("/status").await;
    }
    set_wall(&faked.home, there);
    if there - base > 5 {
        // Whatever comes first after the jump, the deadline is over.
        faked.refuses(&code, "it is past its deadline").await;
    } else {
        faked.expired(&code).await;
        faked.refuses(&code, "its time has passed, whatever the wall says").await;
    }
    set_wall(&faked.home, base);
    faked.refuses(&code, "nothing comes back").await;
    set_wall(&faked.home, there);
    faked.refuses(&code, "nothing comes back").await;
    if there > base { there } else { base }
}

#[tokio::test]
async fn no_decision_is_late_whatever_the_wall_does() {
    let (jumps, moments) = if dose::times(0, 1) == 1 { (ALL, 30) } else { (FEW, 1) };
    for jump in jumps {
        let mut faked = Faked::start().await;
        let mut base = 0;
        for moment in 0..moments {
            base = one_moment(&mut faked, *jump, base, moment).await;
            set_wall(&faked.home, base);
        }
        // The wall is back where it was at first: what was reached is kept over a restart too.
        let code = faked.say("/approvals").await["content"]["recent"][0]["code"].as_str().unwrap().to_owned();
        set_wall(&faked.home, 0);
        let Faked { home, serve, client, questions } = faked;
        let (status, said) = serve.stop();
        assert_eq!(status, 0, "{said}");
        let serve = start(&home);
        let faked = Faked { home, serve, client, questions };
        faked.refuses(&code, "nothing comes back by a restart").await;
        let alerts = faked.say("/alerts").await["content"].clone();
        assert_eq!(alerts["rows"], json!([]), "{jump:?}: nobody was silent");
        let (status, more) = faked.serve.stop();
        assert_eq!(status, 0, "{more}");
        let told = said.lines().chain(more.lines()).filter(|line| line.starts_with('{'));
        let notices = told.filter(|line| line.contains("\"message\"") && line.contains('⚠')).count();
        assert!(notices <= 1, "{jump:?} was told {notices} times");
        println!("{jump:?}: {moments} moments, 0 late, 0 revived, 0 alerts, {notices} notices");
    }
}
