//! A batch as it is written, and what is answered to it: protobuf or JSON, one like the other.

use axum::body::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::json;

use super::{MAX_ITEMS, Settings, logs, metrics, spans};
use crate::runtime::BadBody;
use crate::runtime::telemetry::{Export, Format, Signal, Told};

/// Reads a batch whose values are counted.
///
/// # Errors
/// When it cannot be read, or holds too much.
pub fn read(export: &Export, settings: &Settings) -> Result<Told, BadBody> {
    match export.signal {
        Signal::Traces => {
            let batch: ExportTraceServiceRequest = parse(export)?;
            let scopes = batch.resource_spans.iter().flat_map(|of_resource| &of_resource.scope_spans);
            bounded(scopes.map(|scope| scope.spans.len()).sum())?;
            Ok(spans::read(&batch, settings))
        }
        Signal::Metrics => {
            let batch: ExportMetricsServiceRequest = parse(export)?;
            bounded(metrics::points(&batch))?;
            Ok(metrics::read(&batch, settings))
        }
        Signal::Logs => {
            let batch: ExportLogsServiceRequest = parse(export)?;
            let scopes = batch.resource_logs.iter().flat_map(|of_resource| &of_resource.scope_logs);
            bounded(scopes.map(|scope| scope.log_records.len()).sum())?;
            Ok(logs::read(&batch, settings))
        }
    }
}

fn parse<T: Message + Default + DeserializeOwned>(export: &Export) -> Result<T, BadBody> {
    match export.format {
        Format::Protobuf => T::decode(export.body.clone())
            .map_err(|error| BadBody::unreadable(format!("the body is no protobuf of OTLP: {error}"))),
        Format::Json => serde_json::from_slice(&export.body)
            .map_err(|error| BadBody::unreadable(format!("the body is no JSON of OTLP: {error}"))),
    }
}

fn bounded(items: usize) -> Result<(), BadBody> {
    if items > MAX_ITEMS {
        return Err(BadBody::unreadable(format!("the batch holds more than {MAX_ITEMS} items; send smaller ones")));
    }
    Ok(())
}

/// Which members a batch of JSON has.
#[derive(Deserialize)]
struct Outline {
    #[serde(rename = "resourceSpans")]
    traces: Option<IgnoredAny>,
    #[serde(rename = "resourceMetrics")]
    metrics: Option<IgnoredAny>,
    #[serde(rename = "resourceLogs")]
    logs: Option<IgnoredAny>,
}

/// What a batch of JSON holds, by its only member; nothing at all is taken for traces.
///
/// # Errors
/// When it is no JSON of OTLP.
pub fn signal_of(body: &Bytes) -> Result<Signal, BadBody> {
    let wrong = |detail: String| BadBody::unreadable(format!("the body is no JSON of OTLP: {detail}"));
    let outline: Outline = serde_json::from_slice(body).map_err(|error| wrong(error.to_string()))?;
    if outline.traces.is_some() || body.trim_ascii() == b"{}" {
        Ok(Signal::Traces)
    } else if outline.metrics.is_some() {
        Ok(Signal::Metrics)
    } else if outline.logs.is_some() {
        Ok(Signal::Logs)
    } else {
        Err(wrong("it has neither resourceSpans, resourceMetrics nor resourceLogs".into()))
    }
}

/// What is answered when a batch was taken, as far as it was.
pub fn answer(signal: Signal, format: Format, rejected: u64, why: Option<&str>) -> Vec<u8> {
    let rejected = i64::try_from(rejected).unwrap_or(i64::MAX);
    let why = Some(why.unwrap_or_default().to_owned()).filter(|_| rejected > 0);
    match (format, signal) {
        (Format::Json, _) => {
            let items = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Metrics => "rejectedDataPoints",
                Signal::Logs => "rejectedLogRecords",
            };
            // Numbers of 64 bits are texts in this mapping.
            let partial = |why| json!({ "partialSuccess": { items: rejected.to_string(), "errorMessage": why } });
            why.map_or_else(|| json!({}), partial).to_string().into_bytes()
        }
        (Format::Protobuf, Signal::Traces) => {
            let partial = |error_message| ExportTracePartialSuccess { rejected_spans: rejected, error_message };
            ExportTraceServiceResponse { partial_success: why.map(partial) }.encode_to_vec()
        }
        (Format::Protobuf, Signal::Metrics) => {
            let partial = |error_message| ExportMetricsPartialSuccess { rejected_data_points: rejected, error_message };
            ExportMetricsServiceResponse { partial_success: why.map(partial) }.encode_to_vec()
        }
        (Format::Protobuf, Signal::Logs) => {
            let partial = |error_message| ExportLogsPartialSuccess { rejected_log_records: rejected, error_message };
            ExportLogsServiceResponse { partial_success: why.map(partial) }.encode_to_vec()
        }
    }
}

/// `google.rpc.Status`, which OTLP answers when a batch was not taken.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// What is answered when a batch was not taken.
pub fn trouble(status: u16, detail: &str, format: Format) -> Vec<u8> {
    // The codes of gRPC that say the same.
    let code = match status {
        401 => 16,
        403 => 7,
        404 => 5,
        408 => 4,
        413 | 429 => 8,
        503 => 14,
        500..=599 => 13,
        _ => 3,
    };
    match format {
        Format::Protobuf => Status { code, message: detail.to_owned() }.encode_to_vec(),
        Format::Json => json!({ "code": code, "message": detail }).to_string().into_bytes(),
    }
}
