/**
 * Where webhooks may go.
 *
 * A coordinator stands where others cannot reach, and an address that somebody may choose makes it knock on
 * doors for them. So the host must be one that the operator named, and every address that its name has now
 * must be a public one, unless the operator said of this host that it is on a private network. What is
 * checked is what is connected to: a name that resolves to something else a moment later changes nothing.
 */
import ipaddr from "ipaddr.js";

export interface WebhookPolicy {
  /** Names that webhooks may go to. */
  hosts: readonly string[];
  /** Those that may in addition have private and loopback addresses. */
  privateHosts: readonly string[];
}

export const NO_WEBHOOKS: WebhookPolicy = { hosts: [], privateHosts: [] };

export interface Trouble {
  code: string;
  reason: string;
}

const PUBLIC = new Set(["unicast"]);
/** Not link-local: there clouds keep the credentials of the machine. */
const PRIVATE = new Set(["unicast", "loopback", "private", "uniqueLocal", "carrierGradeNat"]);
const URL_CHARS = 2_000;

/** Null when a webhook may have this address. */
export function checkUrl(policy: WebhookPolicy, text: string): Trouble | null {
  const url = URL.canParse(text) && text.length <= URL_CHARS ? new URL(text) : null;
  if (url === null) return refuse(`"${text.slice(0, 200)}" is not a URL of at most ${URL_CHARS} characters`);
  if (url.protocol !== "https:") return refuse(`webhooks go over https, and ${url.protocol}// is not`);
  if (url.username !== "" || url.password !== "") {
    return refuse("a URL with a user or a password would put a secret into the log");
  }
  return checkHost(policy, hostOf(url));
}

function refuse(reason: string): Trouble {
  return { code: "webhook_refused", reason };
}

/** As people write it in the flags: lower case, without the brackets of IPv6. */
export function hostOf(url: URL): string {
  return url.hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
}

function checkHost({ hosts, privateHosts }: WebhookPolicy, host: string): Trouble | null {
  if ([...hosts, ...privateHosts].some((allowed) => allowed.toLowerCase() === host)) return null;
  const known = [...hosts, ...privateHosts].join(", ") || "none";
  return refuse(
    `webhooks may not go to ${host} (allowed: ${known}); start the coordinator with --webhook-host ${host}`,
  );
}

/** Whether all of a name's addresses may be connected to. */
export function checkAddresses(
  { privateHosts }: WebhookPolicy,
  host: string,
  addresses: readonly string[],
): Trouble | null {
  const isPrivate = privateHosts.some((allowed) => allowed.toLowerCase() === host);
  const allowed = isPrivate ? PRIVATE : PUBLIC;
  for (const address of addresses) {
    const range = rangeOf(address);
    if (allowed.has(range)) continue;
    const hint = PRIVATE.has(range) ? `; --webhook-allow-private ${host} allows it` : "";
    const reason = `${host} has the address ${address}, which is ${range}${hint}`;
    return { code: "webhook_address_refused", reason };
  }
  if (addresses.length > 0) return null;
  return { code: "webhook_unresolved", reason: `${host} has no address` };
}

/** Of IPv6 only this part is given out; elsewhere old ways to write IPv4 addresses pass for unicast. */
const GLOBAL_6 = ipaddr.IPv6.parseCIDR("2000::/3");

/** An IPv4 address in the clothes of IPv6 is what it is inside. */
function rangeOf(address: string): string {
  if (!ipaddr.isValid(address)) return "not an address";
  const found = ipaddr.process(address);
  const range = found.range();
  const isStrange = range === "unicast" && found instanceof ipaddr.IPv6 && !found.match(GLOBAL_6);
  return isStrange ? "reserved" : range;
}
