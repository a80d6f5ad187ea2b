/**
 * Traces to an OpenTelemetry collector: one for each run, down to its attempts, when the usual variables name
 * where they go (`OTEL_EXPORTER_OTLP_ENDPOINT`, or the one for traces alone).
 *
 * The exporter is not ours and weighs more than the rest of the program, so it is taken from what the user
 * has installed beside it. Spans wait in its own queue, which throws away what does not fit: a slow collector
 * costs spans, and never holds up the yard. Without the variables nothing of this is loaded.
 */
import type { BatchSpanProcessor, ReadableSpan } from "@opentelemetry/sdk-trace-base";
import type { State } from "../../core/index.ts";
import type { Logger } from "../../ports/index.ts";
import type { Committed } from "../loop.ts";
import { SpanMaker, type Span } from "./spans.ts";

export interface Tracing {
  committed(record: Committed): void;
  /** What waits is sent, within a second or two. */
  close(): Promise<void>;
}

export interface TracingOptions {
  env: Readonly<Record<string, string | undefined>>;
  version: string;
  logger: Logger;
  state: () => State;
}

const QUEUE_SPANS = 20_000;
const BATCH_SPANS = 512;
const DELAY_MS = 500;
const SEND_MS = 2_000;
const PACKAGES = ["sdk-trace-base@2", "exporter-trace-otlp-http", "resources@2"];
const INSTALL = `npm install ${PACKAGES.map((name) => `@opentelemetry/${name}`).join(" ")}`;

/** null when no collector is named, or the exporter is not installed. */
export async function startTracing(options: TracingOptions): Promise<Tracing | null> {
  const { env, logger, state } = options;
  const isWanted =
    Boolean(env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]) || Boolean(env["OTEL_EXPORTER_OTLP_ENDPOINT"]);
  if (!isWanted || env["OTEL_SDK_DISABLED"] === "true") return null;
  const exporter = await load(options).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    logger.warn(`traces are not sent, for the exporter is not installed: ${INSTALL}`, { reason });
    return null;
  });
  if (exporter === null) return null;
  const maker = new SpanMaker();
  maker.remember(state());
  return {
    committed(record) {
      for (const span of maker.spansOf(record, state())) exporter.send(span);
    },
    close: () => exporter.close(),
  };
}

interface Exporter {
  send(span: Span): void;
  close(): Promise<void>;
}

async function load({ env, version }: TracingOptions): Promise<Exporter> {
  const [{ BatchSpanProcessor }, { OTLPTraceExporter }, { resourceFromAttributes }, api] = await Promise.all([
    import("@opentelemetry/sdk-trace-base"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/resources"),
    import("@opentelemetry/api"),
  ]);
  const resource = resourceFromAttributes({
    "service.name": env["OTEL_SERVICE_NAME"] ?? "testyard",
    "service.version": version,
  });
  const processor: BatchSpanProcessor = new BatchSpanProcessor(
    new OTLPTraceExporter({ timeoutMillis: SEND_MS }),
    {
      maxQueueSize: QUEUE_SPANS,
      maxExportBatchSize: BATCH_SPANS,
      scheduledDelayMillis: DELAY_MS,
      exportTimeoutMillis: SEND_MS,
    },
  );
  const { SpanKind, SpanStatusCode, TraceFlags } = api;
  const scope = { name: "testyard", version };
  const contextOf = (traceId: string, spanId: string) => ({
    traceId,
    spanId,
    traceFlags: TraceFlags.SAMPLED,
  });
  const readable = (span: Span): ReadableSpan => {
    const { traceId, spanId, parentId, isOk, message } = span;
    const own = contextOf(traceId, spanId);
    const code = isOk === null ? SpanStatusCode.UNSET : isOk ? SpanStatusCode.OK : SpanStatusCode.ERROR;
    return {
      name: span.name,
      kind: SpanKind.INTERNAL,
      spanContext: () => own,
      ...(parentId !== null && { parentSpanContext: contextOf(traceId, parentId) }),
      startTime: secondsOf(span.startedAt),
      endTime: secondsOf(Math.max(span.startedAt, span.endedAt)),
      duration: secondsOf(Math.max(0, span.endedAt - span.startedAt)),
      status: { code, ...(code === SpanStatusCode.ERROR && { message }) },
      attributes: span.attributes,
      links: [],
      events: [],
      ended: true,
      resource,
      instrumentationScope: scope,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    };
  };
  return { send: (span) => processor.onEnd(readable(span)), close: () => processor.shutdown() };
}

function secondsOf(ms: number): [number, number] {
  return [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)];
}
