// Who may import whom. The table below is the architecture; everything under it only turns the table into
// rules. A folder is entered from outside by its index.ts alone, so the inside can change without asking.
// Tests stand inside their folder and may look at all of it; across folders they obey the table as well, and
// may take in addition the real ports, the simulated ones and any npm package.

const PURE = ["core", "scheduler", "balancer", "health", "trends", "reports", "protocol"];
const ALL = [
  ...PURE,
  "ports",
  "platform",
  "log",
  "blobs",
  "workspace",
  "adapters",
  "results",
  "security",
].concat(["coordinator", "worker", "client", "ci", "dashboard", "dashboard/web", "cli", "sim"]);
const all = (...but) => ALL.filter((folder) => !but.includes(folder));

const MAY_IMPORT = {
  core: [],
  scheduler: ["core"],
  balancer: ["core"],
  health: ["core"],
  protocol: ["core"],
  trends: ["core"],
  reports: ["core"],
  ports: ["core"],
  platform: ["ports"],
  log: ["core", "ports", "protocol"],
  blobs: ["core", "ports", "protocol"],
  security: ["core", "ports", "protocol"],
  workspace: ["core", "ports", "protocol"],
  adapters: ["core", "ports", "protocol"],
  results: ["core", "log", "blobs", "protocol", "ports", "trends"],
  coordinator: [...PURE, "log", "blobs", "results", "security", "ports"],
  worker: ["protocol", "security", "workspace", "adapters", "ports", "core"],
  client: ["protocol", "reports", "workspace", "adapters", "ports"],
  ci: ["protocol", "reports", "workspace", "adapters", "ports", "client"],
  dashboard: ["protocol", "reports", "workspace", "adapters", "ports", "client"],
  "dashboard/web": ["protocol", "client"],
  sim: all("platform", "cli"),
  cli: ALL,
};

// The entry that becomes the one-file worker wires the real ports itself.
const ENTRY_EXTRAS = { "worker/main.ts": ["platform"] };

const PACKAGES = {
  zod: ["protocol", "cli"],
  lmdb: ["log", "blobs"],
  "@duckdb/node-api": ["results"],
  fastify: ["coordinator"],
  ws: ["coordinator", "worker", "platform"],
  commander: ["cli"],
  "fast-xml-parser": ["adapters", "workspace"],
  tinyglobby: ["adapters", "workspace"],
  ignore: ["adapters", "workspace"],
  yaml: ["cli"],
  croner: ["coordinator", "cli"],
  "prom-client": ["coordinator"],
  "@fastify/swagger": ["coordinator"],
  "@fastify/swagger-ui": ["coordinator"],
  "ipaddr.js": ["coordinator"],
  "@opentelemetry/api": ["coordinator"],
  "@opentelemetry/sdk-trace-base": ["coordinator"],
  "@opentelemetry/exporter-trace-otlp-http": ["coordinator"],
  "@opentelemetry/resources": ["coordinator"],
  echarts: ["reports"],
};

const TESTS = "\\.test\\.ts$|\\.testing\\.ts$|/testing/";
const NODE_FREE = [...PURE, "dashboard/web"];

const escaped = (text) => text.replace(/[.\\/-]/g, "\\$&");
const inside = (folder) => (folder === "dashboard" ? "^src/dashboard/(?!web/)" : `^src/${escaped(folder)}/`);
const error = (name, comment, from, to) => ({ name, comment, severity: "error", from, to });
const UNKNOWN = { path: "^src/", pathNot: ALL.map(inside) };

function folderRules([folder, allowed]) {
  const entries = Object.keys(ENTRY_EXTRAS).filter((entry) => entry.startsWith(`${folder}/`));
  const rule = (name, from, extra) =>
    error(name, `${folder} may import ${allowed.join(", ") || "nothing"}`, from, {
      path: "^src/",
      pathNot: [folder, ...allowed, ...extra].map(inside),
    });
  return [
    rule(`${folder}-imports`, { path: inside(folder), pathNot: [TESTS, ...entries.map(exactly)] }, []),
    rule(`${folder}-tests-import`, { path: `${inside(folder)}.*(${TESTS})` }, ["ports", "platform", "sim"]),
    ...entries.map((entry) => rule(`${entry}-imports`, { path: exactly(entry) }, ENTRY_EXTRAS[entry])),
  ];
}

const exactly = (path) => `^src/${escaped(path)}$`;

const packageRules = Object.entries(PACKAGES).map(([name, folders]) =>
  error(
    `${name}-only-in-${folders.join("-and-")}`,
    `${name} belongs to ${folders.join(" and ")}`,
    { path: "^src/", pathNot: [TESTS, ...folders.map(inside)] },
    { path: `(^|/)node_modules/${escaped(name)}/` },
  ),
);

module.exports = {
  forbidden: [
    ...Object.entries(MAY_IMPORT).flatMap(folderRules),
    error(
      "enter-by-index",
      "a folder is entered by its index.ts only",
      { path: "^src/([^/]+)/" },
      { path: "^src/[^/]+/", pathNot: ["^src/$1/", "^src/([^/]+|dashboard/web)/index\\.tsx?$"] },
    ),
    error(
      "tests-enter-by-index",
      "a folder is entered by its index.ts only",
      { path: "^test/" },
      { path: "^src/[^/]+/", pathNot: ["^src/([^/]+|dashboard/web)/index\\.tsx?$"] },
    ),
    error(
      "no-tests-in-the-product",
      "the product does not import its tests or their kits",
      { path: "^src/", pathNot: TESTS },
      { path: `^src/.*(${TESTS})` },
    ),
    error(
      "no-operating-system",
      "node: is for the shells, not for the pure folders",
      { path: NODE_FREE.map(inside), pathNot: TESTS },
      { dependencyTypes: ["core"] },
    ),
    ...packageRules,
    error(
      "unknown-package",
      "a package that the product imports stands in the list of packages",
      { path: "^src/", pathNot: TESTS },
      {
        path: "node_modules/",
        pathNot: Object.keys(PACKAGES).map((name) => `node_modules/${escaped(name)}/`),
      },
    ),
    error("unknown-folder", "the folder stands in the table above", UNKNOWN, {}),
    error("unknown-folder", "the folder stands in the table above", { ...UNKNOWN, orphan: true }, {}),
    error(
      "unresolvable",
      "the import leads nowhere",
      {},
      { couldNotResolve: true, pathNot: "^(\\.\\./)*dist/" },
    ),
  ],
  options: {
    // TypeScript 7 has no compiler API: without swc nothing would be parsed, and nothing would be found wrong.
    parser: "swc",
    tsPreCompilationDeps: true,
    moduleSystems: ["es6", "cjs"],
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^dist/|/fixtures/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
      extensions: [".ts", ".tsx", ".mjs", ".js"],
    },
  },
};
