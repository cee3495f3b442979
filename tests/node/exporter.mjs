// Exports a run of an agent with the OpenTelemetry SDK for Node.js, as JSON in chunks of gzip and once more as protobuf, to where the
// environment says. Ends with 0 when everything was taken.

import { diag, DiagLogLevel, SpanStatusCode } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter as AsJson } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as AsProtobuf } from "@opentelemetry/exporter-trace-otlp-proto";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const complaints = [];
const note = (...words) => complaints.push(words.join(" "));
const silent = () => {};
diag.setLogger({ error: note, warn: note, info: silent, debug: silent, verbose: silent }, DiagLogLevel.WARN);

for (const exporter of [new AsJson(), new AsProtobuf()]) {
  const spans = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
  const tracer = spans.getTracer("exporter");
  const call = tracer.startSpan("chat", {
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.agent.name": "Nodens",
      "gen_ai.conversation.id": "lydney",
      "gen_ai.request.model": "gpt-5.1",
      "gen_ai.usage.input_tokens": 500,
      "gen_ai.usage.output_tokens": 50,
    },
  });
  call.setStatus({ code: SpanStatusCode.OK });
  call.end();
  await spans.forceFlush();
  await spans.shutdown();
}

const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(), exportIntervalMillis: 60_000 });
const meters = new MeterProvider({ readers: [reader] });
const attributes = { "gen_ai.token.type": "input", "gen_ai.request.model": "gpt-5.1", "gen_ai.agent.name": "Nodens" };
meters.getMeter("exporter").createHistogram("gen_ai.client.token.usage").record(500, attributes);
await meters.forceFlush();
await meters.shutdown();

console.log(complaints);
process.exitCode = complaints.length;
