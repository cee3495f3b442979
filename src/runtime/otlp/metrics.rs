//! Counters into usage, where counters tell what was used.
//!
//! A point says what its counter grew by, or what it stands at; the fold makes the difference. A counter is told from
//! others by its name, its attributes and its process, and its points by their time: one that is sent again adds
//! nothing. What is measured besides is not about agents, or is told better by spans.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric, number_data_point};
use prost::Message as _;

use super::attributes::{Facts, Field, Said};
use super::{Batch, Settings, environment, moment, resource_facts};
use crate::core::digest::Digest;
use crate::core::event::{Account, AgentRef, Event, EventKind, SessionRef, Usage};
use crate::core::money::Micros;
use crate::runtime::telemetry::{Told, UsageFrom};

/// What a counter counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    /// Tokens of the sort that an attribute names; whether another counter tells what they cost.
    Tokens { priced: bool },
    /// Tokens of one sort.
    Sort(&'static str),
    /// Dollars.
    Dollars,
}

/// Counters by name. Codex has none that can be priced: cached tokens are among those that were read.
const COUNTERS: &[(&str, Counts)] = &[
    ("claude_code.token.usage", Counts::Tokens { priced: true }),
    ("claude_code.cost.usage", Counts::Dollars),
    ("gen_ai.client.token.usage", Counts::Tokens { priced: false }),
    ("gen_ai.client.inference.tokens", Counts::Tokens { priced: false }),
    ("gen_ai.client.inference.usage.input_tokens", Counts::Sort("input")),
    ("gen_ai.client.inference.usage.output_tokens", Counts::Sort("output")),
];

/// One point of a counter, whatever sort of metric it is.
struct Point<'a> {
    attributes: &'a [KeyValue],
    since: u64,
    at: u64,
    value: f64,
}

/// How many points a batch holds.
pub fn points(request: &ExportMetricsServiceRequest) -> usize {
    let scopes = request.resource_metrics.iter().flat_map(|of_resource| &of_resource.scope_metrics);
    let data = scopes.flat_map(|of_scope| &of_scope.metrics).filter_map(|metric| metric.data.as_ref());
    data.map(|data| match data {
        Data::Gauge(gauge) => gauge.data_points.len(),
        Data::Sum(sum) => sum.data_points.len(),
        Data::Histogram(histogram) => histogram.data_points.len(),
        Data::ExponentialHistogram(histogram) => histogram.data_points.len(),
        Data::Summary(summary) => summary.data_points.len(),
    })
    .sum()
}

/// Reads a batch of metrics.
pub fn read(request: &ExportMetricsServiceRequest, settings: &Settings) -> Told {
    let mut batch = Batch::new(settings);
    batch.told.items = points(request) as u64;
    batch.told.ignored = batch.told.items;
    if settings.usage == UsageFrom::Calls {
        return batch.told;
    }
    for of_resource in &request.resource_metrics {
        let resource = resource_facts(of_resource.resource.as_ref());
        let process = of_resource.resource.as_ref().map(prost::Message::encode_to_vec).unwrap_or_default();
        for of_scope in &of_resource.scope_metrics {
            let source = Source { resource, process: &process, scope: of_scope.scope.as_ref(), settings };
            for metric in &of_scope.metrics {
                let known = COUNTERS.iter().find(|(name, _)| *name == metric.name);
                let Some((counts, (cumulative, points))) = known.map(|(_, counts)| *counts).zip(counter(metric)) else {
                    continue;
                };
                for point in points {
                    if let Some(event) = source.event(metric, counts, cumulative, &point) {
                        batch.told.ignored -= 1;
                        batch.take(vec![event]);
                    }
                }
            }
        }
    }
    batch.told
}

/// Whether a metric tells totals, and its points; `None` when it is no counter.
fn counter(metric: &Metric) -> Option<(bool, Vec<Point<'_>>)> {
    let is_cumulative = |temporality: i32| match AggregationTemporality::try_from(temporality).ok()? {
        AggregationTemporality::Cumulative => Some(true),
        AggregationTemporality::Delta => Some(false),
        AggregationTemporality::Unspecified => None,
    };
    #[expect(clippy::cast_precision_loss, reason = "counts of tokens are far below 2^52")]
    let number = |value: number_data_point::Value| match value {
        number_data_point::Value::AsDouble(value) => value,
        number_data_point::Value::AsInt(value) => value as f64,
    };
    match metric.data.as_ref()? {
        Data::Sum(sum) if sum.is_monotonic => {
            let points = sum.data_points.iter().filter_map(|point| {
                let (since, at) = (point.start_time_unix_nano, point.time_unix_nano);
                Some(Point { attributes: &point.attributes, since, at, value: number(point.value?) })
            });
            Some((is_cumulative(sum.aggregation_temporality)?, points.collect()))
        }
        Data::Histogram(histogram) => {
            let points = histogram.data_points.iter().filter_map(|point| {
                let (since, at) = (point.start_time_unix_nano, point.time_unix_nano);
                Some(Point { attributes: &point.attributes, since, at, value: point.sum? })
            });
            Some((is_cumulative(histogram.aggregation_temporality)?, points.collect()))
        }
        _ => None,
    }
}

/// Whoever counts.
struct Source<'a> {
    resource: Facts<'a>,
    /// The resource as bytes: it tells one process from another.
    process: &'a [u8],
    scope: Option<&'a InstrumentationScope>,
    settings: &'a Settings,
}

impl Source<'_> {
    fn event(&self, metric: &Metric, counts: Counts, cumulative: bool, point: &Point<'_>) -> Option<Event> {
        let facts = Facts::read(point.attributes).or(&self.resource);
        let usage = Usage { cumulative, ..usage(counts, &facts, point)? };
        let counter = self.counter(metric, point);
        let agent = facts.name(Field::Agent).unwrap_or_else(|| self.settings.stand_in(&facts));
        // Totals are kept with a session; a process is one run of whoever counts.
        let session = facts.name(Field::Session).or_else(|| facts.name(Field::Instance));
        let session = session.unwrap_or_else(|| Digest::of("sereno.otlp.process.v1", self.process).short());
        let account = Account::Counter { id: counter.clone(), since: moment(point.since) };
        let said = Said(point.attributes);
        Some(Event {
            id: format!("{counter}@{}", point.at),
            time: moment(point.at),
            agent: Some(AgentRef { id: agent, tags: environment(&self.resource), ..AgentRef::default() }),
            session: Some(SessionRef { id: session, ..SessionRef::default() }),
            model: facts.name(Field::Model).or_else(|| said.name("model")).or_else(|| facts.name(Field::ModelUsed)),
            provider: facts.name(Field::Provider),
            usage: Some(usage),
            account: Some(Box::new(account)),
            ..Event::new(EventKind::ModelCall)
        })
    }

    /// The identity of a counter: everything that tells it from others, in whatever order its attributes come.
    fn counter(&self, metric: &Metric, point: &Point<'_>) -> String {
        let mut attributes: Vec<Vec<u8>> = point.attributes.iter().map(KeyValue::encode_to_vec).collect();
        attributes.sort_unstable();
        let scope = self.scope.map_or("", |scope| scope.name.as_str());
        let parts = [self.process, scope.as_bytes(), metric.name.as_bytes()];
        let mut bytes = Vec::new();
        for part in parts.into_iter().chain(attributes.iter().map(Vec::as_slice)) {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        hex::encode(&Digest::of("sereno.otlp.counter.v1", &bytes).0[..16])
    }
}

/// What a point says that was used.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
fn usage(counts: Counts, facts: &Facts<'_>, point: &Point<'_>) -> Option<Usage> {
    if !(0.0..9e15).contains(&point.value) {
        return None;
    }
    let (sort, priced) = match counts {
        Counts::Dollars => return Some(Usage { cost: Micros::from_dollars(point.value), ..Usage::default() }),
        Counts::Sort(sort) => (sort, false),
        Counts::Tokens { priced } => {
            let said = Said(point.attributes);
            let own = said.raw("type");
            (facts.raw(Field::TokenType).or(own)?, priced)
        }
    };
    let tokens = point.value.round() as u64;
    let mut usage = Usage { cost: priced.then_some(Micros(0)), ..Usage::default() };
    match sort {
        "input" => usage.input_tokens = tokens,
        "output" | "completion" => usage.output_tokens = tokens,
        "cacheRead" | "cache_read" => usage.cache_read_tokens = tokens,
        "cacheCreation" | "cache_creation" | "cache_write" => usage.cache_write_tokens = tokens,
        // Sums of the others, and parts of them.
        _ => return None,
    }
    Some(usage)
}
