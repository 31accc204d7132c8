import { viewer, viewerEverywhere, type AdminRoutes } from "../http/route.ts";
import { AuditEvent, AuditPosition, ChainReport, EventsExportQuery, EventsQuery } from "./schemas.ts";
import { Nothing } from "../http/schema.ts";

export const auditRoutes = {
  listAuditEvents: {
    method: "GET",
    path: "/audit-events",
    tag: "audit",
    access: viewer,
    summary: "List audit events, newest first",
    query: EventsQuery,
    answers: "list",
    data: AuditEvent,
  },
  exportAuditEvents: {
    method: "GET",
    path: "/audit-events/export",
    tag: "audit",
    access: viewer,
    summary: "Export the audit log, oldest first, as CSV (RFC 4180) or JSON lines",
    query: EventsExportQuery,
    answers: "other",
    data: Nothing,
    others: {
      200: {
        description: "The file",
        content: {
          "text/csv": {
            schema: { type: "string" },
            example: "seq,at,actor,action,subject,details,previous_hash,hash\r\n…",
          },
          "application/jsonl": { schema: { type: "string" }, example: '{"seq":1,"at":"2026-11-28T09:30:00.000Z",…}\n' },
        },
      },
    },
  },
  getAuditPosition: {
    method: "GET",
    path: "/audit-events/position",
    tag: "audit",
    access: viewerEverywhere,
    summary: "Get the place of the last audit event, and which store's log it is",
    answers: "item",
    data: AuditPosition,
  },
  verifyAuditChain: {
    method: "GET",
    path: "/audit-events/chain",
    tag: "audit",
    access: viewerEverywhere,
    summary: "Verify the hash chain from its first event",
    answers: "item",
    data: ChainReport,
  },
} as const satisfies AdminRoutes;
