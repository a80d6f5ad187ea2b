import { expect, it } from "vitest";
import { createState } from "../core/index.ts";
import { LogTruncated } from "./errors.ts";
import { foldLog, GENESIS } from "./fold.ts";
import { createMemoryLog } from "./memory.ts";
import { copyAsOtherCluster } from "./other-cluster.ts";
import { writeHistory } from "./random-history.testing.ts";
import { digestOf } from "./state-digest.testing.ts";
import { verifyLog } from "./verify.ts";

async function copied() {
  const source = createMemoryLog();
  await writeHistory(source, { seed: 3, steps: 300 });
  const target = createMemoryLog();
  await copyAsOtherCluster(source, target, { clusterId: "other" });
  return { source, target };
}

it("keeps everything that happened, under the other id", async () => {
  const { source, target } = await copied();
  const [before, after] = [createState(), createState()];
  const tip = await foldLog(source, before, { after: GENESIS });
  expect((await foldLog(target, after, { after: GENESIS })).position).toBe(tip.position);
  expect(after.clusterId).toBe("other");
  expect(after.leader?.pid_started).toBe("restored");
  Object.assign(after, { clusterId: before.clusterId, leader: before.leader });
  expect(digestOf(after)).toBe(digestOf(before));
  expect(await verifyLog(target)).toEqual(await verifyLog(source));
});

it("is no continuation of the former log, nor that of it", async () => {
  const { source, target } = await copied();
  const { hash } = await source.tip();
  expect((await target.tip()).hash).not.toBe(hash);
  const other = { ...createState(), clusterId: "other" };
  await expect(foldLog(source, other, { after: GENESIS })).rejects.toMatchObject({ code: "log_foreign" });
});

it("is refused of a log that has forgotten its beginning", async () => {
  const { source } = await copied();
  await source.truncateBefore(3);
  const copy = copyAsOtherCluster(source, createMemoryLog(), { clusterId: "other" });
  await expect(copy).rejects.toThrow(LogTruncated);
});
