/**
 * The HTTP side of a coordinator. Routes are grouped by what they are about; what holds for all of them
 * (who may ask, how bodies come in, how anything that goes wrong is answered) is put in place here, once.
 */
import Fastify, { type FastifyInstance } from "fastify";
import { problem, type Problem } from "../../protocol/index.ts";
import { artifactRoutes } from "./artifacts.ts";
import { blobRoutes } from "./blobs.ts";
import { installBodies, MAX_BODY_BYTES } from "./body.ts";
import type { HttpContext } from "./context.ts";
import { exportRoutes } from "./exports.ts";
import { feedRoutes } from "./feed-route.ts";
import { installGuard } from "./guard.ts";
import { logSearchRoutes } from "./log-search-routes.ts";
import { historyRoutes } from "./history.ts";
import { logRoutes } from "./logs.ts";
import { collectRoutes } from "./openapi/describe.ts";
import { openApiRoutes } from "./openapi/routes.ts";
import { answerError, refusal, sendProblem } from "./refusal.ts";
import { probeRoutes } from "./probes.ts";
import { retryRoutes } from "./retry.ts";
import { runReportRoutes } from "./run-report.ts";
import { runRoutes } from "./runs.ts";
import { sqlRoutes } from "./sql.ts";
import { scheduleRoutes } from "./schedules.ts";
import { statusRoutes } from "./status.ts";
import { submitRoutes } from "./submit.ts";
import { taskRoutes } from "./tasks.ts";
import { webhookRoutes } from "./webhooks.ts";
import { workerRoutes } from "./workers.ts";

const HEADER_BYTES = 16 * 1024;
const HEADERS_MS = 15_000;
const LONGEST_PARAM = 200;
const MAX_CONNECTIONS = 5_000;

export function createApp(context: HttpContext): FastifyInstance {
  const app = Fastify({
    genReqId: requestIds(context),
    bodyLimit: MAX_BODY_BYTES,
    return503OnClosing: false,
    forceCloseConnections: "idle",
    // /api/v1 is the name for what stays as it is; there is no other version.
    rewriteUrl: ({ url = "/" }) => url.replace(/^\/api\/v1\//, "/api/"),
    routerOptions: { maxParamLength: LONGEST_PARAM },
    http: { maxHeaderSize: HEADER_BYTES, headersTimeout: HEADERS_MS, requestTimeout: 0 },
    frameworkErrors: (error, _request, reply) => void answerError(context, reply, error),
    clientErrorHandler: (error, socket) => {
      if (socket.writable) socket.end(rawProblem(clientProblem(error)));
      else socket.destroy();
    },
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  app.setErrorHandler((error, _request, reply) => answerError(context, reply, error));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?")[0]?.slice(0, 200) ?? "";
    return sendProblem(reply, problem("not_found", `there is nothing at ${path}`));
  });
  collectRoutes(app);
  const refuseOtherMethods = watchMethods(app);
  installGuard(app, context);
  installBodies(app, context);
  const groups = [
    probeRoutes,
    statusRoutes,
    workerRoutes,
    taskRoutes,
    submitRoutes,
    retryRoutes,
    runRoutes,
    historyRoutes,
    runReportRoutes,
    feedRoutes,
    webhookRoutes,
    scheduleRoutes,
    blobRoutes,
    artifactRoutes,
    logRoutes,
    logSearchRoutes,
    sqlRoutes,
    exportRoutes,
  ];
  for (const register of groups) register(app, context);
  openApiRoutes(app, context);
  refuseOtherMethods();
  return app;
}

/** Unlike any other of this yard: every start has an epoch of its own. */
function requestIds({ coordinator }: HttpContext): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `${coordinator.loop.state.epoch}-${count.toString(36)}`;
  };
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** Every address answers every method: those that it has not with what it has. */
function watchMethods(app: FastifyInstance): () => void {
  const taken = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const methods = taken.get(url) ?? new Set();
    for (const each of [method].flat()) methods.add(each);
    taken.set(url, methods);
  });
  return () => {
    for (const [url, methods] of Array.from(taken)) {
      const others = METHODS.filter((method) => !methods.has(method));
      const allow = [...methods].join(", ");
      app.route({
        url,
        method: others,
        config: { isRefusal: true },
        onRequest: async (request, reply) => {
          reply.header("allow", allow);
          throw refusal("method_not_allowed", `${request.method} is not for this address, but ${allow}`);
        },
        handler: async () => {},
      });
    }
  };
}

function clientProblem(error: NodeJS.ErrnoException): Problem {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return problem("headers_too_large", `the headers are larger than the limit of ${HEADER_BYTES} bytes`);
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return problem("invalid_request", `the headers did not arrive within ${HEADERS_MS / 1000} s`);
    default:
      return problem("invalid_request", "this is not an HTTP request");
  }
}

/** For a socket on which no request has come about. */
export function rawProblem(answer: Problem): string {
  const body = JSON.stringify(answer);
  const lines = [
    `HTTP/1.1 ${answer.status} ${answer.title}`,
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}
