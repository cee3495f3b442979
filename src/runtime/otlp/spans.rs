//! Spans into events: calls, tools, and runs of agents, each once and in the order in which they ended.
//!
//! What a span does not say itself, those around it say: who works, and in which session. Where nobody does, the service
//! is the agent and the trace the session. Spans tell what is over, so that an agent is idle between two batches.

use std::collections::{BTreeMap, HashMap};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::attributes::{Facts, Field, arguments, name};
use super::dialect::{self, Role, openinference};
use super::{Batch, Settings, environment, hex, moment, resource_facts, usage};
use crate::core::event::{Account, AgentRef, Event, EventKind, Fault, SessionRef, StepRef, ToolCall, Usage};
use crate::core::text;
use crate::runtime::telemetry::{Told, UsageFrom};

/// Spans around one that are looked at.
const MAX_DEPTH: usize = 64;
/// The provider or its client made the span: what the agent does there cannot be seen from here.
const CLIENT: i32 = 3;
/// It went wrong.
const ERROR: i32 = 2;

/// A span with what it says.
struct Seen<'a> {
    span: &'a Span,
    facts: Facts<'a>,
    resource: Facts<'a>,
    /// Who made the span.
    scope: &'a str,
    role: Role,
    /// The span around it, when it is in the same batch.
    parent: Option<usize>,
}

/// Reads a batch of spans.
pub fn read(request: &ExportTraceServiceRequest, settings: &Settings) -> Told {
    let spans = see(request);
    let mut batch = Batch::new(settings);
    batch.told.items = spans.len() as u64;
    let tree = Tree { used: roll_up(&spans), spans: &spans, settings };
    let mut order: Vec<usize> = (0..spans.len()).collect();
    // Whoever is within another ends first, or at the same moment and further down.
    order.sort_by_cached_key(|ix| (spans[*ix].span.end_time_unix_nano, std::cmp::Reverse(tree.depth(*ix))));
    for ix in order {
        let events = tree.events(ix);
        if events.is_empty() {
            batch.told.ignored += 1;
        } else if spans[ix].span.trace_id.is_empty() || spans[ix].span.span_id.is_empty() {
            batch.told.reject(|| format!("the span `{}` has no identity", name(&spans[ix].span.name)));
        } else {
            batch.take(events);
        }
    }
    batch.idle()
}

fn see(request: &ExportTraceServiceRequest) -> Vec<Seen<'_>> {
    let mut spans = Vec::new();
    for of_resource in &request.resource_spans {
        let resource = resource_facts(of_resource.resource.as_ref());
        for of_scope in &of_resource.scope_spans {
            let scope = of_scope.scope.as_ref().map_or("", |scope| scope.name.as_str());
            for span in &of_scope.spans {
                let facts = Facts::read(&span.attributes);
                let role =
                    if dialect::tells_by_records(scope, &resource) { Role::Other } else { role(&facts, span, scope) };
                spans.push(Seen { span, facts, resource, scope, role, parent: None });
            }
        }
    }
    let places: HashMap<(&[u8], &[u8]), usize> =
        spans.iter().enumerate().map(|(ix, seen)| ((&*seen.span.trace_id, &*seen.span.span_id), ix)).collect();
    let parents: Vec<Option<usize>> =
        spans.iter().map(|seen| places.get(&(&*seen.span.trace_id, &*seen.span.parent_span_id)).copied()).collect();
    for (ix, (seen, parent)) in spans.iter_mut().zip(parents).enumerate() {
        seen.parent = parent.filter(|parent| *parent != ix);
    }
    spans
}

fn role(facts: &Facts<'_>, span: &Span, scope: &str) -> Role {
    let said = facts.raw(Field::Operation).and_then(dialect::role);
    let tokens = facts.has(Field::Input) || facts.has(Field::Output) || facts.has(Field::Usage);
    said.unwrap_or_else(|| match () {
        () if tokens && (facts.has(Field::Model) || facts.has(Field::ModelUsed)) => Role::Call,
        () if facts.has(Field::Tool) => Role::Tool,
        () if facts.is_empty() && dialect::is_bare_call(scope, &span.name) => Role::Call,
        () => Role::Other,
    })
}

/// What each call used, told by the outermost of the calls around it that tells anything; the others tell nothing.
fn roll_up(spans: &[Seen<'_>]) -> Vec<Option<Usage>> {
    let mut used: Vec<Option<Usage>> =
        spans.iter().map(|seen| seen.is_call().then(|| usage::of(&seen.facts)).flatten()).collect();
    let mut within: HashMap<usize, Vec<usize>> = HashMap::new();
    for (ix, usage) in used.iter().enumerate() {
        if usage.is_some()
            && let Some(outer) = around(spans, ix).filter(|outer| used[*outer].is_some()).last()
        {
            within.entry(outer).or_default().push(ix);
        }
    }
    for (outer, inner) in within {
        let parts: Vec<Usage> = innermost(spans, &used, &inner);
        used[outer] = used[outer].map(|told| usage::around(told, &parts));
        for ix in inner {
            used[ix] = None;
        }
    }
    used
}

/// Of calls within another, what those directly within it say: what lies deeper is a part of that.
fn innermost(spans: &[Seen<'_>], used: &[Option<Usage>], inner: &[usize]) -> Vec<Usage> {
    let direct = |ix: &&usize| around(spans, **ix).filter(|outer| used[*outer].is_some()).count() == 1;
    inner.iter().filter(direct).filter_map(|ix| used[*ix]).collect()
}

/// The spans around one, the innermost first.
fn around<'a>(spans: &'a [Seen<'_>], ix: usize) -> impl Iterator<Item = usize> + 'a {
    std::iter::successors(spans[ix].parent, |outer| spans[*outer].parent).take(MAX_DEPTH)
}

impl Seen<'_> {
    /// Whether it tells what was used: a call, or a run of an agent that lives at the provider.
    fn is_call(&self) -> bool {
        self.role == Role::Call || (self.role == Role::Agent && self.span.kind == CLIENT)
    }

    fn id(&self) -> String {
        format!("{}/{}", hex(&self.span.trace_id), hex(&self.span.span_id))
    }

    /// Who works, if it says so itself.
    fn agent(&self) -> Option<String> {
        let node = || matches!(self.role, Role::Agent | Role::Made).then(|| self.facts.name(Field::Node)).flatten();
        let of_name = || {
            let named = dialect::agent_of(self.scope, &self.span.name).filter(|_| self.role == Role::Agent)?;
            Some(name(named)).filter(|name| !name.is_empty())
        };
        let of_metadata = || self.facts.member(Field::Metadata, openinference::AGENT);
        self.facts.name(Field::Agent).or_else(node).or_else(of_name).or_else(of_metadata)
    }

    /// What went wrong.
    fn fault(&self) -> Option<Fault> {
        let status = self.span.status.as_ref();
        let failed = status.is_some_and(|status| status.code == ERROR)
            || self.facts.has(Field::Error)
            || self.facts.raw(Field::Level).is_some_and(|level| level.eq_ignore_ascii_case("error"));
        if !failed {
            return None;
        }
        let exception = self.span.events.iter().rev().find(|event| event.name == "exception");
        let exception = Facts::read(exception.map_or(&[], |event| &event.attributes));
        let kind = self.facts.name(Field::Error).or_else(|| exception.name(Field::Error));
        let said = status.map(|status| status.message.trim()).filter(|text| !text.is_empty());
        let message = self.facts.text(Field::Trouble).or_else(|| said.map(|text| text::clip(text, 500)));
        let message = message.or_else(|| exception.text(Field::Trouble));
        Some(Fault { kind: kind.unwrap_or_else(|| "error".into()), message, retry_at: None })
    }

    fn duration_ms(&self) -> Option<u64> {
        let (began, ended) = (self.span.start_time_unix_nano, self.span.end_time_unix_nano);
        (began > 0).then(|| ended.saturating_sub(began) / 1_000_000)
    }
}

/// The spans of a batch, and what follows from how they lie within each other.
struct Tree<'a> {
    spans: &'a [Seen<'a>],
    used: Vec<Option<Usage>>,
    settings: &'a Settings,
}

impl Tree<'_> {
    fn around(&self, ix: usize) -> impl Iterator<Item = &Seen<'_>> {
        around(self.spans, ix).map(|outer| &self.spans[outer])
    }

    fn depth(&self, ix: usize) -> usize {
        around(self.spans, ix).count()
    }

    /// The span around it that is not in the batch; `None` when the batch holds them all.
    fn beyond(&self, ix: usize) -> Option<String> {
        let outermost = around(self.spans, ix).last().map_or(&self.spans[ix], |outer| &self.spans[outer]);
        let parent = &outermost.span.parent_span_id;
        (!parent.is_empty()).then(|| hex(parent))
    }

    fn who(&self, ix: usize) -> AgentRef {
        let seen = &self.spans[ix];
        let mut named = std::iter::once(seen).chain(self.around(ix)).filter_map(Seen::agent);
        let id = named.next().or_else(|| seen.resource.name(Field::Agent));
        let parent = named.find(|outer| Some(outer) != id.as_ref());
        let stand_in = || self.settings.stand_in(&seen.facts.or(&seen.resource));
        AgentRef { id: id.unwrap_or_else(stand_in), parent, tags: environment(&seen.resource), ..AgentRef::default() }
    }

    /// The session that it, or a span around it, names; else its trace, unless it is a call on its own.
    fn session(&self, ix: usize) -> Option<(SessionRef, bool)> {
        let seen = &self.spans[ix];
        let named = std::iter::once(seen).chain(self.around(ix)).find_map(|seen| seen.facts.name(Field::Session));
        let named = named.or_else(|| seen.resource.name(Field::Session));
        let of = |id| SessionRef { id, ..SessionRef::default() };
        if let Some(id) = named {
            return Some((of(id), true));
        }
        let alone = self.beyond(ix).is_none()
            && std::iter::once(seen).chain(self.around(ix)).all(|seen| matches!(seen.role, Role::Call | Role::Other));
        (!alone && !seen.span.trace_id.is_empty()).then(|| (of(hex(&seen.span.trace_id)), false))
    }

    fn event(&self, ix: usize, kind: EventKind) -> Event {
        let seen = &self.spans[ix];
        Event {
            id: seen.id(),
            time: moment(seen.span.end_time_unix_nano),
            agent: Some(self.who(ix)),
            session: self.session(ix).map(|(session, _)| session),
            ..Event::new(kind)
        }
    }

    /// What follows from a span.
    fn events(&self, ix: usize) -> Vec<Event> {
        match self.spans[ix].role {
            Role::Call => self.call(ix).into_iter().collect(),
            Role::Tool => self.tool(ix),
            Role::Agent => self.run(ix),
            Role::Made => vec![self.event(ix, EventKind::AgentRegistered)],
            Role::Work => self.end(ix).into_iter().collect(),
            Role::Other => Vec::new(),
        }
    }

    fn call(&self, ix: usize) -> Option<Event> {
        let seen = &self.spans[ix];
        let error = seen.fault();
        let told_by_outer = self.used[ix].is_none() && usage::of(&seen.facts).is_some();
        if told_by_outer && error.is_none() {
            return None;
        }
        let usage = self.used[ix].filter(|_| self.settings.usage == UsageFrom::Calls);
        let elsewhere = told_by_outer || error.is_some() || self.settings.usage == UsageFrom::Metrics;
        let account = Account::Call { id: hex(&seen.span.span_id), within: self.beyond(ix) };
        Some(Event {
            model: seen.facts.name(Field::Model).or_else(|| seen.facts.name(Field::ModelUsed)),
            provider: seen.facts.name(Field::Provider),
            usage,
            account: (usage.is_some() || elsewhere).then(|| Box::new(account)),
            duration_ms: seen.duration_ms(),
            error,
            ..self.event(ix, EventKind::ModelCall)
        })
    }

    /// A tool call is told when it is over: its beginning and its end at once.
    fn tool(&self, ix: usize) -> Vec<Event> {
        let seen = &self.spans[ix];
        let error = seen.fault();
        let input = seen.facts.raw(Field::ToolInput).and_then(arguments);
        let named = seen.facts.name(Field::Tool).or_else(|| seen.facts.name(Field::Node));
        let tool = ToolCall {
            name: named.unwrap_or_else(|| name(&seen.span.name)),
            call_id: seen.facts.name(Field::ToolCall),
            input,
            ..ToolCall::default()
        };
        let ended = self.event(ix, EventKind::ToolEnded);
        let started = Event {
            id: format!("{}#started", ended.id),
            time: moment(seen.span.start_time_unix_nano),
            tool: Some(tool.clone()),
            ..Event { kind: EventKind::ToolStarted, ..ended.clone() }
        };
        let tool = ToolCall { ok: Some(error.is_none()), ..tool };
        vec![started, Event { tool: Some(tool), duration_ms: seen.duration_ms(), error, ..ended }]
    }

    /// A run of an agent is over: a stage, what it used when nobody else can tell, and whether it failed.
    fn run(&self, ix: usize) -> Vec<Event> {
        let seen = &self.spans[ix];
        let mut events = Vec::new();
        if self.used[ix].is_some() {
            events.extend(self.call(ix).map(|event| Event { id: format!("{}#used", event.id), error: None, ..event }));
        }
        if let Some(step) = seen.facts.name(Field::Step) {
            let event = self.event(ix, EventKind::StepEnded);
            let step = Some(StepRef { name: step, ..StepRef::default() });
            events.push(Event { id: format!("{}#step", event.id), step, ..event });
        }
        let ended = self.end(ix).unwrap_or_else(|| {
            if let Some(fault) = seen.fault() {
                let event = self.event(ix, EventKind::AgentStatus);
                return Event { status: Some("error".into()), error: Some(fault), ..event };
            }
            let event = self.event(ix, EventKind::SessionProgress);
            let kind = if event.session.is_some() { event.kind } else { EventKind::AgentStatus };
            Event { kind, status: Some("idle".into()), ..event }
        });
        events.push(ended);
        events
    }

    /// The end of the session, when the span is the outermost of its trace that tells of agents, and the trace is the
    /// session.
    fn end(&self, ix: usize) -> Option<Event> {
        let outermost = !self.around(ix).any(|seen| matches!(seen.role, Role::Agent | Role::Work));
        let (_, named) = self.session(ix)?;
        if named || !outermost || self.beyond(ix).is_some() {
            return None;
        }
        let error = self.spans[ix].fault();
        let kind = if error.is_some() { EventKind::SessionFailed } else { EventKind::SessionEnded };
        let mut event = Event { error, ..self.event(ix, kind) };
        if self.spans[ix].agent().is_none() {
            // Whoever worked in it has said so.
            event.agent = None;
        }
        Some(event)
    }
}

/// Whoever worked in a batch and has not said how it ended.
#[derive(Default)]
pub struct Working(BTreeMap<(String, String), Event>);

impl Working {
    /// Takes note of an event.
    pub fn note(&mut self, event: &Event) {
        let Some(agent) = &event.agent else { return self.ended(event) };
        let session = event.session.as_ref().map_or("", |session| session.id.as_str());
        let key = (agent.id.clone(), session.to_owned());
        match event.kind {
            EventKind::ModelCall | EventKind::ToolStarted | EventKind::ToolEnded | EventKind::StepEnded
                if !matches!(event.account.as_deref(), Some(Account::Counter { .. })) =>
            {
                let kind = if session.is_empty() { EventKind::AgentStatus } else { EventKind::SessionProgress };
                let idle = Event {
                    id: format!("{}#idle", event.id),
                    time: event.time,
                    agent: event.agent.clone(),
                    session: event.session.clone(),
                    status: Some("idle".into()),
                    ..Event::new(kind)
                };
                self.0.insert(key, idle);
            }
            EventKind::SessionProgress => drop(self.0.remove(&key)),
            EventKind::AgentStatus if event.error.is_some() => self.0.retain(|(have, _), _| *have != agent.id),
            _ => self.ended(event),
        }
    }

    /// A session is over, for whoever worked in it.
    fn ended(&mut self, event: &Event) {
        if matches!(event.kind, EventKind::SessionEnded | EventKind::SessionFailed)
            && let Some(session) = &event.session
        {
            self.0.retain(|(_, have), _| *have != session.id);
        }
    }

    /// What is to be said of those who are left.
    pub fn rest(self) -> impl Iterator<Item = Event> {
        self.0.into_values()
    }
}
