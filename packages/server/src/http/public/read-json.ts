import type { IncomingMessage } from "node:http";
import { fieldRefusal, Refusal } from "../../core/refusal.ts";
import { jsonProblem, syntaxRefusal, textProblem } from "../server/json-text.ts";
import { readBody } from "./read-body.ts";

/** The members of a JSON object. Their types aren't checked. */
export type JsonMembers = Readonly<Record<string, unknown>>;

/**
 * Reads a request's body as a flat JSON object that has no members but these. No message quotes it.
 *
 * @throws {Refusal} `media_type_unsupported`, `body_too_large`; `bad_request` for a body that is cut off, isn't JSON in UTF-8, names
 *   a member twice or isn't an object; `field_invalid` for an unknown member, or a value that is an object or array
 */
export async function readJsonObject(
  request: IncomingMessage,
  bytesMax: number,
  members: readonly string[],
): Promise<JsonMembers> {
  const type = request.headers["content-type"] ?? "";
  if (!/^application\/json *(?:;|$)/i.test(type)) {
    const message = type === "" ? "The body has no Content-Type." : "The body's Content-Type isn't application/json.";
    throw new Refusal("media_type_unsupported", message, {
      hint: "Send Content-Type: application/json.",
    });
  }
  const bytes = Buffer.from(await readBody(request, bytesMax), "latin1");
  const problem = textProblem(type, bytes);
  if (problem !== undefined) throw problem;
  return parseObject(bytes.toString("utf8"), members);
}

function parseObject(json: string, members: readonly string[]): JsonMembers {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw syntaxRefusal(json) ?? new Refusal("bad_request", "The body isn't JSON.");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Refusal("bad_request", "The body isn't a JSON object.");
  }
  const object = value as JsonMembers;
  // First, because the check of a nested value's text is recursive.
  for (const [name, member] of Object.entries(object)) {
    if (!members.includes(name)) throw unknownMember(name, members);
    if (typeof member === "object" && member !== null) throw memberRefusal(name, "is an object or array");
  }
  const problem = jsonProblem(json, object);
  if (problem !== undefined) throw problem;
  return object;
}

/** Quotes the name only if it looks like one: it may be a secret in the wrong place. */
function unknownMember(name: string, known: readonly string[]): Refusal {
  const takes = `known are ${known.join(", ")}`;
  return /^[a-z_]{1,40}$/.test(name) && !name.startsWith("__")
    ? memberRefusal(name, `isn't known here; ${takes}`)
    : new Refusal("field_invalid", `The body has a member that isn't known here; ${takes}.`);
}

/** The text of a member. @throws {Refusal} `field_invalid` if it is missing, empty or not a string */
export function requiredText(object: JsonMembers, name: string): string {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  if (typeof value === "string" && value !== "") return value;
  throw memberRefusal(name, value === undefined ? "is missing" : "must be a text");
}

/** The refusal of a member. @param problem what is wrong, as the rest of the sentence */
export function memberRefusal(name: string, problem: string): Refusal {
  return fieldRefusal("field_invalid", `${name} ${problem}.`, name);
}
