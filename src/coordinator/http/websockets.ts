/** WebSockets: which upgrades are taken, and to whom they go. */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { problem } from "../../protocol/index.ts";
import type { Connection } from "../../ports/index.ts";
import { rawProblem } from "./app.ts";
import { refuseSender } from "./guard.ts";

export interface SocketRoutes {
  port: () => number;
  maxPayloadBytes: number;
  wrap: (socket: WebSocket) => Connection;
  /** By path. */
  accept: Readonly<Record<string, (connection: Connection) => void>>;
  isClosing: () => boolean;
}

export function routeSockets(server: Server, routes: SocketRoutes): void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: routes.maxPayloadBytes,
    perMessageDeflate: false,
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    const path = (request.url ?? "").split("?")[0] ?? "";
    const accept = Object.hasOwn(routes.accept, path) ? routes.accept[path] : undefined;
    const { host, origin } = request.headers;
    const wrong = refuseSender({ host, origin }, routes.port());
    if (wrong !== null) return void socket.end(rawProblem(wrong));
    if (routes.isClosing())
      return void socket.end(rawProblem(problem("shutting_down", "the coordinator stops")));
    if (accept === undefined)
      return void socket.end(rawProblem(problem("not_found", "no WebSocket is served here")));
    sockets.handleUpgrade(request, socket, head, (opened) => accept(routes.wrap(opened)));
  });
}
