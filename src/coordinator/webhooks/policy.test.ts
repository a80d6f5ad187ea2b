import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { checkAddresses, checkUrl } from "./policy.ts";
import { sign } from "./signature.ts";

const policy = { hosts: ["hooks.example.com"], privateHosts: ["ci.internal"] };

describe("an address of a webhook", () => {
  test.each(["https://hooks.example.com/a?b=c", "https://HOOKS.example.com:8443/", "https://ci.internal/x"])(
    "may be %s",
    (url) => {
      expect(checkUrl(policy, url)).toBeNull();
    },
  );

  test.each([
    ["http://hooks.example.com/", /https/],
    ["https://evil.example.com/", /--webhook-host evil.example.com/],
    ["https://hooks.example.com.evil.org/", /may not go to/],
    ["https://user:secret@hooks.example.com/", /secret/],
    ["https://hooks.example.com@evil.org/", /secret|may not/],
    ["file:///etc/passwd", /https/],
    ["not a url", /not a URL/],
    [`https://hooks.example.com/${"a".repeat(2_000)}`, /2000/],
  ])("may not be %s", (url, reason) => {
    expect(checkUrl(policy, url)).toMatchObject({ code: "webhook_refused" });
    expect(checkUrl(policy, url)?.reason).toMatch(reason);
  });

  test("is refused everywhere when no host is allowed", () => {
    expect(checkUrl({ hosts: [], privateHosts: [] }, "https://hooks.example.com/")?.reason).toMatch(
      /allowed: none/,
    );
  });
});

const NEVER = ["0.0.0.0", "169.254.169.254", "fe80::1", "224.0.0.1", "ff02::1", "255.255.255.255", "::"];
const INSIDE_4 = ["127.0.0.1", "127.1.2.3", "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1"];
const INSIDE_6 = ["::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fc00::1", "fd12::1"];
const INSIDE = INSIDE_4.concat(INSIDE_6);

describe("an address that a name resolves to", () => {
  test.each(["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8"])("may be %s", (address) => {
    expect(checkAddresses(policy, "hooks.example.com", [address])).toBeNull();
  });

  test.each([
    ...NEVER,
    ...INSIDE,
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "192.0.2.1",
    "::7f00:1",
    "4000::1",
    "junk",
  ])("may not be %s", (address) => {
    const wrong = checkAddresses(policy, "hooks.example.com", ["8.8.8.8", address]);
    expect(wrong).toMatchObject({ code: "webhook_address_refused" });
  });

  test.each(INSIDE)("may be %s for a host that is said to be private", (address) => {
    expect(checkAddresses(policy, "ci.internal", [address])).toBeNull();
  });

  test.each(NEVER)("may not be %s even then", (address) => {
    expect(checkAddresses(policy, "ci.internal", [address])).not.toBeNull();
  });

  test("must be there", () => {
    expect(checkAddresses(policy, "hooks.example.com", [])).toMatchObject({ code: "webhook_unresolved" });
  });
});

describe("a signature", () => {
  const key = Buffer.from("0123456789abcdef0123456789abcdef");
  const signed = sign(`whsec_${key.toString("base64")}`, {
    id: "msg_1",
    body: '{"a":1}',
    now: 1_767_000_000_500,
  });

  test("is the published scheme's: HMAC-SHA256 over id, seconds and body", () => {
    const mac = createHmac("sha256", key).update('msg_1.1767000000.{"a":1}').digest("base64");
    expect(signed).toEqual({
      "webhook-id": "msg_1",
      "webhook-timestamp": "1767000000",
      "webhook-signature": `v1,${mac}`,
    });
  });

  test.each(["other id", "other body", "other time", "other key"])("is another one for any %s", (what) => {
    const again = sign(`whsec_${(what === "other key" ? Buffer.alloc(32) : key).toString("base64")}`, {
      id: what === "other id" ? "msg_2" : "msg_1",
      body: what === "other body" ? '{"a":2}' : '{"a":1}',
      now: what === "other time" ? 1_767_000_001_500 : 1_767_000_000_500,
    });
    expect(again["webhook-signature"]).not.toBe(signed["webhook-signature"]);
  });
});
