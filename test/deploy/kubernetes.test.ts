/**
 * The manifests of deploy/kubernetes as `kubectl kustomize` renders them: their form, by the types of Kubernetes' API, and what they
 * promise.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import type { Deployment } from "kubernetes-types/apps/v1.js";
import type { PodSpec, Service } from "kubernetes-types/core/v1.js";
import type { NetworkPolicy } from "kubernetes-types/networking/v1.js";
import type { PodDisruptionBudget } from "kubernetes-types/policy/v1.js";
import {
  containerEnvironment,
  KUBECTL,
  MANIFESTS,
  parseManifests,
  podSpecOf,
  renderManifests,
  type Resource,
  workloadOf,
} from "../testkit/kubernetes.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { runProgram } from "../testkit/run-program.ts";
import { temporaryFolder } from "../testkit/server.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const DOCUMENTATION = readFileSync(join(ROOT, "docs", "kubernetes.md"), "utf8");
const OVERLAYS = ["overlays/sqlite", "overlays/postgresql"] as const;

/** The rules of the server: after a long drain delay, requests have 5 s more, else 10 s in all; then the log has 1 s. */
const STOP_SECONDS = (delaySeconds: number) => delaySeconds + Math.max(5, 10 - delaySeconds) + 1;

const LABELS = { "app.kubernetes.io/name": "countersign" };

const missing = await findMissing(KUBECTL);

if (missing !== undefined && IS_CI) test("kubectl", () => assert.fail(missing));
else describe("the manifests", { skip: missing ?? false }, manifests);

function manifests(): void {
  const rendered = new Map<string, readonly Resource[]>();
  const of = (name: string) => rendered.get(name) ?? assert.fail(name);
  const find = <Kind>(overlay: string, kind: string, name = "countersign") =>
    (of(overlay).find((resource) => resource.kind === kind && resource.metadata.name === name) as Kind | undefined) ??
    assert.fail(`${overlay} has no ${kind} ${name}`);

  before(async () => {
    for (const overlay of [...OVERLAYS, "monitoring"]) rendered.set(overlay, await renderManifests(overlay));
    rendered.set("ingress.yaml", parseManifests(readFileSync(join(MANIFESTS, "ingress.yaml"), "utf8")));
  });

  test("have the form of Kubernetes' API, and no member that it doesn't know", async () => {
    const resources = [...rendered.values()].flat().filter(({ kind }) => kind !== "ServiceMonitor");
    assert.deepEqual(await findFormProblems(resources), []);
    // The check itself finds a misspelt member and a wrong type.
    const [misspelt, wrong] = [0, 1].map(() => structuredClone(find<Deployment>("overlays/postgresql", "Deployment")));
    Object.assign(misspelt?.spec?.template.spec?.containers[0]?.readinessProbe ?? {}, { periodSecond: 1 });
    Object.assign(wrong?.spec ?? {}, { replicas: "3" });
    const [first = "", second = "", ...more] = await findFormProblems([misspelt, wrong] as Resource[]);
    assert.match(first, /"periodSecond"' does not exist in type 'Probe'/);
    assert.match(second, /'string' is not assignable to type 'number'/);
    assert.deepEqual(more, []);
  });

  for (const overlay of OVERLAYS) {
    describe(overlay, () => {
      let pod: PodSpec;
      before(() => {
        pod = podSpecOf(workloadOf(of(overlay)));
      });

      test("complies with the restricted Pod Security Standard, on a read-only root", () => {
        const { securityContext } = pod;
        assert.equal(securityContext?.runAsNonRoot, true);
        assert.ok((securityContext?.runAsUser ?? 0) > 0);
        assert.equal(securityContext?.seccompProfile?.type, "RuntimeDefault");
        for (const container of pod.containers) {
          assert.deepEqual(container.securityContext, {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          });
          assert.ok(container.ports?.every(({ hostPort }) => hostPort === undefined));
        }
        assert.equal(pod.initContainers, undefined);
        for (const member of ["hostNetwork", "hostPID", "hostIPC"] as const) assert.equal(pod[member], undefined);
        const allowed = ["emptyDir", "projected"];
        for (const volume of pod.volumes ?? []) {
          assert.ok(
            Object.keys(volume).every((member) => member === "name" || allowed.includes(member)),
            volume.name,
          );
        }
      });

      test("gets no token of Kubernetes' API and no variables of services", () => {
        assert.equal(pod.automountServiceAccountToken, false);
        assert.equal(pod.enableServiceLinks, false);
        assert.equal(
          find<{ automountServiceAccountToken: boolean }>(overlay, "ServiceAccount").automountServiceAccountToken,
          false,
        );
        assert.ok(!of(overlay).some(({ kind }) => /Role/.test(kind)));
      });

      test("holds no secret: the pods read them from Secrets that the manifests only name", () => {
        assert.ok(!of(overlay).some(({ kind }) => kind === "Secret"));
        const environment = containerEnvironment(of(overlay));
        for (const secret of ["MASTER_SECRET", "DATABASE_URL", "DATABASE_LISTEN_URL", "OIDC_CLIENT_SECRET"]) {
          assert.ok(!(`COUNTERSIGN_${secret}` in environment), secret);
        }
        for (const volume of pod.volumes ?? []) {
          if (volume.projected !== undefined) assert.equal(volume.projected.defaultMode, 0o440);
        }
        assert.equal(environment["COUNTERSIGN_SECRET_FILE_ACCESS"], "group");
      });

      test("asks about life at the internal listener and about readiness at the public one", () => {
        const [container] = pod.containers;
        const target = (probe: "startupProbe" | "livenessProbe" | "readinessProbe") => {
          const { path, port } = container?.[probe]?.httpGet ?? {};
          return `${path} ${port}`;
        };
        assert.equal(target("startupProbe"), "/livez internal");
        assert.equal(target("livenessProbe"), "/livez internal");
        assert.equal(target("readinessProbe"), "/readyz public");
        assert.deepEqual(
          container?.ports?.map(({ name, containerPort }) => `${name} ${containerPort}`),
          ["public 8080", "internal 8081"],
        );
      });

      test("gives a pod more time to stop than the server takes", () => {
        const delay = containerEnvironment(of(overlay))["COUNTERSIGN_DRAIN_DELAY"] ?? "";
        assert.match(delay, /^[0-9]+s$/);
        assert.ok((pod.terminationGracePeriodSeconds ?? 0) > STOP_SECONDS(parseInt(delay)));
      });

      test("limits memory, and not the processor", () => {
        for (const { resources } of pod.containers) {
          assert.deepEqual(Object.keys(resources?.limits ?? {}), ["memory"]);
          assert.deepEqual(Object.keys(resources?.requests ?? {}), ["cpu", "memory"]);
        }
      });

      test("selects its own pods everywhere", () => {
        const workload = workloadOf(of(overlay));
        assert.deepEqual(workload.spec?.template.metadata?.labels, LABELS);
        assert.deepEqual(workload.spec?.selector.matchLabels, LABELS);
        for (const name of ["countersign", "countersign-internal"]) {
          assert.deepEqual(find<Service>(overlay, "Service", name).spec?.selector, LABELS);
        }
        assert.deepEqual(find<NetworkPolicy>(overlay, "NetworkPolicy").spec?.podSelector.matchLabels, LABELS);
      });

      test("lets only Prometheus reach the internal listener, and routes no Service for clients there", () => {
        const { ingress = [], policyTypes } = find<NetworkPolicy>(overlay, "NetworkPolicy").spec ?? {};
        assert.deepEqual(policyTypes, ["Ingress"]);
        for (const { ports = [], from } of ingress) {
          const names = ports.map(({ port }) => port);
          assert.ok(names.length > 0, "a rule without ports opens all of them");
          if (!names.includes("internal")) continue;
          assert.equal(from?.length, 1);
          assert.ok(from[0]?.podSelector?.matchLabels && from[0].namespaceSelector?.matchLabels);
        }
        const services = of(overlay).filter(({ kind }) => kind === "Service") as Service[];
        for (const { metadata, spec } of services) {
          assert.equal(spec?.type, undefined, "reachable from inside the cluster only");
          assert.deepEqual(
            spec?.ports?.map(({ targetPort }) => targetPort),
            [metadata?.name === "countersign" ? "public" : "internal"],
          );
        }
      });

      test("runs this release", () => {
        const { version } = JSON.parse(readFileSync(join(ROOT, "packages", "server", "package.json"), "utf8")) as {
          version: string;
        };
        for (const { image } of pod.containers) assert.match(image ?? "", new RegExp(`/countersign:${version}$`));
      });
    });
  }

  test("of the two overlays run the same container, but for the store and the drain delay", () => {
    const [sqlite, postgresql] = OVERLAYS.map((overlay) => structuredClone(podSpecOf(workloadOf(of(overlay)))));
    for (const pod of [sqlite, postgresql]) {
      assert.ok(pod);
      Object.assign(pod, { terminationGracePeriodSeconds: 0 });
      delete pod.topologySpreadConstraints;
      delete pod.volumes;
      for (const container of pod.containers) {
        container.env = (container.env ?? []).filter(({ name }) => !/_DATABASE_URL_FILE$|_DRAIN_DELAY$/.test(name));
        // Its name ends with a hash of the settings.
        for (const { configMapRef } of container.envFrom ?? []) Object.assign(configMapRef ?? {}, { name: "settings" });
      }
    }
    assert.deepEqual(sqlite, postgresql);
  });

  test("run the image's program as the image's user, and keep its store where the image does", () => {
    const image = readFileSync(join(ROOT, "deploy", "container", "Dockerfile"), "utf8");
    for (const overlay of OVERLAYS) {
      const { securityContext, containers } = podSpecOf(workloadOf(of(overlay)));
      assert.match(image, new RegExp(`^USER ${securityContext?.runAsUser}:${securityContext?.runAsGroup}$`, "m"));
      assert.match(image, new RegExp(`^VOLUME ${containers[0]?.volumeMounts?.[0]?.mountPath}$`, "m"));
      assert.match(image, /^ENTRYPOINT \["\/usr\/local\/bin\/countersign"\]$/m);
      assert.deepEqual(containers[0]?.args, ["serve"]);
    }
  });

  test("of SQLite run one pod, whose store is on a volume that outlives it", () => {
    const workload = workloadOf(of("overlays/sqlite"));
    assert.equal(workload.kind, "StatefulSet");
    assert.equal(workload.spec?.replicas, 1);
    const { volumeClaimTemplates = [] } = workload.spec as {
      volumeClaimTemplates?: { metadata?: { name?: string } }[];
    };
    const mounts = podSpecOf(workload).containers[0]?.volumeMounts ?? [];
    const mount = mounts.find(({ name }) => name === volumeClaimTemplates[0]?.metadata?.name);
    assert.equal(mount?.mountPath, "/var/lib/countersign");
    assert.match(
      containerEnvironment(of("overlays/sqlite"))["COUNTERSIGN_DATA_DIR"] ?? "",
      /^\/var\/lib\/countersign\//,
    );
  });

  test("of PostgreSQL keep all nodes through a roll-out, and all but one through a drain, spread over machines", () => {
    const deployment = find<Deployment>("overlays/postgresql", "Deployment");
    assert.equal(deployment.spec?.replicas, 3);
    assert.deepEqual(deployment.spec.strategy, {
      type: "RollingUpdate",
      rollingUpdate: { maxUnavailable: 0, maxSurge: 1 },
    });
    const budget = find<PodDisruptionBudget>("overlays/postgresql", "PodDisruptionBudget");
    assert.equal(budget.spec?.maxUnavailable, 1);
    assert.deepEqual(budget.spec.selector?.matchLabels, LABELS);
    const constraints = podSpecOf(deployment).topologySpreadConstraints ?? [];
    assert.deepEqual(
      constraints.map(({ topologyKey }) => topologyKey),
      ["kubernetes.io/hostname", "topology.kubernetes.io/zone"],
    );
    for (const { labelSelector } of constraints) assert.deepEqual(labelSelector?.matchLabels, LABELS);
  });

  test("of monitoring select the internal Service and its port", () => {
    const monitor = find<{ spec: { selector: { matchLabels: object }; endpoints: { port: string; path: string }[] } }>(
      "monitoring",
      "ServiceMonitor",
    );
    const internal = find<Service>("overlays/postgresql", "Service", "countersign-internal");
    assert.deepEqual(monitor.spec.selector.matchLabels, internal.metadata?.labels);
    assert.deepEqual(
      monitor.spec.endpoints.map(({ port, path }) => `${port} ${path}`),
      [`${internal.spec?.ports?.[0]?.name} /metrics`],
    );
  });

  test("can be used by the documented kustomization of another repository", async () => {
    const [, kustomization = ""] = /```yaml\n(.*?)```/s.exec(DOCUMENTATION) ?? [];
    const resources = await renderManifests("other", kustomization.replace("countersign/deploy/kubernetes/", "../"));
    assert.equal(containerEnvironment(resources)["COUNTERSIGN_PUBLIC_URL"], "https://auth.internal");
    assert.equal(containerEnvironment(resources)["COUNTERSIGN_ADMIN_URL"], "http://localhost:8081");
    for (const { image } of podSpecOf(workloadOf(resources)).containers) {
      assert.match(image ?? "", /^registry\.internal\/countersign:/);
    }
  });

  test("name every file of their folders", () => {
    for (const folder of ["base", "monitoring", ...OVERLAYS]) {
      const kustomization = readFileSync(join(MANIFESTS, folder, "kustomization.yaml"), "utf8");
      for (const file of readdirSync(join(MANIFESTS, folder))) {
        if (file !== "kustomization.yaml") assert.match(kustomization, new RegExp(`^  - ${file}$`, "m"), folder);
      }
    }
  });

  test("get the Secrets that they name from the documented commands, without a secret among a command's words", async () => {
    const [, commands = ""] = /```sh secrets\n(.*?)```/s.exec(DOCUMENTATION) ?? [];
    const made = new Map<string, string[]>();
    for (const command of commands.trim().split("\n")) {
      // What an operator types comes from a pipe here: Node's own kind of pipe can't be opened as /dev/stdin.
      const script = `cat | ${command} --dry-run=client --output=json`;
      const { status, stdout, stderr } = await runProgram("bash", ["-euo", "pipefail", "-c", script], {
        input: "postgres://countersign:secret@db/countersign\n",
      });
      assert.equal(status, 0, stderr);
      const secret = JSON.parse(stdout) as {
        metadata: { name: string; namespace: string };
        data: Record<string, string>;
      };
      assert.equal(secret.metadata.namespace, "countersign");
      made.set(secret.metadata.name, Object.keys(secret.data));
      assert.ok(Object.values(secret.data).every((value) => value.length > 40));
    }
    for (const overlay of OVERLAYS) {
      const sources =
        podSpecOf(workloadOf(of(overlay))).volumes?.flatMap(({ projected }) => projected?.sources ?? []) ?? [];
      assert.equal(sources.length, overlay === "overlays/sqlite" ? 1 : 2);
      for (const { secret } of sources) {
        const keys = secret?.items?.map(({ key }) => key);
        assert.deepEqual(made.get(secret?.name ?? ""), keys);
      }
    }
  });
}

/** Type-checks resources as literals of the types that the package kubernetes-types has for them. */
async function findFormProblems(resources: readonly Resource[]): Promise<readonly string[]> {
  const folder = temporaryFolder();
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const lines = resources.map(({ apiVersion, kind, ...members }, at) => {
    const [group = "", version] = apiVersion.includes("/") ? apiVersion.split("/") : ["core", apiVersion];
    const module = `kubernetes-types/${group.split(".")[0]}/${version}.js`;
    const literal = JSON.stringify({ apiVersion, kind, ...members }, undefined, 1);
    return `export const resource${at}: import(${JSON.stringify(module)}).${kind} = ${literal};`;
  });
  writeFileSync(join(folder, "resources.ts"), lines.join("\n"));
  const compilerOptions = {
    noEmit: true,
    strict: true,
    module: "nodenext",
    types: [],
    lib: ["es2022"],
    skipLibCheck: true,
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["resources.ts"] }));
  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const { status, stdout } = await runProgram(process.execPath, [tsc, "--project", folder]);
  const problems = stdout.split("\n").filter((line) => line.includes("error TS"));
  assert.equal(status === 0, problems.length === 0, stdout);
  return problems;
}
