import { AjvCompiler } from "@fastify/ajv-compiler";
import type { FastifyInstance, FastifySchemaValidationError } from "fastify";
import { editDistance } from "../../../core/edit-distance.ts";
import { type FieldProblem, Refusal } from "../../../core/refusal.ts";

// With verbose, a problem comes with the schema around it, which names what is allowed.
const VALIDATION = { allErrors: true, removeAdditional: false, useDefaults: true, verbose: true } as const;

type ValidatorCompiler = Parameters<FastifyInstance["setValidatorCompiler"]>[0];

/**
 * Compiles each schema when it is first used: compiling all of them at the start would cost every node a tenth of a second and
 * 20 MiB, whether it is ever administered or not.
 */
export function compileWhenNeeded(): ValidatorCompiler {
  // Parameters are text and are converted to the schema's type; the members of a body aren't converted. Both compilers are made
  // now, because they load a module, which a process without a free descriptor can't do: the first change would fail.
  const compilers = {
    text: AjvCompiler()({}, { customOptions: { ...VALIDATION, coerceTypes: true } }),
    json: AjvCompiler()({}, { customOptions: { ...VALIDATION, coerceTypes: false } }),
  };
  return (part) => {
    // The compiler takes the whole definition, whatever its type says.
    const validator = lazily(() => compilers[part.httpPart === "body" ? "json" : "text"](part) as ValidateFunction);
    const validate: ValidateFunction = (value) => {
      const isValid = validator()(value);
      validate.errors = validator().errors;
      return isValid;
    };
    return validate as ReturnType<ValidatorCompiler>;
  };
}

interface ValidateFunction {
  (value: unknown): boolean;
  errors?: unknown;
}

function lazily<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** The parts of a request by Fastify's names, for messages. */
const PART_NAMES: Readonly<Record<string, string>> = { body: "body", querystring: "query", params: "path" };

/** The problems that a schema found, field by field. A message never repeats a value: it may be a secret in the wrong place. */
export function schemaRefusal(errors: readonly FastifySchemaValidationError[], part: string): Refusal {
  const fields: FieldProblem[] = [];
  for (const error of errors) {
    const { instancePath, keyword, params } = error;
    const member = params["missingProperty"] ?? params["additionalProperty"];
    const field = typeof member === "string" && isPlainName(member) ? `${instancePath}/${member}` : instancePath;
    // Each branch of an alternative reports a problem; one for the field is enough.
    if (fields.some((problem) => problem.field === field)) continue;
    const { data } = error as { readonly data?: unknown };
    const isEmpty = field === "" && keyword === "type" && data === null;
    const message = isEmpty
      ? "The body is empty or null; a JSON object is expected."
      : fieldMessage(field, keyword, params, PART_NAMES[part] ?? part);
    const isExplained = keyword === "additionalProperties" && fields.length < EXPLAINED_MAX;
    fields.push({ field, message: isExplained ? `${message.slice(0, -1)}; ${whatIsKnown(error, member)}` : message });
  }
  return new Refusal("field_invalid", fields[0]?.message ?? "A field isn't valid.", { fields });
}

/** How many unknown members are compared with the known ones: a body may have thousands. */
const EXPLAINED_MAX = 5;

/** Which member was meant, or else which there are. */
function whatIsKnown(error: object, given: unknown): string {
  const { parentSchema } = error as { readonly parentSchema?: { readonly properties?: object } };
  const known = Object.keys(parentSchema?.properties ?? {});
  if (typeof given === "string" && isPlainName(given)) {
    const distances = known.map((name) => ({ name, distance: editDistance(given, name) }));
    const nearest = distances.toSorted((a, b) => a.distance - b.distance)[0];
    if (nearest !== undefined && nearest.distance <= Math.max(1, Math.floor(given.length / 3))) {
      return `did you mean "${nearest.name}"?`;
    }
  }
  return known.length === 0 ? "nothing is known here." : `known are ${known.join(", ")}.`;
}

function isPlainName(name: string): boolean {
  return /^[a-z_]{1,40}$/.test(name);
}

/** `a string or null`. */
function typeNames(types: unknown): string {
  const names: Readonly<Record<string, string>> = {
    string: "a string",
    integer: "a whole number",
    boolean: "true or false",
    object: "an object",
    array: "a list",
  };
  // Ajv joins several names with commas.
  return String(types)
    .split(",")
    .map((type) => names[type] ?? type)
    .join(" or ");
}

function fieldMessage(field: string, keyword: string, params: Readonly<Record<string, unknown>>, part: string): string {
  const name = field === "" ? `The ${part}` : `"${field.slice(1)}"`;
  const limit = String(params["limit"]);
  switch (keyword) {
    case "required":
      return `${name} is missing.`;
    case "additionalProperties":
      return field === "" ? `The ${part} has a member that isn't known here.` : `${name} isn't known here.`;
    case "type":
      return field === "" ? `${name} must be a JSON object.` : `${name} must be ${typeNames(params["type"])}.`;
    case "enum":
      return `${name} must be one of ${(params["allowedValues"] as readonly unknown[]).join(", ")}.`;
    case "minLength":
      return `${name} must have at least ${limit} character(s).`;
    case "maxLength":
      return `${name} must have at most ${limit} characters.`;
    case "uniqueItems":
      return `${name} has the same item twice.`;
    case "minItems":
      return `${name} must have at least ${limit} item(s).`;
    case "maxItems":
      return `${name} must have at most ${limit} items.`;
    case "minimum":
      return `${name} must be at least ${limit}.`;
    case "maximum":
      return `${name} must be at most ${limit}.`;
    case "format":
      return `${name} must be a time in RFC 3339, such as 2026-12-31T23:59:59Z.`;
    default:
      return `${name} isn't valid.`;
  }
}
