import { admin, type AdminRoutes } from "../http/route.ts";
import { ImportResult, NewImport } from "./schemas.ts";

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
} as const satisfies AdminRoutes;
