/**
 * The layers (docs/architecture.md). Each rule says why it is there, so that a violation explains itself.
 */
const SERVER = "^packages/server/src";
/** What tests share. */
const TESTING = "^packages/[^/]+/src/testing/";

/**
 * The concepts of the core, each behind those that it imports values from. Types (ids, ports, the transaction of a change) may
 * point the other way.
 */
const CORE_ORDER = [
  "clock",
  "challenges",
  "store",
  "accounts",
  "feed",
  "change",
  "token",
  "resource-servers",
  "signing-keys",
  "users",
  "operators",
  "keys",
  "json",
  "webhooks",
  "store-identity",
  "assertion",
  "key-statements",
  "view",
  "oauth",
  "revocation",
  "rotation",
  "declared-state",
  "bulk",
  "doctor",
];

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "core-is-pure",
      comment:
        "The rules of the exchange, the check and the registry must be readable and testable without HTTP, SQL, configuration or the process. core imports protocol, node:crypto, node:buffer and node:zlib, and packages that compute from their arguments alone: lru-cache; for passwords, @zxcvbn-ts; for networks, ipaddr.js; for documents, yaml.",
      severity: "error",
      from: { path: `${SERVER}/core`, pathNot: "\\.test\\.ts$" },
      to: {
        pathNot: [
          `${SERVER}/core`,
          "^packages/protocol",
          "^(node:)?(crypto|buffer|zlib)$",
          "node_modules/(lru-cache|@zxcvbn-ts|ipaddr\\.js|yaml)/",
        ],
      },
    },
    {
      name: "http-storage-cli-apart",
      comment: "Each of them translates between the core and one outside. What two of them share belongs to the core.",
      severity: "error",
      from: { path: `${SERVER}/(http|storage|cli)/`, pathNot: "\\.test\\.ts$" },
      to: { path: `${SERVER}/(http|storage|cli)/`, pathNot: `${SERVER}/$1/` },
    },
    {
      name: "one-composition-root",
      comment:
        "Only compose/ knows every part, and only main.ts knows the process. Parts get what they need as parameters; tests may call compose/, too.",
      severity: "error",
      from: { path: SERVER, pathNot: [`${SERVER}/(main\\.ts$|compose/|testing/)`, "\\.test\\.ts$"] },
      to: { path: `${SERVER}/(main\\.ts$|compose/)` },
    },
    {
      name: "commands-load-no-web-server",
      comment:
        "A command that doesn't serve starts in half the time without Fastify, its validators and the metrics. main.ts imports them when it serves.",
      severity: "error",
      from: { path: `${SERVER}/(main\\.ts$|compose/(command-line|open-registry|open-store)\\.ts$|cli/)` },
      to: {
        path: `${SERVER}/(compose/service|http/app|http/server/metrics)\\.ts$`,
        dependencyTypesNot: ["dynamic-import"],
      },
    },
    {
      name: "telemetry-on-demand",
      comment:
        "OpenTelemetry's packages cost start time and memory, and most services run without them. platform/telemetry alone imports them, and main.ts imports that folder when it is configured.",
      severity: "error",
      from: { path: SERVER, pathNot: [`${SERVER}/platform/telemetry/`, "\\.test\\.ts$"] },
      to: {
        path: ["node_modules/@opentelemetry/", `${SERVER}/platform/telemetry/`],
        dependencyTypesNot: ["dynamic-import"],
      },
    },
    {
      name: "config-and-platform-below",
      comment: "Configuration and the platform serve the others; they know the core's types at most.",
      severity: "error",
      from: { path: `${SERVER}/(config|platform)/`, pathNot: "\\.test\\.ts$" },
      to: { path: `${SERVER}/(http|storage|cli)/` },
    },
    {
      name: "protocol-depends-on-nothing",
      comment: "Clients, verifiers and the console import it; it must bring nothing into their programs.",
      severity: "error",
      from: { path: "^packages/protocol/src", pathNot: "\\.test\\.ts$" },
      to: { pathNot: "^packages/protocol/src" },
    },
    {
      name: "client-runs-everywhere",
      comment:
        "The client SDK runs on Deno, Bun and in workers, and brings nothing into its users' programs: the protocol, and what every platform has. No node: import, no package.",
      severity: "error",
      from: { path: "^packages/client/src", pathNot: ["\\.test\\.ts$", "^packages/client/src/testing"] },
      to: { pathNot: ["^packages/client/src", "^packages/protocol/src"] },
    },
    {
      name: "verifier-stays-small",
      comment:
        "A resource server's middleware must not bring a web server or a database into somebody's API: the protocol, Node itself, and its two declared packages.",
      severity: "error",
      from: { path: "^packages/verifier/src", pathNot: ["\\.test\\.ts$", "^packages/verifier/src/testing"] },
      to: {
        pathNot: ["^packages/verifier/src", "^packages/protocol/src", "node_modules/(lru-cache|eventsource-parser)/"],
        dependencyTypesNot: ["core"],
      },
    },
    {
      name: "server-and-libraries-apart",
      comment:
        "They meet on the wire only: a library that imports the server would install it, and a server that imports a library would hide what a client without it has to do. Their tests keep to this, too.",
      severity: "error",
      from: { path: "^packages/(server|client|verifier)/src" },
      to: { path: "^packages/(server|client|verifier)/", pathNot: "^packages/$1/" },
    },
    {
      name: "console-talks-to-the-admin-api",
      comment:
        "The console is a client of the admin API like any other: it knows the API's document and the protocol, never the server's code. What it can do, a program can.",
      severity: "error",
      from: { path: "^packages/console/src" },
      to: { path: "^packages/", pathNot: ["^packages/console/", "^packages/protocol/src"] },
    },
    {
      name: "sql-in-storage-only",
      comment: "Engines change; the domain must not notice.",
      severity: "error",
      from: { path: "^packages", pathNot: [`${SERVER}/storage`, `${SERVER}/testing/test-(postgres|registry)\\.ts$`] },
      to: { path: ["node_modules/kysely", "node_modules/(@types/)?pg(-pool)?/", "^(node:)?sqlite$"] },
    },
    {
      name: "no-tests-in-products",
      comment: "Test code isn't published.",
      severity: "error",
      from: { path: "^packages", pathNot: ["\\.test\\.ts$", TESTING, "store-contract\\.ts$"] },
      to: { path: ["\\.test\\.ts$", TESTING, "store-contract\\.ts$"] },
    },
    {
      name: "no-undeclared-packages",
      comment: "What isn't in the package's own dependencies is missing once it is installed.",
      severity: "error",
      // The console is built: what it needs is in its files.
      from: { path: "^packages/(?!console/)[^/]+/src", pathNot: ["\\.test\\.ts$", TESTING, "store-contract\\.ts$"] },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown", "npm-dev"], pathNot: "^packages/protocol" },
    },
    {
      name: "no-circles",
      comment: "A circle has no first page to read.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    ...CORE_ORDER.slice(0, -1).map((folder, at) => ({
      name: `core-order-${folder}`,
      comment:
        "A concept of the core imports values only from those before it in CORE_ORDER: it can be read without the others.",
      severity: "error",
      from: { path: `${SERVER}/core/${folder}/`, pathNot: "\\.test\\.ts$" },
      to: { path: `${SERVER}/core/(${CORE_ORDER.slice(at + 1).join("|")})/`, dependencyTypesNot: ["type-only"] },
    })),
    {
      name: "admin-machinery-below",
      comment:
        "A resource of the admin API knows the machinery in http/, never the reverse; routes.ts and handlers.ts join them.",
      severity: "error",
      from: { path: `${SERVER}/http/admin/http/`, pathNot: "\\.test\\.ts$" },
      to: { path: `${SERVER}/http/admin/`, pathNot: `${SERVER}/http/admin/http/` },
    },
    {
      name: "nothing-unresolvable",
      comment: "A typo in an import.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: ["^packages/[^/]+/dist/", "^packages/server/console/"] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};
