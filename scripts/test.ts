/**
 * Runs the tests: `node scripts/test.ts [set] [words for node --test]`.
 *
 * | set        | what it drives                                                                    |
 * | ---------- | --------------------------------------------------------------------------------- |
 * | `everyday` | the rules beside their code, and real servers, stores and nodes: `npm test`       |
 * | `peers`    | other programs: clients in five languages, gateways, a browser, packed packages, images and units   |
 * | `all`      | both                                                                              |
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** The folders of `test/` whose tests need other programs. A new folder is in the everyday set, so that none is forgotten. */
const PEERS = "clients|console|deploy|gateways|package";

const SETS = {
  everyday: ["packages/*/src/**/*.test.ts", `test/!(${PEERS})/**/*.test.ts`],
  peers: [`test/@(${PEERS})/**/*.test.ts`],
};
const FILES = { ...SETS, all: [...SETS.everyday, ...SETS.peers] };

/** How many test files run at once. Many of them wait more than they compute, so one more than the two cores of a small machine. */
const FILES_AT_ONCE = 3;

/** After how long a test file that hangs fails, in milliseconds. The longest takes some minutes on a busy machine. */
const FILE_MS_MAX = 20 * 60_000;

const root = join(import.meta.dirname, "..");
const [set = "everyday", ...words] = process.argv.slice(2);
if (!Object.hasOwn(FILES, set)) {
  process.stderr.write(`test: there is no set ${set}; the sets are ${Object.keys(FILES).join(", ")}\n`);
  process.exit(2);
}

const reporters = [
  ["spec", "stdout"],
  ["./scripts/closing-lines.ts", "stdout"],
].flatMap(([name, destination]) => [`--test-reporter=${name}`, `--test-reporter-destination=${destination}`]);

const { status } = spawnSync(
  process.execPath,
  [
    "--test",
    `--test-concurrency=${FILES_AT_ONCE}`,
    `--test-timeout=${FILE_MS_MAX}`,
    ...reporters,
    ...words,
    ...FILES[set as keyof typeof FILES],
  ],
  {
    cwd: root,
    stdio: "inherit",
    // Each test file is a process; without the cache each strips the types of all that it imports.
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "tests") },
  },
);
process.exitCode = status ?? 1;
