import type { Config } from "../../config/config.ts";
import { internalTlsFiles, publicTlsFiles } from "../../config/tls-files.ts";
import { findUnnamedProxy } from "../../config/unnamed-proxy.ts";
import { type Ask, type Probed, sendProbe } from "../../core/doctor/ask-service.ts";
import { type CertificateFacts, checkCertificates } from "../../core/doctor/checks/check-certificates.ts";
import { checkExposure } from "../../core/doctor/checks/check-exposure.ts";
import { checkListeners } from "../../core/doctor/checks/check-listeners.ts";
import { checkProxies } from "../../core/doctor/checks/check-proxies.ts";
import { checkPublicUrl } from "../../core/doctor/checks/check-public-url.ts";
import { checkSingleSignOn, type Discovery } from "../../core/doctor/checks/check-single-sign-on.ts";
import { notChecked, type Observation, POINTLESS } from "../../core/doctor/finding.ts";
import { parseJson } from "../../core/doctor/probe.ts";
import type { Check } from "../../core/doctor/run-checks.ts";
import type { Clock } from "../../core/surroundings.ts";
import { readCertificateFiles, readServerCertificate } from "../../platform/doctor/certificates.ts";
import { createAsk } from "../../platform/doctor/http-ask.ts";
import { listenerUrl, socketPathOf } from "../../platform/listener-url.ts";
import type { Patient } from "./patient.ts";
import { listenedHosts } from "../sockets.ts";
import { tlsFileAccess } from "../tls-file-access.ts";

/** The checks that ask the service, its gateway and the identity provider over the network. */
export function networkChecks(patient: Patient, clock: Pick<Clock, "wallMs">): readonly Check[] {
  const { config } = patient;
  const { publicUrl } = config;
  return [
    { name: "listeners", run: () => checkBothListeners(patient) },
    { name: "public_url", run: () => checkUnderPublicUrl(patient) },
    {
      name: "certificates",
      async run() {
        const certificates = await readCertificates(config);
        return certificates.length === 0 ? POINTLESS : checkCertificates(certificates, clock.wallMs());
      },
    },
    {
      name: "exposure",
      run: async () => (publicUrl === undefined ? POINTLESS : checkExposure(publicUrl, createAsk(publicUrl))),
    },
    {
      name: "proxies",
      async run() {
        const facts = { trustedProxies: config.trustedProxies, unnamedProxy: findUnnamedProxy(config) };
        const isServed = (await patient.nodes()).length > 0;
        const ask = publicUrl === undefined || !isServed ? undefined : createAsk(publicUrl);
        return checkProxies(facts, ask, patient.probes());
      },
    },
    { name: "single_sign_on", run: () => checkProvider(config) },
  ];
}

async function checkBothListeners(patient: Patient): Promise<Observation> {
  const { config } = patient;
  const unusable = patient.findUnusable("host", "port", "adminHost", "adminPort", "listenOnly");
  if (unusable !== undefined) return unusable;
  const hosts = listenedHosts(config);
  const toPublic = wayTo(hosts.public, config.port, publicTlsFiles(config) !== undefined);
  const toInternal = wayTo(hosts.internal, config.adminPort, internalTlsFiles(config) !== undefined);
  if (toPublic === "any port" || toInternal === "any port") return notChecked("A listener's port is 0: any free one.");
  const probes = patient.probes();
  const [publicProbe, publicHealth, internalHealth] = await Promise.all([
    toPublic && (probes === undefined ? findWhetherSilent(toPublic.ask) : sendProbe(toPublic.ask, probes)),
    toPublic?.ask("/readyz"),
    toInternal?.ask("/readyz"),
  ]);
  if (publicProbe === "foreign") {
    return notChecked("Something listens, but without the master secret the doctor can't tell what.");
  }
  return checkListeners({
    public: toPublic &&
      publicProbe &&
      publicHealth && { address: toPublic.address, probe: publicProbe, health: publicHealth },
    internal: toInternal && internalHealth && { address: toInternal.address, health: internalHealth },
    storeId: await patient.storeId(),
    isServed: (await patient.nodes()).length > 0,
  });
}

/** @returns `foreign` if anything answers */
async function findWhetherSilent(ask: Ask): Promise<Probed | "foreign"> {
  const answer = await ask("/livez");
  return "problem" in answer ? { kind: "silent", problem: answer.problem } : "foreign";
}

async function checkUnderPublicUrl(patient: Patient): Promise<Observation> {
  const { publicUrl } = patient.config;
  if (publicUrl === undefined) return patient.findUnusable("publicUrl") ?? POINTLESS;
  const probes = patient.probes();
  if (probes === undefined) return notChecked("Without the master secret the doctor can't tell which service answers.");
  const { protocol, port } = new URL(publicUrl);
  const hasPlain = protocol === "https:" && port === "";
  const [probe, plainProbe] = await Promise.all([
    sendProbe(createAsk(publicUrl), probes),
    hasPlain ? sendProbe(createAsk(publicUrl.replace(/^https:/, "http:")), probes) : undefined,
  ]);
  const isServed = (await patient.nodes()).length > 0;
  return checkPublicUrl({ publicUrl, probe, plainProbe, storeId: await patient.storeId(), isServed });
}

/** The certificates in the service's own files, and that of the public URL. */
async function readCertificates(config: Config): Promise<readonly CertificateFacts[]> {
  const { publicUrl } = config;
  const shown = publicUrl?.startsWith("https:") === true ? [await readServerCertificate(publicUrl)] : [];
  return [...readOwnCertificates(config), ...shown];
}

/** The certificates in the listeners' files, with the authorities of their clients. */
export function readOwnCertificates(config: Config): readonly CertificateFacts[] {
  const access = tlsFileAccess(config);
  return [publicTlsFiles(config), internalTlsFiles(config)]
    .filter((names) => names !== undefined)
    .flatMap((names) => readCertificateFiles(names, access));
}

/** Reads the OpenID provider's discovery document, if operators sign in through one. */
export async function checkProvider({ oidcIssuer }: Config): Promise<Observation> {
  if (oidcIssuer === undefined) return POINTLESS;
  const ask = createAsk(oidcIssuer.replace(/\/$/, ""), { isVerified: true });
  const answer = await ask("/.well-known/openid-configuration");
  const discovery = (): Discovery => {
    if ("problem" in answer) return answer;
    if (answer.status !== 200) return { problem: `it answers with the status ${answer.status}` };
    const issuer = parseJson(answer.body)?.["issuer"];
    return typeof issuer === "string" ? { issuer } : { problem: "it names no issuer" };
  };
  return checkSingleSignOn(oidcIssuer, discovery());
}

/** How programs on this machine reach a listener; `undefined` if this process doesn't have it. */
function wayTo(
  host: string | undefined,
  port: number,
  isEncrypted: boolean,
): { readonly address: string; readonly ask: Ask } | "any port" | undefined {
  if (host === undefined) return undefined;
  const socketPath = socketPathOf(host);
  if (socketPath !== undefined) return { address: host, ask: createAsk(listenerUrl(host, port), { socketPath }) };
  if (port === 0) return "any port";
  const near = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  const address = listenerUrl(near, port, isEncrypted ? "https" : "http");
  return { address, ask: createAsk(address) };
}
