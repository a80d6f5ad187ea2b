/**
 * A POST over HTTPS to one given address.
 *
 * Whoever checked an address must also be sure that it is the one connected to: so the name is not resolved
 * here again, and still stands in SNI, in the certificate's check and in `Host`. No redirect is followed, no
 * connection is kept, and of the answer's body no more is read than says that it came.
 */
import { request } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { rootCertificates } from "node:tls";
import type { HttpsPost, HttpsPoster } from "../ports/index.ts";

/** @param ca certificates in PEM that are trusted beside the usual ones */
export function createHttpsPoster({ ca }: { ca?: string } = {}): HttpsPoster {
  const trusted = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
  return { post: (asked) => post(asked, trusted) };
}

const ANSWER_LIMIT_BYTES = 64 * 1024;

function post(
  { url, address, headers, body, timeoutMs }: HttpsPost,
  trusted: { ca?: string[] },
): Promise<{ status: number }> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const family = isIP(address);
  const fixed: LookupFunction = (_host, { all }, done) =>
    all === true ? done(null, [{ address, family }]) : done(null, address, family);
  return new Promise((resolve, reject) => {
    const sent = request({
      ...trusted,
      method: "POST",
      host,
      port: url.port === "" ? 443 : Number(url.port),
      path: url.pathname + url.search,
      ...(isIP(host) === 0 && { servername: host }),
      lookup: fixed,
      agent: false,
      maxHeaderSize: 16 * 1024,
      headers: { ...headers, host: url.host, "content-length": Buffer.byteLength(body) },
    });
    const limit = setTimeout(() => sent.destroy(new HttpsTimeout(timeoutMs)), timeoutMs);
    sent.once("close", () => {
      clearTimeout(limit);
      // After 101 there is neither an answer nor an error. Whoever has settled already does not hear this.
      reject(new Error("the connection ended without an answer"));
    });
    sent.on("error", reject);
    sent.on("response", (answer) => {
      let size = 0;
      const finish = () => {
        resolve({ status: answer.statusCode ?? 0 });
        sent.destroy();
      };
      answer.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > ANSWER_LIMIT_BYTES) finish();
      });
      answer.once("end", finish);
      answer.on("error", reject);
    });
    sent.end(body);
  });
}

class HttpsTimeout extends Error {
  override readonly name = "HttpsTimeout";
  readonly code = "ETIMEDOUT";

  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs / 1000} s`);
  }
}
