// The wire as it was recorded: what these files say, coordinators and workers must understand for good.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  COORDINATOR_FRAMES,
  decodeChallenge,
  decodeCoordinatorFrame,
  decodeOpen,
  decodeWorkerFrame,
  WORKER_FRAMES,
} from "../../src/protocol/index.ts";
import { createSession } from "../../src/security/index.ts";

interface Recorded {
  from: "worker" | "coordinator";
  type: string;
  body: Record<string, unknown>;
}

const FOLDER = new URL("frames/", import.meta.url);
const OPENING = ["open", "challenge", "sealed"];

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as T;
}

const names = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
const typeOf = (name: string) => name.split(".")[0] ?? "";
const frames = names
  .filter((name) => !OPENING.includes(typeOf(name)))
  .map((name) => ({ name, ...read<Recorded>(name) }));

const DECODERS = {
  worker: { own: decodeWorkerFrame, other: decodeCoordinatorFrame },
  coordinator: { own: decodeCoordinatorFrame, other: decodeWorkerFrame },
};

test("every type of frame has a recorded example from the side that sends it", () => {
  const recorded = (from: string) =>
    [...new Set(frames.filter((frame) => frame.from === from).map(({ type }) => type))].sort();
  expect(recorded("worker")).toEqual(Object.keys(WORKER_FRAMES).sort());
  expect(recorded("coordinator")).toEqual(Object.keys(COORDINATOR_FRAMES).sort());
  expect(names.map(typeOf)).toEqual(expect.arrayContaining(OPENING));
});

describe.each(frames)("$name", ({ name, from, type, body }) => {
  const { own, other } = DECODERS[from];

  test("bears the name of its type", () => {
    expect(typeOf(name)).toBe(type);
  });

  test("is understood, with nothing of it lost", () => {
    expect(own(type, body)).toEqual({ ok: true, frame: { type, body } });
  });

  test("is understood with fields that nobody knows yet, at every level", () => {
    expect(own(type, withNews(body))).toEqual({ ok: true, frame: { type, body } });
  });

  test("is refused without a field that it needs", () => {
    for (const field of Object.keys(body)) {
      const { [field]: _, ...rest } = body;
      expect(own(type, rest), field).toMatchObject({ ok: false });
    }
  });

  test("is refused from the other side", () => {
    expect(other(type, body)).toMatchObject({ ok: false });
  });
});

/** In a record of names (labels, versions) every key is data, so news go elsewhere. */
const RECORDS = ["labels", "browsers", "runtimes"];

function withNews(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => withNews(item));
  if (typeof value !== "object" || value === null || RECORDS.includes(key)) return value;
  const entries = Object.entries(value).map(([name, item]) => [name, withNews(item, name)]);
  return { ...Object.fromEntries(entries), field_of_the_future: { a: 1 } };
}

test("a frame of an unknown type is refused, whatever it is called", () => {
  for (const type of ["renew", "", "constructor", "__proto__", "Hello"]) {
    expect(decodeWorkerFrame(type, {})).toMatchObject({ ok: false });
    expect(decodeCoordinatorFrame(type, {})).toMatchObject({ ok: false });
  }
});

test("the opening frames are understood, also with fields that nobody knows yet", () => {
  const openings = { "open.v1.json": decodeOpen, "challenge.v1.json": decodeChallenge };
  for (const [name, decode] of Object.entries(openings)) {
    const { frame } = read<{ frame: object }>(name);
    expect(decode(JSON.stringify(frame))).toEqual(frame);
    expect(decode(JSON.stringify({ ...frame, field_of_the_future: 1 }))).toEqual(frame);
  }
});

interface Sealed {
  secret: string;
  worker_nonce: string;
  coordinator_nonce: string;
  cluster_id: string;
  from_worker: string[];
  from_coordinator: string[];
}

describe("signed frames", () => {
  const sealed = read<Sealed>("sealed.v1.json");
  const secrets = {
    secret: Buffer.from(sealed.secret, "hex"),
    workerNonce: sealed.worker_nonce,
    coordinatorNonce: sealed.coordinator_nonce,
    clusterId: sealed.cluster_id,
  };
  const opener = (from: "worker" | "coordinator") =>
    createSession(from === "worker" ? "coordinator" : "worker", secrets);

  test("of another implementation are opened by the other side", () => {
    for (const from of ["worker", "coordinator"] as const) {
      const session = opener(from);
      for (const [index, text] of sealed[`from_${from}`].entries()) {
        const opened = session.open(text);
        expect(opened).toMatchObject({ ok: true, envelope: { v: 1, epoch: 7, ctr: index + 1 } });
        if (!opened.ok) continue;
        const { type, body } = opened.envelope;
        expect(DECODERS[from].own(type, body)).toMatchObject({ ok: true });
      }
    }
  });

  test("are refused when one digit of the payload has changed", () => {
    const text = sealed.from_worker[0]?.replace('"epoch":7', '"epoch":8') ?? "";
    expect(opener("worker").open(text)).toMatchObject({ ok: false, code: "bad_signature" });
  });

  test("are refused by the side that sends them", () => {
    expect(opener("coordinator").open(sealed.from_worker[0] ?? "")).toMatchObject({ code: "bad_signature" });
  });

  test("are refused out of their order", () => {
    expect(opener("worker").open(sealed.from_worker[1] ?? "")).toMatchObject({ code: "bad_frame" });
    const session = opener("worker");
    session.open(sealed.from_worker[0] ?? "");
    expect(session.open(sealed.from_worker[0] ?? "")).toMatchObject({ code: "bad_frame" });
  });
});
