import { type Ask, type Probed, sendProbe } from "../ask-service.ts";
import { notChecked, type Observation, observe, type Problem } from "../finding.ts";
import type { ProbeAnswer, Probes } from "../probe.ts";

/** Addresses for documentation (RFC 5737), which no client has. */
const FORGED = { forwardedFor: "192.0.2.77", forwarded: "192.0.2.78", realIp: "192.0.2.79" } as const;

export interface ProxyFacts {
  readonly trustedProxies: readonly string[];
  /** Why the settings show a proxy that they don't name. */
  readonly unnamedProxy: string | undefined;
}

/** What the settings alone show. */
export function proxySettingProblems({ trustedProxies, unnamedProxy }: ProxyFacts): readonly (Problem | undefined)[] {
  const wide = trustedProxies.filter((network) => /\/0+$/.test(network));
  return [
    wide.length === 0
      ? undefined
      : {
          code: "proxies_wide",
          found: `COUNTERSIGN_TRUSTED_PROXIES has ${wide.join(", ")}: every address is trusted.`,
        },
    unnamedProxy === undefined ? undefined : { code: "proxy_unnamed", found: `A proxy isn't named: ${unnamedProxy}.` },
  ];
}

/** Sends forged headers through the public URL, and looks at what the service made of them. */
export async function checkProxies(
  facts: ProxyFacts,
  ask: Ask | undefined,
  probes: Probes | undefined,
): Promise<Observation> {
  const settings = proxySettingProblems(facts);
  if (ask === undefined || probes === undefined)
    return observe("The settings name every proxy that they show.", ...settings);
  const [honest, addresses, forwarded, asReading, asWriting] = await Promise.all([
    sendProbe(ask, probes),
    sendProbe(ask, probes, { "X-Forwarded-For": FORGED.forwardedFor, "X-Real-IP": FORGED.realIp }),
    sendProbe(ask, probes, { Forwarded: `for=${FORGED.forwarded}` }),
    sendProbe(ask, probes, { "X-Forwarded-Method": "GET", "X-Original-Method": "GET" }, "POST"),
    sendProbe(ask, probes, { "X-Forwarded-Method": "DELETE", "X-Original-Method": "DELETE" }),
  ]);
  if (honest.kind !== "answered") {
    const { problems } = notChecked("No forged header was sent: the public URL doesn't lead to this service.");
    return observe("", ...settings, ...problems);
  }
  const { answer } = honest;
  return observe(
    `The service took the doctor for ${answer.client}, and believed no forged header.`,
    ...settings,
    standingProblem(answer),
    ...[addresses, forwarded].map((probed) => addressProblem(probed, answer)),
    asReading.kind === "answered" && asReading.answer.mayRead
      ? {
          code: "method_forgeable",
          found: "A POST with X-Forwarded-Method: GET passed the gateway and counts as reading.",
        }
      : undefined,
    asWriting.kind === "answered" && asWriting.answer.mayRead
      ? {
          code: "method_dropped",
          found: "A GET with X-Forwarded-Method: DELETE counts as reading: the gateway drops the header.",
        }
      : undefined,
  );
}

/** Does the service see its client, without anything forged? */
function standingProblem({ peer, source }: ProbeAnswer): Problem | undefined {
  if (!("problem" in source)) return undefined;
  if (source.problem === "proxy_untrusted") {
    return {
      code: "proxy_untrusted",
      found: `Requests arrive from ${peer}, a proxy that isn't in COUNTERSIGN_TRUSTED_PROXIES.`,
      fix: `Add ${peer} to COUNTERSIGN_TRUSTED_PROXIES.`,
    };
  }
  if (source.problem === "proxy_silent") {
    return { code: "proxy_silent", found: `The trusted proxy ${peer} doesn't name its client.` };
  }
  return undefined;
}

/**
 * Did the service believe a forged address? If the proxy appends the doctor's own address and that is a trusted one, the chain goes on
 * to the forged address: the proxy did right, and only trusted machines can do this.
 */
function addressProblem(probed: Probed, honest: ProbeAnswer): Problem | undefined {
  if (probed.kind !== "answered") return undefined;
  const { client, peer, forwardedFor } = probed.answer;
  const believed = Object.entries({
    "X-Forwarded-For": FORGED.forwardedFor,
    Forwarded: FORGED.forwarded,
    "X-Real-IP": FORGED.realIp,
  }).find(([, address]) => address === client);
  if (believed === undefined) return undefined;
  const [header] = believed;
  const hops = (forwardedFor ?? "").split(",").map((hop) => hop.trim());
  if (header === "X-Forwarded-For" && hops.lastIndexOf(honest.client) > hops.indexOf(client)) return undefined;
  return {
    code: "address_forgeable",
    found: `The service took the doctor for ${client}, as a forged ${header} said: the trusted proxy ${peer} passes the header on.`,
  };
}
