/** The port: had, named, and given back. */
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
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

/** Connections on which nothing was ever asked: Node does not count them as idle, and would wait for them. */
export function watchSilent(server: Server): ReadonlySet<Socket> {
  const silent = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    silent.add(socket);
    socket.once("close", () => silent.delete(socket));
  });
  for (const spoke of ["request", "upgrade"] as const) {
    server.on(spoke, ({ socket }: IncomingMessage) => silent.delete(socket));
  }
  return silent;
}

/**
 * Answers under way may finish; a connection that does not end by itself is cut. Those kept open for a next
 * request fall idle one after the other, and the server looks for idle ones only once by itself.
 */
export async function closeHttp(
  app: FastifyInstance,
  { clock, silent }: { clock: Clock; silent: ReadonlySet<Socket> },
): Promise<void> {
  let timer: Timer | null = null;
  const look = () => {
    app.server.closeIdleConnections();
    for (const socket of silent) socket.destroy();
    timer = clock.after(IDLE_LOOK_MS, look);
  };
  look();
  const cut = clock.after(PATIENCE_MS, () => app.server.closeAllConnections());
  await app.close();
  cut.cancel();
  (timer as Timer | null)?.cancel();
}
