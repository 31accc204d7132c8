import { spawn } from "node:child_process";
import { errorProblem } from "./error-code.ts";

/**
 * Tells the service manager how this process is doing, by the protocol of sd_notify(3): when it is ready, that it stops, and that
 * it is still healthy. Without `NOTIFY_SOCKET` nothing of this is loaded.
 *
 * Node.js has no Unix datagram sockets, so systemd's own program `systemd-notify` sends each message. It waits until the service
 * manager has read the message; a sender that had ended by then might not be recognized as part of the service. Since the program is
 * a child process, the unit needs `NotifyAccess=all`.
 */

/** How often a process that isn't ready yet asks for more time, in milliseconds. */
const EXTEND_MS = 10_000;

/** How much time it asks for, in microseconds. */
const EXTENSION_USEC = 60_000_000;

/** How often the status is looked at where there is no watchdog, in milliseconds. */
const STATUS_MS = 10_000;

/** The longest interval that a timer can have, in milliseconds (some 24 days). */
const INTERVAL_MS_MAX = 2 ** 31 - 1;

/** The state of a process that serves. */
export interface ServingState {
  /** One line for `systemctl status`. */
  readonly status: string;
  /** Whether only a restart can help. */
  readonly isStuck: boolean;
}

/** The service manager, as a process that starts, serves and stops sees it. */
export interface ServiceManager {
  readonly hasWatchdog: boolean;
  /** From now on the service is ready. `look` is called twice within the watchdog's time. A stuck service isn't reported as alive. */
  ready(look: () => ServingState): void;
  /** From now on the service is stopping. @returns resolves once the service manager has been told, or can't be */
  stopping(): Promise<void>;
}

/** What the service manager put into the environment. */
export interface NotifyEnvironment {
  /** The value of `NOTIFY_SOCKET`. */
  readonly socket: string;
  /** Within which time it must hear from this process, in milliseconds; `undefined` if it doesn't watch. */
  readonly watchdogMs: number | undefined;
}

/**
 * Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
 *
 * @param pids the processes for which a watchdog's setting counts: this one, and the launcher that started it on another Node.js
 * @returns `undefined` if there is no service manager that wants messages
 */
export function readNotifyEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  pids: readonly number[],
): NotifyEnvironment | undefined {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec = "", WATCHDOG_PID: pid } = environment;
  if (socket === undefined || socket === "") return undefined;
  const isMeant = pid === undefined || pids.map(String).includes(pid);
  const watchdogMs = isMeant && /^[1-9][0-9]{0,14}$/.test(usec) ? Number(usec) / 1000 : undefined;
  return { socket, watchdogMs };
}

/** Sends one message of several `NAME=value`. Rejects if it can't be sent. */
export type SendNotification = (states: readonly string[]) => Promise<void>;

/**
 * Until {@link ServiceManager.ready} is called, asks for more time every 10 s: a node waits for its database as long as it takes.
 *
 * @param onProblem called once if a message can't be sent
 */
export function createServiceManager(
  { watchdogMs }: Pick<NotifyEnvironment, "watchdogMs">,
  send: SendNotification,
  onProblem: (error: unknown) => void,
): ServiceManager {
  let lastSent = Promise.resolve();
  let waiting = 0;
  let hasFailed = false;
  let shownStatus: string | undefined;
  let timer = every(EXTEND_MS, () => {
    notify(`EXTEND_TIMEOUT_USEC=${EXTENSION_USEC}`, "STATUS=waiting for the store");
  });

  /** Sends messages one after the other, so that none overtakes another. */
  function notify(...states: string[]): void {
    waiting++;
    lastSent = lastSent
      .then(() => send(states))
      .catch((error: unknown) => {
        if (!hasFailed) onProblem(error);
        hasFailed = true;
      })
      .finally(() => waiting--);
  }

  /** At regular times: unless the service manager still hasn't read the last message. */
  function report({ status, isStuck }: ServingState): void {
    if (waiting > 0) return;
    const states = watchdogMs === undefined || isStuck ? [] : ["WATCHDOG=1"];
    if (status !== shownStatus) states.push(`STATUS=${status}`);
    shownStatus = status;
    if (states.length > 0) notify(...states);
  }

  return {
    hasWatchdog: watchdogMs !== undefined,
    ready(look) {
      clearInterval(timer);
      shownStatus = look().status;
      notify("READY=1", `STATUS=${shownStatus}`);
      timer = every(watchdogMs === undefined ? STATUS_MS : watchdogMs / 2, () => {
        report(look());
      });
    },
    stopping() {
      clearInterval(timer);
      notify("STOPPING=1", "STATUS=stopping");
      // The drain delay may be longer than the watchdog's time.
      shownStatus = "stopping";
      timer = every(watchdogMs === undefined ? STATUS_MS : watchdogMs / 2, () => {
        report({ status: "stopping", isStuck: false });
      });
      return lastSent;
    },
  };
}

/** Sends messages by `systemd-notify`, which also knows sockets in the abstract namespace (`@…`). */
export function createSystemdNotify(
  { socket }: Pick<NotifyEnvironment, "socket">,
  path: string | undefined,
): SendNotification {
  return (states) =>
    new Promise((resolve, reject) => {
      const child = spawn("systemd-notify", states, {
        env: { NOTIFY_SOCKET: socket, ...(path !== undefined && { PATH: path }) },
        stdio: "ignore",
      });
      child.unref();
      child.once("error", (error) => {
        reject(new Error(`systemd-notify can't be run (${errorProblem(error)})`));
      });
      child.once("exit", (status) => {
        if (status === 0) resolve();
        else reject(new Error(`systemd-notify ended with status ${status ?? "of a signal"}`));
      });
    });
}

/** A timer that doesn't keep the process alive. Node would run one with a longer interval every millisecond. */
function every(milliseconds: number, action: () => void): NodeJS.Timeout {
  return setInterval(action, Math.min(milliseconds, INTERVAL_MS_MAX)).unref();
}
