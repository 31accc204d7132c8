import type { ExportedRegistry } from "./export-registry.ts";
import { SCHEMA_FILE } from "./schema.ts";

/** Editors with yaml-language-server complete the document by the schema that this line names. */
const HEADER = `# yaml-language-server: $schema=${SCHEMA_FILE}\n`;

/** Words that YAML 1.1 or 1.2 reads as something else than a text. */
const NOT_TEXT = /^(?:true|false|null|yes|no|on|off|y|n)$/i;

/** A member with a list in it. */
type Members = Readonly<Record<string, unknown>>;

/** Writes a document as YAML, in pieces of a few lines. */
export async function* formatYaml(registry: ExportedRegistry): AsyncGenerator<string> {
  const { accounts, ...rest } = registry;
  yield HEADER;
  for (const [member, value] of Object.entries(rest)) {
    if (!Array.isArray(value)) yield `${member}: ${scalar(value)}\n`;
  }
  yield accounts.length === 0 ? "accounts: []\n" : "accounts:\n";
  for (const { users, ...account } of accounts) {
    yield yamlItem(account, "  ");
    let isEmpty = true;
    for await (const user of users) {
      if (isEmpty) yield "    users:\n";
      isEmpty = false;
      yield yamlItem(user, "      ");
    }
    if (isEmpty) yield "    users: []\n";
  }
  for (const [member, value] of Object.entries(rest)) {
    if (!Array.isArray(value)) continue;
    yield value.length === 0 ? `${member}: []\n` : `${member}:\n`;
    for (const item of value as readonly Members[]) yield yamlItem(item, "  ");
  }
}

/** Writes a document as JSON, in pieces; without white space between its members. */
export async function* formatJson({ version, account, accounts, ...rest }: ExportedRegistry): AsyncGenerator<string> {
  yield JSON.stringify({ version, account }).slice(0, -1);
  yield ',"accounts":[';
  for (const [index, { users, ...members }] of accounts.entries()) {
    yield `${index === 0 ? "" : ","}${JSON.stringify(members).slice(0, -1)},"users":[`;
    let separator = "";
    for await (const user of users) {
      yield separator + JSON.stringify(user);
      separator = ",";
    }
    yield "]}";
  }
  yield `]${Object.entries(rest)
    .map(([member, value]) => `,${JSON.stringify(member)}:${JSON.stringify(value)}`)
    .join("")}}`;
}

/** An item of a list: its first member after a dash, the others below. */
function yamlItem(item: Members, indent: string): string {
  const lines = Object.entries(item).map(([member, value]) => yamlMember(member, value, `${indent}  `));
  return `${indent}- ${lines.join("").slice(indent.length + 2)}`;
}

function yamlMember(member: string, value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    if (!value.some((each) => typeof each === "object")) {
      return `${indent}${member}: [${value.map(scalar).join(", ")}]\n`;
    }
    return `${indent}${member}:\n${(value as readonly Members[]).map((each) => yamlItem(each, `${indent}  `)).join("")}`;
  }
  if (typeof value === "string" && value.includes("\n")) {
    // A PEM text; it ends with a line break, has no other white space, and no line of it is empty.
    return `${indent}${member}: |\n${value.replaceAll(/^(?=.)/gm, `${indent}  `)}`;
  }
  return `${indent}${member}: ${scalar(value)}\n`;
}

/** A text without quotes where every reader of YAML takes it as one. JSON is YAML. */
function scalar(value: unknown): string {
  if (typeof value === "string" && /^[A-Za-z][A-Za-z0-9._@-]*$/.test(value) && !NOT_TEXT.test(value)) return value;
  return JSON.stringify(value);
}
