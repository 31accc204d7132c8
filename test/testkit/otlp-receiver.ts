/**
 * A receiver of OpenTelemetry's protocol over HTTP, as JSON and as protobuf, that keeps what it gets. The protobuf is
 * decoded by the field numbers of opentelemetry-proto, independently of the packages that the server encodes it with.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first span of a trace. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  /** 2 for an error. */
  readonly status: number;
  readonly attributes: Attributes;
  readonly resource: Attributes;
}

export interface ReceivedPoint {
  readonly attributes: Attributes;
  /** Of a counter or a gauge. */
  readonly value?: number;
  readonly count?: number;
  readonly bucketCounts?: readonly number[];
  readonly bounds?: readonly number[];
}

export interface ReceivedMetric {
  readonly name: string;
  readonly unit: string;
  readonly kind: "gauge" | "sum" | "histogram";
  readonly points: readonly ReceivedPoint[];
  readonly resource: Attributes;
}

export interface ReceivedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Uncompressed. */
  readonly body: Buffer;
}

export interface OtlpReceiver {
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
  spans(): readonly ReceivedSpan[];
  /** Of the latest request. */
  metrics(): readonly ReceivedMetric[];
  stop(): Promise<void>;
}

/** @param answer answers each request, if it does; with 200 by default */
export async function startOtlpReceiver(
  answer: (response: ServerResponse, path: string) => void = (response) => response.end(),
): Promise<OtlpReceiver> {
  const requests: ReceivedRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const sent = Buffer.concat(chunks);
      const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
      const path = request.url ?? "";
      requests.push({ path, headers: request.headers, body });
      answer(response, path);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    spans: () => requests.filter(({ path }) => path.endsWith("/v1/traces")).flatMap(decodeSpans),
    metrics: () =>
      requests
        .filter(({ path }) => path.endsWith("/v1/metrics"))
        .slice(-1)
        .flatMap(decodeMetrics),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const isJson = ({ headers }: ReceivedRequest) => headers["content-type"] === "application/json";

function decodeSpans(request: ReceivedRequest): readonly ReceivedSpan[] {
  const root = rootOf(request);
  return root.messages("resourceSpans", 1).flatMap((ofResource) => {
    const resource = attributesOf(ofResource.messages("resource", 1)[0], 1);
    const spans = ofResource.messages("scopeSpans", 2).flatMap((scope) => scope.messages("spans", 2));
    return spans.map((span) => ({
      traceId: span.id("traceId", 1),
      spanId: span.id("spanId", 2),
      traceState: span.text("traceState", 3),
      parentSpanId: span.id("parentSpanId", 4),
      name: span.text("name", 5),
      kind: span.number("kind", 6),
      status: span.messages("status", 15)[0]?.number("code", 3) ?? 0,
      attributes: attributesOf(span, 9),
      resource,
    }));
  });
}

function decodeMetrics(request: ReceivedRequest): readonly ReceivedMetric[] {
  const root = rootOf(request);
  return root.messages("resourceMetrics", 1).flatMap((ofResource) => {
    const resource = attributesOf(ofResource.messages("resource", 1)[0], 1);
    const metrics = ofResource.messages("scopeMetrics", 2).flatMap((scope) => scope.messages("metrics", 2));
    return metrics.map((metric) => {
      const [kind, data] = (
        [
          ["gauge", metric.messages("gauge", 5)[0]],
          ["sum", metric.messages("sum", 7)[0]],
          ["histogram", metric.messages("histogram", 9)[0]],
        ] as const
      ).find(([, each]) => each !== undefined) ?? ["gauge", undefined];
      assert.ok(data !== undefined, "a metric has data");
      const points = data.messages("dataPoints", 1).map((point) =>
        kind === "histogram"
          ? {
              attributes: attributesOf(point, 9),
              count: point.fixed("count", 4),
              bucketCounts: point.fixedList("bucketCounts", 6),
              bounds: point.doubleList("explicitBounds", 7),
            }
          : { attributes: attributesOf(point, 7), value: point.double("asDouble", 4) },
      );
      return { name: metric.text("name", 1), unit: metric.text("unit", 3), kind, points, resource };
    });
  });
}

/** A message in either encoding; each member by its JSON name and its field number. */
interface Message {
  messages(name: string, field: number): readonly Message[];
  text(name: string, field: number): string;
  /** Bytes that are hexadecimal in JSON, unlike other bytes. */
  id(name: string, field: number): string;
  number(name: string, field: number): number;
  fixed(name: string, field: number): number;
  double(name: string, field: number): number;
  fixedList(name: string, field: number): readonly number[];
  doubleList(name: string, field: number): readonly number[];
  has(name: string, field: number): boolean;
}

function rootOf(request: ReceivedRequest): Message {
  return isJson(request)
    ? jsonMessage(JSON.parse(request.body.toString()) as JsonObject)
    : protobufMessage(request.body);
}

function attributesOf(message: Message | undefined, field: number): Attributes {
  const pairs = message?.messages("attributes", field) ?? [];
  return Object.fromEntries(
    pairs.map((pair) => {
      const [value] = pair.messages("value", 2);
      assert.ok(value !== undefined, "an attribute has a value");
      const key = pair.text("key", 1);
      if (value.has("stringValue", 1)) return [key, value.text("stringValue", 1)];
      if (value.has("boolValue", 2)) return [key, value.number("boolValue", 2) === 1];
      if (value.has("intValue", 3)) return [key, value.number("intValue", 3)];
      return [key, value.double("doubleValue", 4)];
    }),
  );
}

type JsonObject = Readonly<Record<string, unknown>>;

function jsonMessage(object: JsonObject): Message {
  const list = (name: string) => (object[name] === undefined ? [] : [object[name]].flat());
  const number = (name: string) => Number(object[name] ?? 0);
  const text = (name: string) => {
    const member = object[name] ?? "";
    assert.ok(typeof member === "string", name);
    return member;
  };
  return {
    messages: (name) => list(name).map((each) => jsonMessage(each as JsonObject)),
    text,
    id: text,
    number,
    fixed: number,
    double: number,
    fixedList: (name) => list(name).map(Number),
    doubleList: (name) => list(name).map(Number),
    has: (name) => name in object,
  };
}

/** Wire types: 0 varint, 1 fixed64, 2 length-delimited, 5 fixed32. */
function protobufMessage(bytes: Buffer): Message {
  const fields = new Map<number, (bigint | Buffer)[]>();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] ?? assert.fail("a varint ends");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number) => bytes.subarray(at, (at += length));
  while (at < bytes.length) {
    const tag = Number(varint());
    const wireType = tag & 7;
    const value = wireType === 0 ? varint() : take(wireType === 1 ? 8 : wireType === 5 ? 4 : Number(varint()));
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  const buffers = (field: number) => (fields.get(field) ?? []).filter((each) => Buffer.isBuffer(each));
  /** A list may be packed into one value. */
  const eights = (field: number) =>
    buffers(field).flatMap((each) =>
      Array.from({ length: each.length / 8 }, (_, index) => each.subarray(index * 8, index * 8 + 8)),
    );
  const fixedList = (field: number) => eights(field).map((each) => Number(each.readBigUInt64LE()));
  const doubleList = (field: number) => eights(field).map((each) => each.readDoubleLE());
  return {
    messages: (_name, field) => buffers(field).map(protobufMessage),
    text: (_name, field) => buffers(field)[0]?.toString() ?? "",
    id: (_name, field) => buffers(field)[0]?.toString("hex") ?? "",
    number: (_name, field) => Number(fields.get(field)?.[0] ?? 0n),
    fixed: (_name, field) => fixedList(field)[0] ?? 0,
    double: (_name, field) => doubleList(field)[0] ?? 0,
    fixedList: (_name, field) => fixedList(field),
    doubleList: (_name, field) => doubleList(field),
    has: (_name, field) => fields.has(field),
  };
}
