"""Exports a run of an agent with the OpenTelemetry SDK, in protobuf and gzip, to where the environment says, as a program
of anybody would. Ends with 0 when everything was taken.
"""

import logging
import sys

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

# Exporters only write to a log when they are refused.
complaints = []
handler = logging.Handler()
handler.emit = lambda record: complaints.append(record.getMessage())
logging.getLogger().addHandler(handler)

spans = TracerProvider()
spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = spans.get_tracer("exporter")
agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "Pythia", "gen_ai.conversation.id": "delphi"}
with tracer.start_as_current_span("invoke_agent Pythia", attributes=agent):
    call = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.1",
            "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100, "gen_ai.usage.cache_read.input_tokens": 200}
    with tracer.start_as_current_span("chat gpt-5.1", kind=SpanKind.CLIENT, attributes=call):
        pass
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "tripod", "gen_ai.tool.call.id": "call-1"}
    with tracer.start_as_current_span("execute_tool tripod", attributes=tool) as span:
        span.record_exception(RuntimeError("no fumes"))
        span.set_status(Status(StatusCode.ERROR, "no fumes"))
flushed = [spans.force_flush()]
spans.shutdown()

meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=60_000)])
usage = meters.get_meter("exporter").create_histogram("gen_ai.client.token.usage", unit="{token}")
for kind, tokens in [("input", 1000), ("output", 100)]:
    usage.record(tokens, {"gen_ai.token.type": kind, "gen_ai.request.model": "gpt-5.1", "gen_ai.agent.name": "Pythia"})
flushed.append(meters.force_flush())
meters.shutdown()

records = LoggerProvider()
records.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
trouble = {"exception.type": "RateLimit", "exception.message": "429"}
name = "gen_ai.client.operation.exception"
records.get_logger("exporter").emit(LogRecord(event_name=name, severity_number=SeverityNumber.WARN, attributes=trouble))
flushed.append(records.force_flush())
records.shutdown()

print(flushed, complaints)
sys.exit(0 if all(flushed) and not complaints else 1)
