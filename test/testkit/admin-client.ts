/**
 * A client of the admin API for tests. Every answer is checked against the service's own OpenAPI document: status, body
 * and, for a refusal, the form of its code. Independent of the server's sources.
 */
import assert from "node:assert/strict";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { TestServer } from "./server.ts";

export const ADMIN = "/api/admin/v1";

/** The password of every operator in a test. */
export const TEST_PASSWORD = "correct horse battery staple";

const JSON_TYPE = /^application\/json(?:;|$)/;

/** An answer. */
export interface AdminAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The envelope; `undefined` if the body isn't one. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  readonly body: any;
  /** Of the first error. */
  readonly code: string | undefined;
}

/** How a request identifies itself: as a program, as a browser with a session, or not at all. */
export interface Credentials {
  readonly bearer?: string;
  readonly cookie?: string;
  /** The page's origin; by default the console's if there is a cookie. `null`: none. */
  readonly origin?: string | null;
}

export interface AdminRequestOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AdminClient {
  /**
   * Signs in again if the sign-in has to be fresh, so that no test depends on its own speed.
   *
   * @param path under {@link ADMIN}, or a whole path as `meta.next` has it
   */
  send(method: string, path: string, options?: AdminRequestOptions): Promise<AdminAnswer>;
  get(path: string): Promise<AdminAnswer>;
  post(path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<AdminAnswer>;
  patch(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<AdminAnswer>;
  /** As another caller. */
  as(credentials: Credentials): AdminClient;
}

/** One operation of the API, as its document describes it. */
export interface Operation {
  readonly operationId: string;
  readonly method: string;
  /** With `{parameters}`. */
  readonly path: string;
  readonly description: string;
}

export interface AdminApi {
  readonly operations: readonly Operation[];
  readonly client: AdminClient;
  /** How many answers were checked against the document, by operation and status. */
  readonly seen: ReadonlyMap<string, number>;
}

/** Reads a running service's document. */
export async function openAdminApi(server: Pick<TestServer, "adminUrl">): Promise<AdminApi> {
  // biome-ignore lint/suspicious/noExplicitAny: an OpenAPI document
  const document: any = await (await fetch(`${server.adminUrl}/openapi.json`)).json();
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (addFormats as unknown as (instance: Ajv2020) => void)(ajv);
  ajv.addSchema(document, "document");
  const seen = new Map<string, number>();
  const operations: Operation[] = [];
  for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
    if (!path.startsWith(ADMIN)) continue;
    for (const [method, { operationId, description }] of Object.entries(methods)) {
      operations.push({ operationId, method: method.toUpperCase(), path, description });
    }
  }
  const validators = new Map<string, ValidateFunction>();

  function find(method: string, pathname: string): Operation | undefined {
    const segments = pathname.split("/");
    const fits = operations.filter((operation) => {
      const pattern = operation.path.split("/");
      return (
        operation.method === method &&
        pattern.length === segments.length &&
        pattern.every((part, at) => part === segments[at] || part.startsWith("{"))
      );
    });
    // A path without parameters takes precedence over one with.
    return fits.toSorted((a, b) => a.path.split("{").length - b.path.split("{").length)[0];
  }

  function check({ operationId, method, path }: Operation, status: number, type: string, body: unknown): void {
    const key = `${operationId} ${status}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
    const described = document.paths[path][method.toLowerCase()].responses[status];
    assert.ok(described !== undefined, `${operationId} answered ${status}, which its document doesn't have`);
    const code = (body as AdminAnswer["body"])?.meta?.errors?.[0]?.code;
    const declared: readonly string[] = described.description.split(", ");
    assert.ok(
      status < 400 || declared.includes(code),
      `${operationId} gave ${code}, which its document doesn't declare`,
    );
    if (!JSON_TYPE.test(type)) return;
    const pointer = [
      "paths",
      path,
      method.toLowerCase(),
      "responses",
      String(status),
      "content",
      "application/json",
      "schema",
    ]
      .map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1"))
      .map(encodeURIComponent)
      .join("/");
    let validate = validators.get(pointer);
    if (validate === undefined) {
      validate = ajv.compile({ $ref: `document#/${pointer}` });
      validators.set(pointer, validate);
    }
    assert.ok(
      validate(body),
      `${key} isn't as its document says: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(body).slice(0, 600)}`,
    );
  }

  function clientAs({ bearer, cookie, origin }: Credentials): AdminClient {
    const own = new URL(server.adminUrl).origin;
    const effectiveOrigin = origin === undefined ? (cookie === undefined ? null : own) : origin;
    let currentCookie = cookie;

    /** Signs in again, as an operator whose sign-in isn't fresh any more, by the password that every operator has. */
    async function renew(): Promise<void> {
      const { body } = await client.get("/me");
      const answer = await fetch(`${server.adminUrl}${ADMIN}/sign-in/password`, {
        method: "POST",
        headers: { origin: own, "content-type": "application/json" },
        body: JSON.stringify({ email: body.data.operator.email, password: TEST_PASSWORD }),
      });
      const [renewed] = (answer.headers.getSetCookie()[0] ?? "").split(";");
      assert.equal(answer.status, 200, await answer.text());
      currentCookie = renewed;
    }

    const client: AdminClient = {
      async send(method, path, options = {}) {
        const answer = await sendOnce(method, path, options);
        if (answer.code !== "fresh_sign_in_required") return answer;
        await renew();
        return sendOnce(method, path, options);
      },
      get: (path) => client.send("GET", path),
      post: (path, body, headers) => client.send("POST", path, { body, ...(headers && { headers }) }),
      patch: (path, body, headers) => client.send("PATCH", path, { body, ...(headers && { headers }) }),
      as: clientAs,
    };

    async function sendOnce(
      method: string,
      path: string,
      { body, headers = {} }: AdminRequestOptions,
    ): Promise<AdminAnswer> {
      const target = path.startsWith(ADMIN) ? path : ADMIN + path;
      const answer = await fetch(server.adminUrl + target, {
        method,
        redirect: "manual",
        headers: {
          ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
          ...(currentCookie !== undefined && { cookie: currentCookie }),
          ...(effectiveOrigin !== null && { origin: effectiveOrigin }),
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const text = await answer.text();
      const type = answer.headers.get("content-type") ?? "";
      const json = JSON_TYPE.test(type) ? JSON.parse(text) : undefined;
      const operation = find(method, target.split("?")[0] ?? "");
      if (operation !== undefined) check(operation, answer.status, type, json);
      if (json?.meta !== undefined) assert.equal(json.meta.code, answer.status, "meta.code is the status");
      return {
        status: answer.status,
        headers: answer.headers,
        text,
        body: json,
        code: json?.meta?.errors?.[0]?.code,
      };
    }
    return client;
  }

  return { operations, client: clientAs({}), seen };
}
