import { stat } from "node:fs/promises";
import type { Logger } from "./logger.ts";
import { repeat } from "./repeat.ts";
import { readTlsFiles, type TlsFileAccess, type TlsFileNames, type TlsFiles } from "./tls-files.ts";

/** How often the files are looked at, in milliseconds. A change is read once it has been the same for two looks. */
const LOOK_MS = 1000;

const DAY_MS = 86_400_000;

/** How long before a certificate's expiry a warning is logged, once a day: two weeks, or a quarter of its life if that is less. */
const WARN_MS_MAX = 14 * DAY_MS;
const WARN_SHARE = 4;

/** A listener's certificate, kept up to date with its files. */
export interface TlsCertificates {
  /** What new connections use. */
  current(): TlsFiles;
  /** Called after the files have changed and what they hold can be used. */
  onChange(listener: (files: TlsFiles, before: TlsFiles) => void): void;
  figures(): CertificateFigures;
  /** The present time by which certificates are judged, in milliseconds since the epoch. */
  wallMs(): number;
  stop(): Promise<void>;
}

export interface CertificateFigures {
  readonly expiresAtMs: number;
  /** Do the files hold something that can't be used? Then new connections still use what they held before. */
  readonly isOutdated: boolean;
}

/**
 * Reads a listener's certificate and follows changes of its files: a file that is written or replaced, and a link on the way that
 * leads to another file. The new content is used only as a whole: while certificate and key don't belong together, such as between
 * the writing of one and of the other, new connections use the earlier ones.
 *
 * @param wallMs the present time, in milliseconds since the epoch
 * @throws {TlsFileError} if the files can't be used now
 */
export function openTlsCertificates(
  listener: string,
  names: TlsFileNames,
  access: TlsFileAccess,
  wallMs: () => number,
  log: Logger,
  lookMs = LOOK_MS,
): TlsCertificates {
  let files = readTlsFiles(names, access, wallMs());
  let isOutdated = false;
  let seen: string | undefined;
  let used: string | undefined;
  let reported: string | undefined;
  let warnedAtMs = Number.NEGATIVE_INFINITY;
  const listeners: ((files: TlsFiles, before: TlsFiles) => void)[] = [];
  const paths = [names.cert, names.key, ...(names.clientCa ? [names.clientCa] : [])].map(({ path }) => path);

  async function look(): Promise<void> {
    warnOfExpiry();
    const now = (await Promise.all(paths.map(identify))).join(" ");
    const isSettled = now === seen;
    seen = now;
    if (!isSettled || now === used) return;
    reload(now);
  }

  /** @param identity of the files; unless they can be used, the next look tries again, because a lack of descriptors passes */
  function reload(identity: string): void {
    try {
      const before = files;
      files = readTlsFiles(names, access, wallMs());
      if (isOutdated || files.cert !== before.cert || files.clientCa !== before.clientCa || files.key !== before.key) {
        describe("the TLS certificate was read again");
        for (const tell of listeners) tell(files, before);
      }
      isOutdated = false;
      used = identity;
      reported = undefined;
    } catch (error) {
      isOutdated = true;
      const reason = error instanceof Error ? error.message : "unknown";
      const problem = `${identity} ${reason}`;
      if (problem === reported) return;
      reported = problem;
      log.error(
        { listener, reason },
        "the TLS files have changed and can't be used; new connections use the earlier ones",
      );
    }
  }

  function describe(message: string): void {
    const { expiresAtMs, names: subject } = files;
    log.info({ listener, names: subject, expires_at: new Date(expiresAtMs).toISOString() }, message);
    if (files.validFromMs > wallMs()) {
      const validFrom = new Date(files.validFromMs).toISOString();
      log.warn(
        { listener, valid_from: validFrom },
        "the TLS certificate isn't valid yet: clients refuse it until then",
      );
    }
    warnedAtMs = Number.NEGATIVE_INFINITY;
    warnOfExpiry();
  }

  function warnOfExpiry(): void {
    const nowMs = wallMs();
    const { expiresAtMs, validFromMs } = files;
    const warnMs = Math.min(WARN_MS_MAX, (expiresAtMs - validFromMs) / WARN_SHARE);
    if (expiresAtMs - nowMs > warnMs || nowMs - warnedAtMs < DAY_MS) return;
    warnedAtMs = nowMs;
    const facts = { listener, expires_at: new Date(expiresAtMs).toISOString() };
    if (expiresAtMs <= nowMs) log.error(facts, "the TLS certificate has expired: clients refuse it; renew it");
    else log.warn(facts, "the TLS certificate expires soon; renew it");
  }

  describe("the TLS certificate was read");
  const looking = repeat(lookMs, look, (error) => {
    log.error({ err: error, listener }, "the TLS files can't be looked at");
  });
  return {
    current: () => files,
    onChange: (tell) => void listeners.push(tell),
    figures: () => ({ expiresAtMs: files.expiresAtMs, isOutdated }),
    wallMs,
    stop: () => looking.stop(),
  };
}

/** What changes if a file or a link that leads to it is written or replaced. */
async function identify(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(":");
  } catch {
    return "missing";
  }
}
