/**
 * The description itself, and a page for people that shows it. The page's scripts and styles come from here:
 * it loads nothing from elsewhere, and its policy forbids it to.
 */
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import type { HttpContext } from "../context.ts";
import { described } from "./describe.ts";
import { apiDocument, type ApiDocument } from "./document.ts";

const DESCRIPTION = described({
  id: "getDescription",
  group: "probes",
  summary: "This description, as OpenAPI 3.1",
  answers: { type: "application/json", description: "An OpenAPI document." },
});

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export function openApiRoutes(app: FastifyInstance, { version }: HttpContext): void {
  let made: ApiDocument | null = null;
  const document = () => (made ??= apiDocument(app.describedRoutes, version));
  app.get("/openapi.json", DESCRIPTION, async () => document());
  // Only once the server is made ready do all routes exist.
  app.register(async (scope) => {
    const specification = { document: document() as never };
    await scope.register(swagger, { mode: "static", specification });
    await scope.register(swaggerUi, {
      routePrefix: "/docs",
      staticCSP: POLICY,
      uiConfig: { layout: "BaseLayout", deepLinking: true, docExpansion: "list", validatorUrl: null },
      theme: { title: "Testyard API" },
    });
  });
}
