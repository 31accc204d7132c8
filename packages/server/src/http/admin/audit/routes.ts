import { viewer, viewerEverywhere, type AdminRoutes } from "../http/route.ts";
import { AuditEvent, ChainReport, EventsExportQuery, EventsQuery } from "./schemas.ts";
import { Nothing } from "../http/schema.ts";

export const auditRoutes = {
  listAuditEvents: {
    method: "GET",
    path: "/audit-events",
    tag: "audit",
    access: viewer,
    summary: "The audit log, the newest first",
    query: EventsQuery,
    answers: "list",
    data: AuditEvent,
  },
  exportAuditEvents: {
    method: "GET",
    path: "/audit-events/export",
    tag: "audit",
    access: viewer,
    summary: "The audit log as a file, the oldest first: CSV (RFC 4180) or JSON lines",
    query: EventsExportQuery,
    answers: "other",
    data: Nothing,
    others: {
      200: {
        description: "The file",
        content: { "text/csv": { schema: { type: "string" } }, "application/jsonl": { schema: { type: "string" } } },
      },
    },
  },
  verifyAuditChain: {
    method: "GET",
    path: "/audit-events/chain",
    tag: "audit",
    access: viewerEverywhere,
    summary: "Check the hash chain from its beginning",
    answers: "item",
    data: ChainReport,
  },
} as const satisfies AdminRoutes;
