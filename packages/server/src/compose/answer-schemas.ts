import type { OperationId } from "../cli/operations.ts";
import type { AdminRoute, AdminRoutes } from "../http/admin/http/route.ts";
import { OPERATION_FOLDERS, type OperationFolder } from "./operation-folders.ts";

/** Imports the routes of one folder alone: a command on a server uses few. */
const LOAD_ROUTES: Readonly<Record<OperationFolder, () => Promise<AdminRoutes>>> = {
  accounts: async () => (await import("../http/admin/accounts/routes.ts")).accountRoutes,
  users: async () => (await import("../http/admin/users/routes.ts")).userRoutes,
  keys: async () => (await import("../http/admin/keys/routes.ts")).keyRoutes,
  resourceServers: async () => (await import("../http/admin/resource-servers/routes.ts")).resourceServerRoutes,
  operators: async () => (await import("../http/admin/operators/routes.ts")).operatorRoutes,
  usage: async () => (await import("../http/admin/usage/routes.ts")).usageRoutes,
  explain: async () => (await import("../http/admin/explain/routes.ts")).explainRoutes,
  audit: async () => (await import("../http/admin/audit/routes.ts")).auditRoutes,
  signingKeys: async () => (await import("../http/admin/signing-keys/routes.ts")).signingKeyRoutes,
  adminTokens: async () => (await import("../http/admin/admin-tokens/routes.ts")).adminTokenRoutes,
  webhooks: async () => (await import("../http/admin/webhooks/routes.ts")).webhookRoutes,
  imports: async () => (await import("../http/admin/imports/routes.ts")).importRoutes,
  registry: async () => (await import("../http/admin/registry/routes.ts")).registryRoutes,
  doctor: async () => (await import("../http/admin/doctor/routes.ts")).doctorRoutes,
};

/** The schema of an operation's `data`, as the admin API describes it. */
export async function loadAnswerSchema(id: OperationId): Promise<object> {
  const route: AdminRoute | undefined = (await LOAD_ROUTES[OPERATION_FOLDERS[id]]())[id];
  if (route === undefined) throw new Error(`the routes of ${OPERATION_FOLDERS[id]} lack ${id}`);
  return route.answers === "list" ? { type: "array", items: route.data } : route.data;
}
