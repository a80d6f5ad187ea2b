import { expect, test } from "vitest";
import { createResolver } from "./resolver.ts";

/** A name service that answers when it is told to. */
function silent() {
  const asked: { host: string; answer: (addresses: string[]) => void }[] = [];
  const ask = (host: string) =>
    new Promise<string[]>((resolve) => asked.push({ host, answer: (found) => resolve(found) }));
  return { asked, ask };
}

test("a name is asked for once at a time, and two names at the most", async () => {
  const { asked, ask } = silent();
  const resolver = createResolver({ ask });
  const answers = ["a", "a", "b", "c", "c"].map((host) => resolver.addresses(host));
  expect(asked.map(({ host }) => host)).toEqual(["a", "b"]);
  asked[0]?.answer(["192.0.2.1"]);
  expect(await Promise.all(answers.slice(0, 2))).toEqual([["192.0.2.1"], ["192.0.2.1"]]);
  await expect.poll(() => asked.map(({ host }) => host)).toEqual(["a", "b", "c"]);
  for (const { answer } of asked) answer(["192.0.2.2"]);
  expect(await answers[4]).toEqual(["192.0.2.2"]);
  void resolver.addresses("a").catch(() => {});
  expect(asked.at(-1)?.host).toBe("a");
  asked.at(-1)?.answer([]);
});

test("a silent name service keeps nobody waiting", async () => {
  const { asked, ask } = silent();
  const resolver = createResolver({ ask, limitMs: 10 });
  await expect(resolver.addresses("a")).rejects.toThrow("no answer within 0.01 s");
  await expect(resolver.addresses("a")).rejects.toThrow("no answer");
  expect(asked).toHaveLength(1);
});

test("what the machine knows by itself is found", async () => {
  expect(await createResolver().addresses("127.0.0.1")).toEqual(["127.0.0.1"]);
});
