import { describe, expect, it } from "vitest";
import {
  gpuFits,
  holds,
  isGpuHardware,
  isKnownAttribute,
  shortfalls,
  type Requirements,
} from "./requirements.ts";
import { capabilities, gpu } from "./testing/build.ts";

const offer = {
  capabilities: capabilities({
    gpus: [gpu(0, { compute: "7.5", memory_mb: 16 * 1024 }), gpu(1, { vendor: "amd", memory_mb: 32 * 1024 })],
    hardware: ["cpu", "cuda", "rocm"],
    browsers: { chromium: "156.0" },
    runtimes: { node: "20.19.0", python: "3.11.2" },
  }),
  labels: { rack: "7", pool: "default" },
};
const nothing = { cpu_milli: 0, memory_mb: 0, gpu: 0 };
const misses = (requirements: Requirements, resources = nothing) =>
  shortfalls(requirements, resources, offer).map((shortfall) => shortfall.requirement);

describe("requirements", () => {
  it.each<[string, Requirements, Partial<typeof nothing>?]>([
    ["nothing", {}],
    ["hardware, all of it", { hardware: ["cpu", "cuda"] }],
    ["hardware, any of it", { hardware_any: ["mps", "rocm"] }],
    ["as much memory as there is", {}, { memory_mb: 16 * 1024 }],
    ["as many cores as there are", {}, { cpu_milli: 8_000 }],
    ["a device of the kind", { hardware: ["cuda"], min_cuda_compute: "7.5" }, { gpu: 1 }],
    ["a browser", { browsers: ["chromium"] }],
    ["one of several systems", { os: ["darwin", "linux"], arch: ["x64"] }],
    ["labels", { labels: { rack: "7" } }],
    ["a newer runtime than", { constraints: [{ attribute: "runtime.node", operator: ">=", value: "20.9" }] }],
  ])("meet a worker that has %s", (_, requirements, resources) => {
    expect(misses(requirements, { ...nothing, ...resources })).toEqual([]);
  });

  it.each<[string, Requirements, Partial<typeof nothing>?]>([
    ["hardware", { hardware: ["cpu", "mps"] }],
    ["hardware_any", { hardware_any: ["mps", "tpu"] }],
    ["memory", {}, { memory_mb: 16 * 1024 + 1 }],
    ["cpu", {}, { cpu_milli: 8_001 }],
    ["gpu", {}, { gpu: 3 }],
    ["gpu", { hardware: ["cuda"] }, { gpu: 2 }],
    ["gpu", { min_cuda_compute: "8.1" }, { gpu: 1 }],
    ["gpu", { min_gpu_memory_gb: 24, hardware: ["cuda"] }, { gpu: 1 }],
    ["browsers", { browsers: ["firefox"] }],
    ["os", { os: ["darwin"] }],
    ["arch", { arch: ["arm64"] }],
    ["labels", { labels: { rack: "8" } }],
    ["constraints", { constraints: [{ attribute: "runtime.node", operator: ">", value: "20.19" }] }],
  ])("name what a worker misses: %s", (name, requirements, resources) => {
    expect(misses(requirements, { ...nothing, ...resources })).toEqual([name]);
  });

  it("are all named, each with what was asked and what is there", () => {
    expect(shortfalls({ hardware: ["mps"], os: ["darwin"] }, nothing, offer)).toEqual([
      { requirement: "hardware", asked: "mps", has: "cpu, cuda, rocm" },
      { requirement: "os", asked: "darwin", has: "linux" },
    ]);
  });

  it("are not met by what every object has", () => {
    expect(misses({ browsers: ["constructor", "toString"] })).toEqual(["browsers", "browsers"]);
    expect(isGpuHardware("constructor")).toBe(false);
    expect(shortfalls({ labels: { constructor: "x" } }, nothing, offer)[0]?.has).toBe("constructor=unset");
    expect(holds({ attribute: "label.constructor", operator: "exists" }, offer)).toBe(false);
  });

  it("need one device to meet everything that is asked of a device", () => {
    const both: Requirements = { hardware: ["cuda"], min_cuda_compute: "7.5", min_gpu_memory_gb: 24 };
    expect(gpuFits(both, gpu(0, { compute: "7.5", memory_mb: 16 * 1024 }))).toBe(false);
    expect(gpuFits(both, gpu(0, { compute: "8.0", memory_mb: 24 * 1024 }))).toBe(true);
    const { compute: _, ...unknown } = gpu(0);
    expect(gpuFits(both, unknown)).toBe(false);
  });
});

describe("constraints", () => {
  const is = (
    attribute: string,
    operator: Parameters<typeof holds>[0]["operator"],
    value?: string | number | string[],
  ) => holds({ attribute, operator, ...(value !== undefined && { value }) }, offer);

  it("compare versions, not texts", () => {
    expect([
      is("runtime.node", ">", "20.9"),
      is("runtime.node", "<", "20.100"),
      is("runtime.node", "=", "20.19"),
    ]).toEqual([true, true, true]);
    expect([is("cpu.cores", ">=", 8), is("cpu.cores", ">", 8), is("memory_gb", "<=", 16)]).toEqual([
      true,
      false,
      true,
    ]);
  });

  it("ask for one of, or none of, several values", () => {
    expect([is("label.rack", "in", ["6", "7"]), is("label.rack", "not_in", ["6", "7"])]).toEqual([
      true,
      false,
    ]);
    expect([is("os", "!=", "linux"), is("os", "!=", "darwin")]).toEqual([false, true]);
  });

  it("on what is not there fail, unless absence is what they ask for", () => {
    const operators = ["=", "<", "<=", ">", ">=", "in", "exists"] as const;
    expect(operators.filter((operator) => is("label.zone", operator, "a"))).toEqual([]);
    expect([
      is("label.zone", "!=", "a"),
      is("label.zone", "not_in", ["a"]),
      is("label.zone", "not_exists"),
    ]).toEqual([true, true, true]);
  });

  it("name attributes that are known", () => {
    expect(["os", "cpu.model", "label.x", "runtime.node", "browser.firefox"].every(isKnownAttribute)).toBe(
      true,
    );
    expect(["label", "label.", "cpu", "toString"].some(isKnownAttribute)).toBe(false);
  });
});
