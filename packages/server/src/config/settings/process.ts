import { availableParallelism } from "node:os";
import { parseBoundedDuration, parseChoice, parseInteger } from "../parse-values.ts";
import { setting } from "./setting.ts";

/** The process: its workers, its connections, its end, its log. */
export const PROCESS_SETTINGS = {
  workers: setting({
    variable: "COUNTERSIGN_WORKERS",
    flag: "--workers <number>",
    default: "1",
    meaning: "number of processes that serve; auto: one for each core",
    parse: (text = "1") => (text === "auto" ? availableParallelism() : parseInteger(text, 1, 256)),
  }),
  keepAlive: setting({
    variable: "COUNTERSIGN_KEEP_ALIVE",
    flag: "--keep-alive <duration>",
    default: "75s",
    meaning: "how long an idle connection is kept; must be longer than the load balancer in front keeps its own",
    duration: true,
    parse: (text = "75s") => parseBoundedDuration(text, "1s", "24h"),
  }),
  drainDelay: setting({
    variable: "COUNTERSIGN_DRAIN_DELAY",
    flag: "--drain-delay <duration>",
    default: "1s",
    meaning: "how long the service still answers after SIGTERM, but reports not ready, before it stops listening",
    duration: true,
    parse: (text = "1s") => parseBoundedDuration(text, "0s", "10m"),
  }),
  logLevel: setting({
    variable: "COUNTERSIGN_LOG_LEVEL",
    flag: "--log-level <level>",
    default: "info",
    meaning: "trace, debug, info, warn, error, fatal or silent",
    parse: (text = "info") => parseChoice(text, ["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
  }),
} as const;
