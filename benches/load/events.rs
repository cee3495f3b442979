//! Events as a fleet reports them, and requests that carry them, signed.

use std::cell::Cell;
use std::fmt::Write as _;

use sereno::clock::Sources;
use sereno::runtime::signature;

/// The key under which requests are signed, and as a configuration writes it.
pub const KEY: [u8; 32] = [7; 32];
pub const SECRET: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
/// Length of an event of intake, about that of a tool call with a command of some lines.
const LENGTH: usize = 974;

/// Numbers and signs.
pub struct Events {
    next: Cell<u64>,
    sources: Sources,
}

impl Events {
    pub fn new() -> Self {
        Self { next: Cell::new(1), sources: Sources::system() }
    }

    /// A number that was not given before.
    pub fn number(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    /// A signed request with `body`.
    pub fn signed(&self, body: &str) -> Vec<u8> {
        let id = format!("msg-{}", self.number());
        let mut request = format!(
            "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in signature::sign(&KEY, &id, self.sources.now(), body.as_bytes()) {
            push(&mut request, format_args!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body);
        request.into_bytes()
    }

    /// A request with one event of 974 bytes of one of `agents` agents.
    pub fn one(&self, agents: u64) -> Vec<u8> {
        self.signed(&Self::body(self.number(), agents))
    }

    /// Event number `n` of 974 bytes of one of `agents` agents.
    pub fn body(n: u64, agents: u64) -> String {
        let mut body = String::with_capacity(LENGTH);
        event(&mut body, n, n / KINDS % agents, LENGTH);
        body
    }

    /// A request with `count` events of `length` bytes, in turn of `agents` agents.
    pub fn batch(&self, count: u64, agents: u64, length: usize) -> Vec<u8> {
        let mut body = String::with_capacity(usize::try_from(count).unwrap_or(0) * (length + 1));
        for place in 0..count {
            body.push(if place == 0 { '[' } else { ',' });
            let n = self.number();
            event(&mut body, n, n / KINDS % agents, length);
        }
        body.push(']');
        self.signed(&body)
    }

    /// A request with one event for each of `count` agents from number `first` on.
    pub fn roll_call(&self, first: u64, count: u64, length: usize) -> Vec<u8> {
        let mut body = String::new();
        for agent in first..first + count {
            body.push(if agent == first { '[' } else { ',' });
            event(&mut body, self.number(), agent, length);
        }
        body.push(']');
        self.signed(&body)
    }

    /// A request in which `count` agents from number `first` on say that they failed.
    pub fn failures(&self, first: u64, count: u64) -> Vec<u8> {
        let one = |agent| {
            let n = self.number();
            format!(r#"{{"id":"e-{n}","type":"agent.status","agent":{{"id":"failed-{agent}"}},"status":"error"}}"#)
        };
        let all: Vec<String> = (first..first + count).map(one).collect();
        self.signed(&format!("[{}]", all.join(",")))
    }

    /// A request with the end of a task of its own; agent `chat` reports it, which chooses the conversation.
    /// Returns the number of the task, which its notice shows.
    pub fn completion(&self, chat: u64) -> (u64, Vec<u8>) {
        let n = self.number();
        let body = format!(
            r#"{{"id":"e-{n}","type":"task.completed","agent":{{"id":"chat-{chat}"}},"task":{{"id":"{TASK}{n}","title":"{TASK}{n}"}},"message":"all tests pass"}}"#
        );
        (n, self.signed(&body))
    }
}

/// How tasks are called that end with a notice.
pub const TASK: &str = "BENCH-";

/// What an agent does, over and over: think, use a tool, report.
const KINDS: u64 = 5;

/// Appends event number `n`, filled up to `length` bytes.
pub fn event(to: &mut String, n: u64, agent: u64, length: usize) {
    let begin = to.len();
    let turn = n / KINDS;
    push(to, format_args!(r#"{{"id":"e-{n}","agent":{{"id":"agent-{agent}"}},"session":{{"id":"session-{agent}"}},"#));
    match n % KINDS {
        0 => push(
            to,
            format_args!(
                r#""type":"model.call","model":"claude-sonnet-4-5","duration_ms":900,"usage":{{"input_tokens":3400,"output_tokens":180,"cost_usd":"0.000200"}}"#
            ),
        ),
        1 | 2 => {
            let (kind, end) = if n % KINDS == 1 { ("started", "") } else { ("ended", r#","ok":true"#) };
            push(
                to,
                format_args!(
                    r#""type":"tool.{kind}","tool":{{"name":"Bash","call_id":"call-{turn}","input":{{"command":"cargo test case_{turn}"}}{end}}}"#
                ),
            );
        }
        3 => to.push_str(r#""type":"step.ended","step":{"name":"Implement"}"#),
        _ => to.push_str(r#""type":"agent.heartbeat""#),
    }
    let rest = length.saturating_sub(to.len() - begin + r#","message":""}"#.len());
    if rest > 0 {
        to.push_str(r#","message":""#);
        to.extend(std::iter::repeat_n("all work and no play ", rest / 21 + 1).flat_map(str::chars).take(rest));
        to.push('"');
    }
    to.push('}');
}

fn push(to: &mut String, text: std::fmt::Arguments<'_>) {
    to.write_fmt(text).expect("a String takes everything");
}
