/**
 * The manifests of deploy/kubernetes, rendered by kubectl, and what Kubernetes gives to a process that they start: environment,
 * volumes, user, a read-only root.
 */
import assert from "node:assert/strict";
import { chmodSync, chownSync, cpSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ConfigMap, PodSpec } from "kubernetes-types/core/v1.js";
import type { Deployment, StatefulSet } from "kubernetes-types/apps/v1.js";
import type { ObjectMeta } from "kubernetes-types/meta/v1.js";
import { parse, parseAllDocuments, stringify } from "yaml";
import type { Requirement } from "./requirements.ts";
import { runProgram } from "./run-program.ts";
import { temporaryFolder } from "./server.ts";

export const MANIFESTS = fileURLToPath(new URL("../../deploy/kubernetes/", import.meta.url));

export const KUBECTL: Requirement = {
  name: "kubectl",
  debianPackages: "kubernetes-client",
  probes: [["kubectl", "version", "--client"]],
};

/** A rendered resource. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** The first kubectl whose kustomize takes folders among `resources`. Debian 12 has an older one. */
const FOLDERS_SINCE_MINOR = 21;

/** Rewrites a kustomization for a kubectl that wants folders under `bases`. */
function nameBases(file: string): void {
  const kustomization = parse(readFileSync(file, "utf8")) as { resources: string[] };
  const [bases, resources] = [true, false].map((wanted) =>
    kustomization.resources.filter((resource) => resource.startsWith("../") === wanted),
  );
  writeFileSync(file, stringify({ ...kustomization, bases, resources }));
}

/** Renders an overlay by `kubectl kustomize`. @param own the kustomization of a new folder of this name beside the published ones */
export async function renderManifests(overlay: string, own?: string): Promise<readonly Resource[]> {
  const folder = join(temporaryFolder(), "kubernetes");
  cpSync(MANIFESTS, folder, { recursive: true });
  if (own !== undefined) {
    mkdirSync(join(folder, overlay));
    writeFileSync(join(folder, overlay, "kustomization.yaml"), own);
  }
  const version = await runProgram("kubectl", ["version", "--client", "--output=json"]);
  const { clientVersion } = JSON.parse(version.stdout) as { clientVersion: { minor: string } };
  if (parseInt(clientVersion.minor) < FOLDERS_SINCE_MINOR) {
    for (const file of globSync("**/kustomization.yaml", { cwd: folder })) nameBases(join(folder, file));
  }
  const { status, stdout, stderr } = await runProgram("kubectl", ["kustomize", join(folder, overlay)]);
  assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  return parseManifests(stdout);
}

/** Parses a file of manifests. */
export function parseManifests(text: string): readonly Resource[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Resource);
}

export type Workload = Deployment | StatefulSet;

/** The one Deployment or StatefulSet. */
export function workloadOf(resources: readonly Resource[]): Workload {
  const found = resources.filter(({ kind }) => kind === "Deployment" || kind === "StatefulSet");
  assert.equal(found.length, 1);
  return found[0] as Workload;
}

/** The pods that a workload makes. */
export function podSpecOf(workload: Workload): PodSpec {
  return workload.spec?.template.spec ?? assert.fail("there is no pod");
}

/** The environment that Kubernetes gives the pods' only container, without that of the image and of services. */
export function containerEnvironment(resources: readonly Resource[]): Record<string, string> {
  const [container, ...more] = podSpecOf(workloadOf(resources)).containers;
  assert.ok(container !== undefined && more.length === 0);
  const environment: Record<string, string> = {};
  for (const { configMapRef } of container.envFrom ?? []) {
    const map = resources.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === configMapRef?.name);
    Object.assign(environment, (map as ConfigMap | undefined)?.data ?? assert.fail(`no ${configMapRef?.name}`));
  }
  for (const { name, value } of container.env ?? []) environment[name] = value ?? assert.fail(`${name} has no value`);
  return environment;
}

/** The variables that Kubernetes makes in every pod of a namespace for a Service, unless a pod refuses them. */
export function serviceLinks(
  service: string,
  ports: readonly (readonly [name: string, port: number])[],
): Record<string, string> {
  const prefix = service.toUpperCase().replaceAll("-", "_");
  const address = "10.43.0.18";
  const [[, first]] = ports as [readonly [string, number]];
  const links: Record<string, string> = {
    [`${prefix}_SERVICE_HOST`]: address,
    [`${prefix}_SERVICE_PORT`]: String(first),
    [`${prefix}_PORT`]: `tcp://${address}:${first}`,
  };
  for (const [name, port] of ports) {
    links[`${prefix}_SERVICE_PORT_${name.toUpperCase().replaceAll("-", "_")}`] = String(port);
    links[`${prefix}_PORT_${port}_TCP`] = `tcp://${address}:${port}`;
    links[`${prefix}_PORT_${port}_TCP_PROTO`] = "tcp";
    links[`${prefix}_PORT_${port}_TCP_PORT`] = String(port);
    links[`${prefix}_PORT_${port}_TCP_ADDR`] = address;
  }
  return links;
}

/** Writes secrets as the kubelet does: files of root's and the pod's group, behind two links. @returns the volume's folder */
export function writeSecretVolume(spec: PodSpec, values: Readonly<Record<string, string>>): string {
  const volume = spec.volumes?.find(({ projected }) => projected !== undefined)?.projected;
  const folder = join(temporaryFolder(), "secrets");
  const version = "..2026_11_28_01_00_00.1234567890";
  mkdirSync(join(folder, version), { recursive: true });
  symlinkSync(version, join(folder, "..data"));
  for (const { secret } of volume?.sources ?? []) {
    for (const { key, path } of secret?.items ?? []) {
      const file = join(folder, version, path);
      writeFileSync(file, values[key] ?? assert.fail(`there is no secret ${key}`));
      chmodSync(file, volume?.defaultMode ?? 0o644);
      chownSync(file, 0, spec.securityContext?.fsGroup ?? 0);
      symlinkSync(join("..data", path), join(folder, path));
    }
  }
  chmodSync(folder, 0o755);
  return folder;
}

/** Makes an empty volume that belongs to root and, by `fsGroup`, to the pod's group. */
export function makeDataVolume(spec: PodSpec): string {
  const folder = join(temporaryFolder(), "data");
  mkdirSync(folder);
  chownSync(folder, 0, spec.securityContext?.fsGroup ?? 0);
  chmodSync(folder, 0o2775);
  return folder;
}

/** In a mount namespace: the pod's volumes at their places and everything else read-only; then the pod's user, without capabilities. */
const START = `
data=$1 secrets=$2 user=$3 group=$4
shift 4
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir /var/lib/countersign
mount --bind "$data" /var/lib/countersign
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/secrets/countersign
mount --bind "$secrets" /run/secrets/countersign
mount -o remount,bind,ro /run/secrets/countersign
mount -o remount,bind,ro /
exec setpriv --reuid "$user" --regid "$group" --groups "$group" --bounding-set=-all --inh-caps=-all --no-new-privs -- "$@"
`;

/** The words before a program that run it as a pod's container. They keep the process id. Needs root. */
export function containerPrefix(spec: PodSpec, dataVolume: string, secretVolume: string): readonly string[] {
  const { runAsUser, runAsGroup } = spec.securityContext ?? {};
  return [
    "unshare",
    "--mount",
    "sh",
    "-euc",
    START,
    "sh",
    dataVolume,
    secretVolume,
    String(runAsUser),
    String(runAsGroup),
  ];
}
