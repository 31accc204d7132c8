import type { Probed } from "../ask-service.ts";
import { type Observation, observe, type Problem } from "../finding.ts";
import { otherStore } from "./check-listeners.ts";

export interface PublicUrlFacts {
  readonly publicUrl: string;
  readonly probe: Probed;
  /** A probe of the `http://` form of an `https://` URL; `undefined` if there is none. */
  readonly plainProbe: Probed | undefined;
  readonly storeId: string | undefined;
  readonly isServed: boolean;
}

/** Looks at the service as clients reach it. */
export function checkPublicUrl(facts: PublicUrlFacts): Observation {
  const { publicUrl, probe, plainProbe, storeId, isServed } = facts;
  return observe(
    `This service answers under ${publicUrl}.`,
    probeProblem(publicUrl, probe, storeId, isServed),
    plainProbe?.kind === "answered"
      ? { code: "http_open", found: `The service also answers at ${publicUrl.replace(/^https/, "http")}, unencrypted.` }
      : undefined,
  );
}

function probeProblem(
  publicUrl: string,
  probe: Probed,
  storeId: string | undefined,
  isServed: boolean,
): Problem | undefined {
  if (probe.kind === "answered") return otherStore(publicUrl, probe.answer.storeId, storeId);
  if (probe.kind === "silent") {
    return isServed
      ? { code: "public_url_unreachable", found: `${publicUrl} can't be reached: ${probe.problem}.` }
      : {
          code: "not_serving",
          found: `${publicUrl} can't be reached (${probe.problem}), and no node serves the store.`,
        };
  }
  const { status, location } = probe;
  if (status >= 300 && status < 400) {
    return {
      code: "public_url_redirects",
      found: `${publicUrl} redirects to ${originOf(location, publicUrl)} (${status}).`,
    };
  }
  if (!isServed && [502, 503, 504].includes(status)) {
    return {
      code: "not_serving",
      found: `The gateway at ${publicUrl} answers ${status}, and no node serves the store.`,
    };
  }
  return {
    code: "public_url_foreign",
    found: `What answers under ${publicUrl} isn't this service, or has another master secret (status ${status}).`,
  };
}

/** Only the origin: a gateway may put what it likes into the rest. */
function originOf(location: string | undefined, base: string): string {
  return location !== undefined && URL.canParse(location, base) ? new URL(location, base).origin : "another address";
}
