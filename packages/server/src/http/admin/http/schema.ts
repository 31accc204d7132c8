/**
 * The vocabulary of the admin API's schemas. A resource's schemas validate what comes in, describe what goes out, make the OpenAPI
 * document, and are the types of both. Plain JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it). Times are RFC 3339 in UTC.
 */
import { PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, PASSWORD_CHARACTERS_MAX, ROLES } from "@countersign/protocol";

export const text = { type: "string" } as const;
export const textOrNull = { type: ["string", "null"] } as const;
export const count = { type: "integer", minimum: 0 } as const;
export const countOrNull = { type: ["integer", "null"], minimum: 0 } as const;
export const flag = { type: "boolean" } as const;
export const texts = { type: "array", items: text } as const;
/** Networks that a caller sets. The core reads them and explains what is wrong; this only bounds their size. */
export const networks = {
  type: "array",
  items: { type: "string", maxLength: 1000 },
  maxItems: 1000,
  description: "IP networks in CIDR form, or addresses; empty: from anywhere",
  examples: [["203.0.113.0/24"]],
} as const;
export const time = { type: "string", format: "date-time", examples: ["2026-11-28T09:30:00.000Z"] } as const;
export const timeOrNull = { type: ["string", "null"], format: "date-time" } as const;
export const standing = { enum: ["active", "deactivated"] } as const;
export const access = { enum: ["full", "read_only"] } as const;
export const role = { enum: ROLES } as const;
/** The core checks names and explains what is wrong; this only bounds their length. */
export const name = { type: "string", maxLength: 1000, examples: ["shop"] } as const;
/** What people note about something; the core checks it. */
export const note = { type: ["string", "null"], maxLength: 1000 } as const;
/** The members of accounts and API users that people note, as the API shows them. */
export const notes = {
  description: { ...note, description: "What it is for" },
  contact: { ...note, description: "Whom to ask about it, such as an e-mail address or a channel" },
} as const;
export const archivedAt = {
  type: ["string", "null"],
  format: "date-time",
  description: "When it was archived: out of the lists, and deactivated; null if it isn't",
} as const;
export const secret = { type: "string", minLength: 1, maxLength: 500, examples: ["…"] } as const;
export const email = { type: "string", maxLength: 320, examples: ["ann@example.com"] } as const;
/** WebAuthn's own JSON (RegistrationResponseJSON and its like), which its library checks. */
export const webauthn = {
  type: "object",
  additionalProperties: true,
  examples: [{ id: "…", type: "public-key" }],
} as const;

type Properties = Readonly<Record<string, unknown>>;

/** A schema with the value that the documentation shows for it. Values that look like secrets end in an ellipsis. */
export function sample<const S extends object>(schema: S, value: unknown) {
  return { ...schema, examples: [value] } as const;
}

/** An object whose members are all required. */
export function object<const P extends Properties>(properties: P) {
  return {
    type: "object",
    properties,
    required: Object.keys(properties) as (keyof P & string)[],
    additionalProperties: false,
  } as const;
}

/** An object with optional members. */
export function objectWith<const P extends Properties, const R extends keyof P & string>(
  required: readonly R[],
  properties: P,
) {
  return { type: "object", properties, required, additionalProperties: false } as const;
}

/**
 * A change of a resource: the members that can be changed, and the read-only others, which a client may send back unchanged.
 */
export function patchOf<
  const Whole extends Properties,
  const P extends Properties,
  const R extends keyof P & string = never,
>(whole: { readonly properties: Whole }, changeable: P, required: readonly R[] = []) {
  const unchanged = Object.fromEntries(
    Object.entries(whole.properties)
      .filter(([member]) => !(member in changeable))
      .map(([member, shown]) => [member, { ...(shown as object), ...READ_ONLY }]),
  ) as { readonly [Member in Exclude<keyof Whole, keyof P>]: Whole[Member] };
  return objectWith<typeof unchanged & P, R>(required, { ...unchanged, ...changeable });
}

const READ_ONLY = { description: "Read-only; leave it out, or send it back unchanged" } as const;

/** The members that a {@link patchOf} schema lets a client change. */
export function changeableOf({ properties }: { readonly properties: Properties }): readonly string[] {
  return Object.keys(properties).filter(
    (member) => (properties[member] as Partial<typeof READ_ONLY>).description !== READ_ONLY.description,
  );
}

export const Nothing = object({});

/** The members of a list's query that choose a page. */
export const page = {
  limit: { type: "integer", minimum: 1, maximum: PAGE_ITEMS_MAX, default: PAGE_ITEMS_DEFAULT },
  cursor: { type: "string", maxLength: 500, description: "A cursor from meta.next or meta.previous" },
} as const;
export const PageQuery = objectWith([], page);

/** The member of a list's query that turns its order around. */
export const direction = { enum: ["ascending", "descending"] } as const;

/** What a search looks for. */
export const search = { type: "string", maxLength: 200 } as const;
/** The shortname of an account to which a list is narrowed. */
export const shortname = { type: "string", maxLength: 100, examples: ["acme"] } as const;

export const id = { type: "integer", minimum: 1, maximum: 2 ** 31 - 1 } as const;
export const IdParam = object({ id });

export const password = {
  type: "string",
  maxLength: PASSWORD_CHARACTERS_MAX * 4,
  examples: ["a long passphrase of your own"],
} as const;

/** Reads a time that the schema {@link time} has accepted. @returns milliseconds since the epoch */
export function parseTime(text: string): number {
  return Date.parse(text);
}
