import { describe, expect, test } from "vitest";
import { hwClassFacts } from "../../core/index.ts";
import type { Capabilities, Gpu } from "../../core/index.ts";
import { createClock, startProcess } from "../../platform/index.ts";
import { capabilities as capabilitiesSchema } from "../../protocol/index.ts";
import { createRunProcess } from "../executors/index.ts";
import { cgroupLimits, cpuCount } from "./cgroup.ts";
import { detectCapabilities } from "./detect.ts";
import { hardwareNames, parseNvidiaSmi, parseRocmSmi, parseSystemProfiler } from "./gpus.ts";
import { hostCapabilities, parseArmModel, parseOsRelease, parsePhysicalCores } from "./host.ts";
import type { NodeFacts } from "./host.ts";
import { hwClass } from "./hw-class.ts";
import { createLoadSampler } from "./load.ts";
import { detectBrowsers, detectRuntimes, parseVersion } from "./programs.ts";
import { answersOf, filesOf } from "./recorded.testing.ts";

const facts: NodeFacts = {
  platform: "linux",
  arch: "x64",
  hostname: "h",
  release: "6.1.0",
  cpuModels: ["AMD  EPYC 7763 "],
  parallelism: 16,
  totalBytes: 64 * 1024 ** 3,
};
const nothing = answersOf({});

const V2 = "31 24 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
const V1 = [
  "33 32 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
  "34 32 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
  "35 32 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset",
].join("\n");

describe("control group limits", () => {
  test("of version 2 are the smallest from the group up to the root", () => {
    const read = filesOf({
      "/proc/self/mountinfo": V2,
      "/proc/self/cgroup": "0::/pod/box\n",
      "/sys/fs/cgroup/pod/box/cpu.max": "max 100000\n",
      "/sys/fs/cgroup/pod/cpu.max": "250000 100000\n",
      "/sys/fs/cgroup/pod/box/cpuset.cpus.effective": "0-7\n",
      "/sys/fs/cgroup/pod/box/memory.max": "2147483648\n",
      "/sys/fs/cgroup/pod/memory.max": "max\n",
    });
    expect(cgroupLimits(read)).toEqual({ cpus: 2.5, memoryBytes: 2_147_483_648 });
  });

  test("of version 1 are read per controller, and no limit is none", () => {
    const files = {
      "/proc/self/mountinfo": V1,
      "/proc/self/cgroup": "5:memory:/a\n4:cpuset:/a\n3:cpu,cpuacct:/a\n0::/\n",
      "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "-1\n",
      "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
      "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
    };
    expect(cgroupLimits(filesOf(files))).toEqual({ cpus: null, memoryBytes: null });
    const limited = {
      ...files,
      "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "400000\n",
      "/sys/fs/cgroup/cpuset/a/cpuset.cpus": "0,4-5\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n",
    };
    expect(cgroupLimits(filesOf(limited))).toEqual({ cpus: 3, memoryBytes: 1_073_741_824 });
  });

  test("in a container are found where the mount shows them, though the path is the host's", () => {
    const read = filesOf({
      "/proc/self/mountinfo": "34 32 0:30 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
      "/proc/self/cgroup": "5:memory:/docker/abc\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n",
    });
    expect(cgroupLimits(read)).toEqual({ cpus: null, memoryBytes: 536_870_912 });
  });

  test("are none on a machine without control groups", () => {
    expect(cgroupLimits(filesOf({}))).toEqual({ cpus: null, memoryBytes: null });
    expect([cpuCount("0-3,8,10-11\n"), cpuCount("\n"), cpuCount(null)]).toEqual([7, null, null]);
  });
});

describe("the host", () => {
  const cpuinfo = [0, 1, 2, 3]
    .map((cpu) => `processor\t: ${cpu}\nphysical id\t: ${cpu % 2}\ncore id\t\t: 0\n`)
    .join("\n");

  test("is as large as its limits let it be", async () => {
    const read = filesOf({
      "/proc/self/mountinfo": V2,
      "/proc/self/cgroup": "0::/\n",
      "/sys/fs/cgroup/cpu.max": "150000 100000\n",
      "/sys/fs/cgroup/memory.max": "4294967296\n",
      "/proc/cpuinfo": cpuinfo,
      "/etc/os-release": 'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="12"\n',
    });
    expect(await hostCapabilities(facts, { run: nothing, read })).toEqual({
      hostname: "h",
      os: "linux",
      os_version: "debian 12",
      arch: "x64",
      cpu: { model: "AMD EPYC 7763", physical_cores: 1, logical_cores: 1 },
      memory_mb: 4096,
    });
  });

  test("counts a core with two threads once", async () => {
    expect(parsePhysicalCores(cpuinfo)).toBe(2);
    expect(parsePhysicalCores("processor: 0\n")).toBeNull();
    const { cpu } = await hostCapabilities(
      { ...facts, parallelism: 4 },
      { run: nothing, read: filesOf({ "/proc/cpuinfo": cpuinfo }) },
    );
    expect(cpu).toMatchObject({ physical_cores: 2, logical_cores: 4 });
  });

  test("on ARM and macOS is named by what there is", async () => {
    expect(parseArmModel("CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n")).toBe("ARM 0x41/0xd0c");
    expect(parseOsRelease("ID=alpine\n")).toBe("alpine");
    const run = answersOf({ sysctl: "8\n", sw_vers: "14.5\n" });
    const mac = {
      ...facts,
      platform: "darwin" as const,
      arch: "arm64",
      cpuModels: ["Apple M1"],
      parallelism: 10,
    };
    const host = await hostCapabilities(mac, { run, read: filesOf({}) });
    expect(host).toMatchObject({
      os: "macos",
      os_version: "14.5",
      cpu: { model: "Apple M1", physical_cores: 8 },
    });
  });
});

describe("GPUs, from the output of the vendors' tools", () => {
  test("NVIDIA's CSV, with what a device cannot tell left out", () => {
    const text =
      "1, Tesla T4, 15360, 535.161.08, 7.5\n0, NVIDIA A100-SXM4-40GB, 40960, 535.161.08, 8.0\n" +
      "2, Old, [N/A], 470.1, [N/A]\n";
    expect(parseNvidiaSmi(text)).toEqual([
      {
        index: 0,
        vendor: "nvidia",
        model: "NVIDIA A100-SXM4-40GB",
        memory_mb: 40_960,
        driver: "535.161.08",
        compute: "8.0",
      },
      {
        index: 1,
        vendor: "nvidia",
        model: "Tesla T4",
        memory_mb: 15_360,
        driver: "535.161.08",
        compute: "7.5",
      },
      { index: 2, vendor: "nvidia", model: "Old", memory_mb: 0, driver: "470.1" },
    ]);
    expect(
      parseNvidiaSmi("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"),
    ).toEqual([]);
    expect(parseNvidiaSmi("No devices were found\n")).toEqual([]);
  });

  test("AMD's JSON, whatever the case of its names, with warnings around it", () => {
    const cards = {
      card1: {
        "Card Series": "AMD Instinct MI300X",
        "VRAM Total Memory (B)": "206141652992",
        "GFX Version": "gfx942",
      },
      card0: {
        "Card series": "AMD Instinct MI210",
        "Card model": "0x0c34",
        "VRAM Total Memory (B)": "68702699520",
      },
      system: { "Driver version": "6.7.0" },
    };
    expect(parseRocmSmi(`WARNING: something\n${JSON.stringify(cards)}\n`)).toEqual([
      { index: 0, vendor: "amd", model: "AMD Instinct MI210", memory_mb: 65_520, driver: "6.7.0" },
      { index: 1, vendor: "amd", model: "AMD Instinct MI300X", memory_mb: 196_592, driver: "6.7.0" },
    ]);
    expect(parseRocmSmi("ERROR: no GPUs {")).toEqual([]);
  });

  test("Apple's profile, of devices with Metal only", () => {
    const devices = [
      {
        _name: "Apple M3 Pro",
        sppci_model: "Apple M3 Pro",
        spdisplays_mtlgpufamilysupport: "spdisplays_metal3",
      },
      { _name: "kHW_AppleM1Item", spdisplays_metalfamily: "spdisplays_mtlgpufamilyapple7" },
      { _name: "Apple Virtual", spdisplays_mtlgpufamilysupport: "spdisplays_not_supported" },
      {
        _name: "Radeon Pro Vega 64",
        sppci_model: "Radeon Pro Vega 64",
        spdisplays_metal: "spdisplays_supported",
      },
    ];
    const gpus = parseSystemProfiler(JSON.stringify({ SPDisplaysDataType: devices }), 36_864);
    expect(gpus.map(({ model }) => model)).toEqual(["Apple M3 Pro", "kHW_AppleM1Item"]);
    expect(hardwareNames(gpus)).toEqual(["cpu", "mps"]);
  });

  test("of two vendors are numbered through, and name what a task may ask for", async () => {
    const run = answersOf({
      "nvidia-smi": "0, A, 1024, 535.1, 8.0\n1, A, 1024, 535.1, 8.0\n",
      "rocm-smi": '{"card0": {"Card series": "B"}}',
    });
    const { gpus, hardware } = await detectCapabilities({ run, read: filesOf({}), facts });
    expect(gpus.map(({ index, vendor }) => `${index} ${vendor}`)).toEqual(["0 nvidia", "1 nvidia", "2 amd"]);
    expect(hardware).toEqual(["cpu", "cuda", "rocm"]);
  });
});

describe("programs", () => {
  test("count only when they run and tell a version", async () => {
    const run = answersOf({
      node: "v20.20.2\n",
      go: "go version go1.22.3 linux/amd64\n",
      java: 'openjdk version "17.0.1" 2021-10-19\n',
      python: { code: 127, stdout: "pyenv: python: command not found 3.1.1" },
      ruby: "install it with apt\n",
    });
    expect(await detectRuntimes(run)).toEqual({ node: "20.20.2", go: "1.22.3", java: "17.0.1" });
  });

  test("that are browsers have one name however they are installed, and are started headless", async () => {
    const run = answersOf({
      "chromium-browser": { code: 1, stdout: "requires the chromium snap 1.2" },
      "google-chrome-stable": "Google Chrome 126.0.6478.61 \n",
      "firefox-esr": "Mozilla Firefox 115.9.1esr\n",
    });
    expect(await detectBrowsers(run)).toEqual({ chrome: "126.0.6478.61", firefox: "115.9.1esr" });
    expect(run.asked.every((argv) => argv.includes("--headless") && argv.at(-1) === "--version")).toBe(true);
  });

  test("tell their version in many ways", () => {
    const versions = [
      "Python 3.11.2",
      "cargo 1.78.0 (54d8815d0 2024-03-26)",
      "v22.0.0-rc.1",
      "7",
      "nothing",
    ].map(parseVersion);
    expect(versions).toEqual(["3.11.2", "1.78.0", "22.0.0-rc.1", null, null]);
  });
});

test("this machine is described within the protocol's bounds, with the node that runs here", async () => {
  const clock = createClock();
  const env = { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "" };
  const run = createRunProcess({ start: startProcess, clock, env, keyPrefix: "detect-" });
  const found = await detectCapabilities({ run });
  expect(capabilitiesSchema.safeParse(found).error).toBeUndefined();
  expect(found.runtimes["node"]).toBe(process.versions.node);
  expect(found.hardware).toContain("cpu");
  expect(hwClass(found)).toMatch(/^hw1-[0-9a-f]{16}$/);
}, 60_000);

describe("the hardware class", () => {
  const machine = (more: Partial<Capabilities> = {}): Capabilities => ({
    hostname: "a",
    os: "linux",
    os_version: "debian 12",
    arch: "x64",
    cpu: { model: "AMD EPYC 7763", physical_cores: 8, logical_cores: 16 },
    memory_mb: 32_000,
    gpus: [],
    hardware: ["cpu"],
    browsers: {},
    runtimes: {},
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

  test("is the same for machines that differ in what no measurement notices", () => {
    const one = machine({ gpus: [gpu(), gpu({ index: 1, model: "T4" })] });
    const other = machine({
      hostname: "b",
      memory_mb: 33_000,
      runtimes: { node: "20" },
      gpus: [gpu({ model: "T4", driver: "535.9" }), gpu({ index: 1 })],
    });
    expect(hwClassFacts(one)).toBe(hwClassFacts(other));
    expect(hwClass(one)).toBe(hwClass(other));
  });

  test("is another one for whatever changes a measurement", () => {
    const classes = [
      machine(),
      machine({ arch: "arm64" }),
      machine({ cpu: { model: "AMD EPYC 7763", physical_cores: 16, logical_cores: 16 } }),
      machine({ memory_mb: 64_000 }),
      machine({ gpus: [gpu()] }),
      machine({ gpus: [gpu(), gpu({ index: 1 })] }),
      machine({ gpus: [gpu({ driver: "550.1" })] }),
    ].map(hwClass);
    expect(new Set(classes).size).toBe(classes.length);
  });
});

describe("load", () => {
  const stat = (busy: number, idle: number) =>
    `cpu  ${busy} 0 0 ${idle} 0 0 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\ncpu2 0 0 0 0\ncpu3 0 0 0 0\nintr 1\n`;

  test("of a machine is what it did since the last question", () => {
    const files: Record<string, string> = {
      "/proc/stat": stat(1000, 1000),
      "/proc/meminfo": "MemAvailable:    2048000 kB\n",
    };
    const sample = createLoadSampler({ read: (path) => files[path] ?? null, monotonic: () => 0 });
    files["/proc/stat"] = stat(1030, 1070);
    expect(sample()).toEqual({ cpu_share: 0.3, memory_free_mb: 2000 });
    expect(sample().cpu_share).toBe(0.3);
    files["/proc/stat"] = stat(1130, 1070);
    expect(sample().cpu_share).toBe(1);
  });

  test("under a limit is of what is allowed, file pages that may go counted as free", () => {
    const files: Record<string, string> = {
      "/proc/stat": stat(0, 0),
      "/proc/meminfo": "MemAvailable:    99999999 kB\n",
      "/proc/self/mountinfo": V2,
      "/proc/self/cgroup": "0::/\n",
      "/sys/fs/cgroup/cpu.max": "200000 100000\n",
      "/sys/fs/cgroup/cpu.stat": "usage_usec 5000000\n",
      "/sys/fs/cgroup/memory.max": "1048576000\n",
      "/sys/fs/cgroup/memory.current": "838860800\n",
      "/sys/fs/cgroup/memory.stat": "anon 1\ninactive_file 104857600\n",
    };
    let now = 0;
    const sample = createLoadSampler({ read: (path) => files[path] ?? null, monotonic: () => now });
    now = 1000;
    files["/sys/fs/cgroup/cpu.stat"] = "usage_usec 6500000\n";
    expect(sample()).toEqual({ cpu_share: 0.75, memory_free_mb: 300 });
  });

  test("of this machine is within its bounds", () => {
    const { cpu_share, memory_free_mb } = createLoadSampler()();
    expect(cpu_share >= 0 && cpu_share <= 1).toBe(true);
    expect(memory_free_mb).toBeGreaterThan(0);
  });
});
