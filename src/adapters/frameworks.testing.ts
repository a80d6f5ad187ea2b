/**
 * For tests only: a small suite for each framework with everything that its parser must understand, and what
 * has to come out. The same expectation holds for the real tool and for what was recorded of it.
 */
import type { AdapterName } from "./adapter.ts";

export interface Sample {
  adapter: AdapterName;
  files: Record<string, string>;
  /** All files that discovery has to find. */
  paths: string[];
  /** `file::name outcome`, sorted. */
  outcomes: string[];
}

const JEST: Sample = {
  adapter: "jest",
  files: {
    "package.json": JSON.stringify({
      jest: {
        projects: [
          { displayName: "all", testMatch: ["**/*.test.js"] },
          { displayName: { name: "some", color: "blue" }, testMatch: ["**/both.test.js"] },
        ],
      },
    }),
    "a.test.js": `
test("one", () => { console.log("printed"); });
test("one", () => {});
test.each([1, 2])("each %i", (n) => { expect(n).toBe(1); });
test.skip("skipped", () => {});
test.todo("later");
test.failing("fails as it should", () => { expect(1).toBe(2); });
test.failing("fails not", () => {});
let tries = 0;
jest.retryTimes(2);
test("second try", () => { tries += 1; expect(tries).toBe(2); });
describe("group", () => { describe("deep", () => { test("inside", () => {}); }); });
describe("bad hook", () => {
  beforeAll(() => { throw new Error("hook broke"); });
  test("never ran", () => {});
});
`,
    "after.test.js": 'afterAll(() => { throw new Error("after broke"); });\ntest("ran", () => {});\n',
    "both.test.js": 'test("both", () => {});\n',
    "broken.test.js": 'require("./nothing-there");\n',
    "empty.test.js": "",
    "helper.js": "",
  },
  paths: ["a.test.js", "after.test.js", "both.test.js", "broken.test.js", "empty.test.js"],
  outcomes: [
    "a.test.js::bad hook > never ran failed",
    "a.test.js::each 1 passed",
    "a.test.js::each 2 failed",
    "a.test.js::fails as it should passed",
    "a.test.js::fails not failed",
    "a.test.js::group > deep > inside passed",
    "a.test.js::later skipped",
    "a.test.js::one passed",
    "a.test.js::one passed",
    "a.test.js::second try passed",
    "a.test.js::skipped skipped",
    "after.test.js::(file) error",
    "after.test.js::ran passed",
    "both.test.js::both passed",
    "both.test.js::both passed",
    "broken.test.js::(file) error",
    "empty.test.js::(file) error",
  ],
};

const MOCHA: Sample = {
  adapter: "mocha",
  files: {
    "package.json": "{}",
    ".mocharc.yml": "spec: ['spec/**/*.js', 'spec/*.mjs']\nretries: 1\n",
    "spec/a.js": `
const assert = require("node:assert");
it("one", () => { console.log("printed"); });
it("one", () => {});
it("pending");
it.skip("skipped", () => {});
let tries = 0;
it("second try", () => { tries += 1; assert.equal(tries, 2); });
describe("group", () => {
  it("inside", function () { this.skip(); });
  it("bad", () => { assert.equal(1, 2, "one is not two"); });
});
describe("bad hook", () => {
  before(() => { throw new Error("hook broke"); });
  it("never ran", () => {});
});
describe("bad each", () => {
  beforeEach(() => { throw new Error("each broke"); });
  it("x", () => {});
  it("y", () => {});
});
`,
    "spec/broken.js": 'throw new Error("does not load");\n',
    "spec/empty.js": "",
    "spec/module.mjs":
      'import assert from "node:assert";\nit("is a module", () => assert.ok(import.meta.url));\n',
    "spec/deep/b.js": 'it("in deep", () => {});\n',
    "other.js": 'it("no spec", () => {});\n',
  },
  paths: ["spec/a.js", "spec/broken.js", "spec/deep/b.js", "spec/empty.js", "spec/module.mjs"],
  outcomes: [
    "spec/a.js::bad each > (group) error",
    "spec/a.js::bad each > x error",
    "spec/a.js::bad each > y error",
    "spec/a.js::bad hook > (group) error",
    "spec/a.js::bad hook > never ran error",
    "spec/a.js::group > bad failed",
    "spec/a.js::group > inside skipped",
    "spec/a.js::one passed",
    "spec/a.js::one passed",
    "spec/a.js::pending skipped",
    "spec/a.js::second try passed",
    "spec/a.js::skipped skipped",
    "spec/broken.js::(file) error",
    "spec/deep/b.js::in deep passed",
    "spec/module.mjs::is a module passed",
  ],
};

const PLAYWRIGHT: Sample = {
  adapter: "playwright",
  files: {
    "package.json": "{}",
    "playwright.config.js": `module.exports = {
  testDir: "e2e",
  projects: [
    { name: "setup", testMatch: /.*\\.setup\\.js/ },
    { name: "chromium", dependencies: ["setup"], retries: 1 },
    { name: "firefox", testMatch: /both\\.spec\\.js/ },
  ],
};
`,
    "e2e/a.spec.js": `
const { expect, test } = require("@playwright/test");
test("one", { tag: "@fast" }, () => { console.log("printed"); });
test.skip("skipped", () => {});
test.fixme("to be fixed", () => {});
test("fails as it should", () => { test.fail(); expect(1).toBe(2); });
test("flaky", ({}, info) => { expect(info.retry).toBe(1); });
test.describe("group", () => {
  test("bad", () => { expect(1, "one is not two").toBe(2); });
  test("dies", () => { process.exit(3); });
  test("inside", () => { test.skip(true, "no device"); });
});
test.describe.serial("serial", () => {
  test("first", () => { expect(1).toBe(2); });
  test("second", () => {});
});
`,
    "e2e/both.spec.js": 'require("@playwright/test").test("both", () => {});\n',
    "e2e/broken.spec.js": 'require("./nothing-there");\n',
    "e2e/x.setup.js": 'require("@playwright/test").test("prepare", () => {});\n',
  },
  paths: ["e2e/a.spec.js", "e2e/both.spec.js", "e2e/broken.spec.js", "e2e/x.setup.js"],
  outcomes: [
    "e2e/a.spec.js::fails as it should passed",
    "e2e/a.spec.js::flaky passed",
    "e2e/a.spec.js::group > bad failed",
    "e2e/a.spec.js::group > dies failed",
    "e2e/a.spec.js::group > inside skipped",
    "e2e/a.spec.js::one passed",
    "e2e/a.spec.js::serial > first failed",
    "e2e/a.spec.js::serial > second error",
    "e2e/a.spec.js::skipped skipped",
    "e2e/a.spec.js::to be fixed skipped",
    "e2e/both.spec.js::both passed",
    "e2e/both.spec.js::both passed",
    "e2e/broken.spec.js::(file) error",
    "e2e/x.setup.js::prepare passed",
  ],
};

const GO: Sample = {
  adapter: "go-test",
  files: {
    "go.mod": "module example.com/suite\n\ngo 1.19\n",
    "a_test.go": `package suite

import (
	"fmt"
	"testing"
)

func TestOne(t *testing.T)  { fmt.Println("printed") }
func TestBad(t *testing.T)  { t.Log("before"); t.Errorf("want %d", 1) }
func TestSkip(t *testing.T) { t.Skip("no device") }
func TestSubs(t *testing.T) {
	for _, name := range []string{"a b", "c/d", "(x)", "ü"} {
		t.Run(name, func(t *testing.T) {
			fmt.Println("RAN<" + name + ">")
			if name == "(x)" {
				t.Fatal("bad x")
			}
		})
	}
}
func TestParallel(t *testing.T) { t.Parallel(); t.Run("p", func(t *testing.T) { t.Parallel() }) }
func ExampleHello() {
	fmt.Println("hi")
	// Output: hi
}
func BenchmarkNotRun(b *testing.B) { b.Fatal("benchmarks are not run") }
`,
    "plain/plain.go": "package plain\n",
    "broken/b_test.go": 'package broken\n\nimport "testing"\n\nfunc TestB(t *testing.T) { nothingThere() }\n',
    "main/b_test.go": `package main

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(3) }
func TestNever(t *testing.T) {}
`,
    "panics/b_test.go": `package panics

import "testing"

func TestFirst(t *testing.T) {}
func TestPanic(t *testing.T) { panic("oh no") }
func TestLater(t *testing.T) {}
`,
    "fuzz/b_test.go": `package fuzz

import "testing"

func FuzzX(f *testing.F) {
	f.Add(1)
	f.Add(2)
	f.Fuzz(func(t *testing.T, n int) {
		if n == 2 {
			t.Error("two")
		}
	})
}
`,
    "nested/go.mod": "module example.com/nested\n\ngo 1.19\n",
    "nested/p/n_test.go": 'package p\n\nimport "testing"\n\nfunc TestN(t *testing.T) {}\n',
  },
  paths: [".", "broken", "fuzz", "main", "nested/p", "panics"],
  outcomes: [
    ".::ExampleHello passed",
    ".::TestBad failed",
    ".::TestOne passed",
    ".::TestParallel passed",
    ".::TestParallel/p passed",
    ".::TestSkip skipped",
    ".::TestSubs failed",
    ".::TestSubs/(x) failed",
    ".::TestSubs/a_b passed",
    ".::TestSubs/c/d passed",
    ".::TestSubs/ü passed",
    "broken::(file) error",
    "fuzz::FuzzX failed",
    "fuzz::FuzzX/seed#0 passed",
    "fuzz::FuzzX/seed#1 failed",
    "main::(file) error",
    "nested/p::TestN passed",
    "panics::TestFirst passed",
    "panics::TestLater error",
    "panics::TestPanic failed",
  ],
};

const CARGO: Sample = {
  adapter: "cargo-test",
  files: {
    "Cargo.toml": `[package]
name = "suite"
version = "0.1.0"
edition = "2021"

[workspace]
members = ["crates/other"]

[[test]]
name = "plain"
harness = false
`,
    "src/lib.rs": `//! \`\`\`
//! assert_eq!(suite::add(1, 1), 2);
//! \`\`\`

/// \`\`\`
/// assert_eq!(suite::add(1, 2), 4);
/// \`\`\`
/// \`\`\`compile_fail
/// let x: u8 = "no";
/// \`\`\`
/// \`\`\`ignore
/// nothing
/// \`\`\`
pub fn add(a: u8, b: u8) -> u8 { a + b }

#[cfg(test)]
mod tests {
    #[test]
    fn adds() { println!("printed"); assert_eq!(super::add(1, 2), 3); }
    #[test]
    fn adds_more() {}
    #[test]
    fn bad() { println!("before"); assert_eq!(super::add(1, 2), 4, "sum {}", 1); }
    #[test]
    #[ignore = "no device"]
    fn ignored() {}
    #[test]
    #[should_panic]
    fn panics() { panic!("oh"); }
    #[test]
    #[should_panic(expected = "x")]
    fn panics_not() {}
    #[test]
    fn result() -> Result<(), String> { Err("went wrong".into()) }
    mod größe {
        #[test]
        fn ü() {}
    }
}
`,
    "src/main.rs": "fn main() {}\n#[test]\nfn in_main() {}\n",
    "tests/crash.rs": `#[test]
fn first() {}
#[test]
fn second() { std::thread::sleep(std::time::Duration::from_millis(300)); std::process::abort(); }
#[test]
fn third() { std::thread::sleep(std::time::Duration::from_secs(30)); }
`,
    "tests/plain.rs": 'fn main() { println!("no test program of Rust"); }\n',
    "crates/other/Cargo.toml": '[package]\nname = "other"\nversion = "0.1.0"\nedition = "2021"\n',
    "crates/other/src/lib.rs": "#[test]\nfn in_other() {}\n",
    "crates/other/tests/broken.rs": "#[test]\nfn broken() { nothing_there(); }\n",
  },
  paths: [
    "crates/other/src/lib.rs",
    "crates/other/tests/broken.rs",
    "src/lib.rs",
    "src/main.rs",
    "tests/crash.rs",
    "tests/plain.rs",
  ],
  outcomes: [
    "crates/other/src/lib.rs::in_other passed",
    "crates/other/tests/broken.rs::(file) error",
    "src/lib.rs::src/lib.rs - (line 1) passed",
    "src/lib.rs::src/lib.rs - add (line 11) skipped",
    "src/lib.rs::src/lib.rs - add (line 5) failed",
    "src/lib.rs::src/lib.rs - add (line 8) passed",
    "src/lib.rs::tests::adds passed",
    "src/lib.rs::tests::adds_more passed",
    "src/lib.rs::tests::bad failed",
    "src/lib.rs::tests::größe::ü passed",
    "src/lib.rs::tests::ignored skipped",
    "src/lib.rs::tests::panics passed",
    "src/lib.rs::tests::panics_not failed",
    "src/lib.rs::tests::result failed",
    "src/main.rs::in_main passed",
    "tests/crash.rs::(file) error",
    "tests/crash.rs::first passed",
    "tests/crash.rs::second error",
    "tests/crash.rs::third error",
    "tests/plain.rs::(file) passed",
  ],
};

export const SAMPLES: readonly Sample[] = [JEST, MOCHA, PLAYWRIGHT, GO, CARGO];
