import { changeResourceServer, createResourceServer, loadResourceServer } from "../resource-servers/changes.ts";
import type { ResourceServer } from "../resource-servers/model.ts";
import type { DeclaredResourceServer } from "./model.ts";
import { type Planning, refuseToPruneAll } from "./planning.ts";
import { actionOf, changedMeanwhile, diffMembers, type MemberChange, requireAsPlanned, type Step } from "./step.ts";

/** Plans the resource servers. A new one gets a secret. */
export async function planResourceServers(
  planning: Planning,
  declared: readonly DeclaredResourceServer[],
): Promise<void> {
  const { store, steps, prunes, prune } = planning;
  const existing = await store.resourceServers.list();
  const byName = new Map(existing.map((server) => [server.name, server]));
  for (const server of declared) {
    const present = byName.get(server.name);
    const changes = present === undefined ? [] : diffMembers(shown(present), { status: server.status });
    if (present === undefined) steps.push(creation(planning, server));
    else if (changes.length > 0) steps.push(change(server.name, changes, false));
  }
  if (!prune) return;
  const names = new Set(declared.map(({ name }) => name));
  const others = existing.filter(({ name, status }) => status === "active" && !names.has(name));
  refuseToPruneAll(planning, "resource_servers", declared, others.length);
  for (const { name } of others) {
    prunes.push(change(name, [{ member: "status", from: "active", to: "deactivated" }], true));
  }
}

function shown({ status }: ResourceServer) {
  return { status };
}

function creation({ random }: Planning, { name, status = "active" }: DeclaredResourceServer): Step {
  return {
    action: "create",
    kind: "resource_server",
    name,
    changes: diffMembers({ status: "active" }, { status }),
    isPruned: false,
    makesSecret: true,
    async run(tx) {
      if ((await tx.resourceServers.find(name)) !== undefined) throw changedMeanwhile();
      const { server, secret } = await createResourceServer(tx, name, random);
      await changeResourceServer(tx, name, { status });
      return { kind: "resource_server", name, client_id: server.clientId, client_secret: secret };
    },
  };
}

function change(name: string, changes: readonly MemberChange[], isPruned: boolean): Step {
  const status = changes[0]?.to === "active" ? "active" : "deactivated";
  return {
    action: actionOf(changes),
    kind: "resource_server",
    name,
    changes,
    isPruned,
    async run(tx) {
      requireAsPlanned(shown(await loadResourceServer(tx, name)), changes);
      await changeResourceServer(tx, name, { status });
      return undefined;
    },
  };
}
