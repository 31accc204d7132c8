import { admin, type AdminRoutes } from "../http/route.ts";
import { Nothing } from "../http/schema.ts";
import { ImportResult, NewImport, UsersExportQuery } from "./schemas.ts";

/** 500 rows with keys of 8192 bits. */
const BODY_BYTES_MAX = 2 * 1024 * 1024;

export const importRoutes = {
  importUsers: {
    method: "POST",
    path: "/users/import",
    tag: "users",
    access: admin,
    summary: "Create up to 500 API users with keys; a row that is refused doesn't keep the others from being imported",
    body: NewImport,
    bodyBytesMax: BODY_BYTES_MAX,
    answers: "item",
    data: ImportResult,
  },
  exportUsers: {
    method: "GET",
    path: "/users/export",
    tag: "users",
    access: admin,
    summary:
      "Export API users and their keys, without an envelope, as CSV (RFC 4180) or JSON lines that an import takes",
    query: UsersExportQuery,
    answers: "other",
    data: Nothing,
    others: {
      200: {
        description: "The file",
        content: {
          "text/csv": {
            schema: { type: "string" },
            example: "account,name,username,access,…\r\nacme,shop,api-1-shop,full,…\r\n",
          },
          "application/jsonl": { schema: { type: "string" }, example: '{"account":"acme","name":"shop",…}\n' },
        },
      },
    },
    refusals: ["not_found"],
  },
} as const satisfies AdminRoutes;
