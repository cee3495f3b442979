//! Log records into events: those of coding agents that tell of themselves by records, and errors of calls.
//!
//! A record has no identity, so that its content is one: whoever sends it again adds nothing.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;

use super::attributes::{Facts, Field, Said};
use super::dialect::{claude_code, codex};
use super::{Batch, Settings, environment, moment, resource_facts};
use crate::core::digest::Digest;
use crate::core::event::{AgentRef, Event, EventKind, Fault, SessionRef};
use crate::runtime::telemetry::Told;

/// A record, and what is known of whoever wrote it.
pub struct Record<'a> {
    /// Its attributes.
    pub said: Said<'a>,
    /// Who works.
    agent: AgentRef,
    session: Option<String>,
    log: &'a LogRecord,
    id: String,
}

impl Record<'_> {
    /// An event of the record.
    pub fn event(&self, kind: EventKind) -> Event {
        let time = match self.log.time_unix_nano {
            0 => self.log.observed_time_unix_nano,
            nanos => nanos,
        };
        Event {
            id: self.id.clone(),
            time: moment(time),
            agent: Some(self.agent.clone()),
            session: self.session.clone().map(|id| SessionRef { id, ..SessionRef::default() }),
            ..Event::new(kind)
        }
    }
}

/// Reads a batch of log records.
pub fn read(request: &ExportLogsServiceRequest, settings: &Settings) -> Told {
    let mut batch = Batch::new(settings);
    for of_resource in &request.resource_logs {
        let resource = resource_facts(of_resource.resource.as_ref());
        for of_scope in &of_resource.scope_logs {
            let scope = of_scope.scope.as_ref().map_or("", |scope| scope.name.as_str());
            for record in &of_scope.log_records {
                batch.told.items += 1;
                let events = events(record, scope, &resource, settings);
                if events.is_empty() {
                    batch.told.ignored += 1;
                } else {
                    batch.take(events);
                }
            }
        }
    }
    batch.idle()
}

fn events(record: &LogRecord, scope: &str, resource: &Facts<'_>, settings: &Settings) -> Vec<Event> {
    let Some(name) = name_of(record) else { return Vec::new() };
    if let Some(name) = name.strip_prefix(claude_code::PREFIX).or(scope.starts_with(claude_code::SCOPE).then_some(name))
    {
        return claude_code::events(name, &about(record, resource, settings), settings.usage);
    }
    if let Some(name) = name.strip_prefix(codex::PREFIX) {
        return codex::events(name, &about(record, resource, settings));
    }
    // Within a trace, the span of the call tells of it.
    if name == "gen_ai.client.operation.exception" && record.trace_id.is_empty() {
        let record = about(record, resource, settings);
        let kind = record.said.name("exception.type").unwrap_or_else(|| "error".into());
        let fault = Fault { kind, message: record.said.text("exception.message"), retry_at: None };
        return vec![Event { error: Some(fault), ..record.event(EventKind::AgentStatus) }];
    }
    Vec::new()
}

/// What a record is called: by the attribute of old, by its own field, or by its body. Who still writes the attribute may
/// have something else in the field: Codex has the place in its source.
fn name_of(record: &LogRecord) -> Option<&str> {
    let field = || Some(record.event_name.as_str()).filter(|name| !name.is_empty());
    let body = || match record.body.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.as_str()),
        _ => None,
    };
    Said(&record.attributes).raw("event.name").or_else(field).or_else(body)
}

fn about<'a>(record: &'a LogRecord, resource: &Facts<'_>, settings: &Settings) -> Record<'a> {
    let said = Said(&record.attributes);
    let facts = Facts::read(&record.attributes).or(resource);
    let id = facts.name(Field::Agent).unwrap_or_else(|| settings.stand_in(&facts));
    let session = said.name("conversation.id").or_else(|| facts.name(Field::Session));
    let content = Digest::of("sereno.otlp.record.v1", &record.encode_to_vec());
    Record {
        said,
        agent: AgentRef { id, tags: environment(resource), ..AgentRef::default() },
        session,
        log: record,
        id: content.to_string(),
    }
}
