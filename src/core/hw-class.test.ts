import { expect, test } from "vitest";
import { hwClassFacts } from "./hw-class.ts";
import type { Gpu } from "./requirements.ts";

const machine = (more: Partial<Parameters<typeof hwClassFacts>[0]> = {}) => ({
  arch: "x64",
  cpu: { model: "AMD EPYC 7763", physical_cores: 8, logical_cores: 16 },
  memory_mb: 32_000,
  gpus: [] as Gpu[],
  ...more,
});
const gpu = (more: Partial<Gpu> = {}): Gpu => ({
  index: 0,
  vendor: "nvidia",
  model: "A100",
  memory_mb: 40_000,
  driver: "535.1.2",
  ...more,
});

test("the facts are one text, whatever the order of the devices and the padding of names", () => {
  const some = machine({
    cpu: { model: " AMD   EPYC 7763 ", physical_cores: 8, logical_cores: 16 },
    gpus: [gpu(), gpu({ model: "T4", index: 1 }), gpu({ index: 2 })],
  });
  const same = machine({
    gpus: [gpu({ model: "T4" }), gpu({ index: 1 }), gpu({ index: 2, driver: "535.99" })],
  });
  expect(hwClassFacts(some)).toBe(hwClassFacts(same));
  expect(hwClassFacts(some)).toBe(
    '["x64","AMD EPYC 7763",8,32,[["nvidia A100",2,"535"],["nvidia T4",1,"535"]]]',
  );
});

test("memory counts as the nearest power of two, down to half a gigabyte and less", () => {
  const gigabytes = (memory_mb: number) => (JSON.parse(hwClassFacts(machine({ memory_mb }))) as unknown[])[3];
  expect([31_800, 32_768, 33_500].map(gigabytes)).toEqual([32, 32, 32]);
  expect([512, 480, 1].map(gigabytes)).toEqual([0.5, 0.5, 2 ** -10]);
});

test("what changes a measurement changes the facts", () => {
  const facts = [
    machine(),
    machine({ arch: "arm64" }),
    machine({ cpu: { model: "AMD EPYC 7763", physical_cores: 16, logical_cores: 16 } }),
    machine({ memory_mb: 64_000 }),
    machine({ gpus: [gpu()] }),
    machine({ gpus: [gpu(), gpu({ index: 1 })] }),
    machine({ gpus: [gpu({ driver: "550.1" })] }),
  ].map(hwClassFacts);
  expect(new Set(facts).size).toBe(facts.length);
});
