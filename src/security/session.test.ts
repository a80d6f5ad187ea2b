import { expect, test } from "vitest";
import { createSession, type SignedSession } from "./session.ts";

const SECRETS = {
  secret: new Uint8Array(32).fill(1),
  workerNonce: "aa".repeat(32),
  coordinatorNonce: "bb".repeat(32),
  clusterId: "c",
};

function pair(): { worker: SignedSession; coordinator: SignedSession } {
  return { worker: createSession("worker", SECRETS), coordinator: createSession("coordinator", SECRETS) };
}

const frame = (n: number) => ({ type: "heartbeat", body: { n }, epoch: 3 });

test("frames arrive as they were sent, in both directions", () => {
  const { worker, coordinator } = pair();
  for (let n = 1; n <= 3; n++) {
    const opened = coordinator.open(worker.seal(frame(n)));
    expect(opened).toMatchObject({
      ok: true,
      envelope: { epoch: 3, ctr: n, type: "heartbeat", body: { n } },
    });
    expect(worker.open(coordinator.seal(frame(n))).ok).toBe(true);
  }
});

test("a changed byte, a foreign key and a reflected frame are bad signatures", () => {
  const { worker, coordinator } = pair();
  const text = worker.seal(frame(1));
  const flipped = text.replace('"n":1', '"n":2');
  expect(coordinator.open(flipped)).toMatchObject({ ok: false, code: "bad_signature" });
  expect(worker.open(text)).toMatchObject({ ok: false, code: "bad_signature" });
  const stranger = createSession("worker", { ...SECRETS, secret: new Uint8Array(32).fill(2) });
  expect(coordinator.open(stranger.seal(frame(1)))).toMatchObject({ ok: false, code: "bad_signature" });
  const otherConnection = createSession("worker", { ...SECRETS, workerNonce: "cc".repeat(32) });
  expect(coordinator.open(otherConnection.seal(frame(1)))).toMatchObject({
    ok: false,
    code: "bad_signature",
  });
});

test("a replayed, a skipped and an early frame are refused", () => {
  const { worker, coordinator } = pair();
  const [first, second, third] = [worker.seal(frame(1)), worker.seal(frame(2)), worker.seal(frame(3))];
  expect(coordinator.open(second)).toMatchObject({ ok: false, code: "bad_frame" });
  expect(coordinator.open(first).ok).toBe(true);
  expect(coordinator.open(first)).toMatchObject({ ok: false, code: "bad_frame" });
  expect(coordinator.open(third)).toMatchObject({ ok: false, code: "bad_frame" });
  expect(coordinator.open(second).ok).toBe(true);
});

test("junk is refused before it is parsed", () => {
  const { coordinator } = pair();
  for (const text of ["", ".", "{}", "x".repeat(64), `${"0".repeat(64)}.{}`, "a".repeat(2_000_000)]) {
    expect(coordinator.open(text).ok).toBe(false);
  }
});
