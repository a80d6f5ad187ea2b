/** The port: had, named, and given back. */
import type { FastifyInstance } from "fastify";
import type { Clock, Timer } from "../ports/index.ts";
import { listenError } from "./start-error.ts";

const PATIENCE_MS = 2_000;
const IDLE_LOOK_MS = 25;

interface Wanted {
  host: string;
  port: number;
}

/** @returns the port @throws StartError */
export async function listen(app: FastifyInstance, { host, port }: Wanted): Promise<number> {
  try {
    await app.listen({ host: host === "localhost" ? "127.0.0.1" : host.replace(/^\[|\]$/g, ""), port });
  } catch (error) {
    throw listenError(error, { host, port });
  }
  const address = app.server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

export function urlOf(host: string, port: number): string {
  return `http://${host === "::1" ? "[::1]" : host}:${port}`;
}

/**
 * Answers under way may finish; a connection that does not end by itself is cut. Those kept open for a next
 * request fall idle one after the other, and the server looks for idle ones only once by itself.
 */
export async function closeHttp(app: FastifyInstance, clock: Clock): Promise<void> {
  let timer: Timer | null = null;
  const look = () => {
    app.server.closeIdleConnections();
    timer = clock.after(IDLE_LOOK_MS, look);
  };
  look();
  const cut = clock.after(PATIENCE_MS, () => app.server.closeAllConnections());
  await app.close();
  cut.cancel();
  (timer as Timer | null)?.cancel();
}
