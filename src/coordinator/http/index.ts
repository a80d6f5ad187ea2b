export { createApp } from "./app.ts";
export type { HttpContext } from "./context.ts";
export { DashboardFeed, type DashboardMessage } from "./dashboard-feed.ts";
export { isLoopback } from "./guard.ts";
export { newId } from "./submission.ts";
export { routeSockets } from "./websockets.ts";
