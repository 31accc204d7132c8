import {
  sample,
  access,
  count,
  countOrNull,
  flag,
  name,
  networks,
  note,
  notes,
  object,
  objectWith,
  shortname,
  standing,
  textOrNull,
  time,
} from "../http/schema.ts";
import { NewKey } from "../keys/schemas.ts";

/** The most rows of one request: what is examined and written in a few seconds. */
export const IMPORTED_ROWS_MAX = 500;

export const ImportRow = objectWith(["name"], {
  account: name,
  name,
  access,
  status: standing,
  may_rotate: flag,
  networks,
  public_key: { ...NewKey.properties.public_key, description: "Without it, the row has no key" },
  label: name,
  expires_at: time,
  key_status: standing,
  key_networks: networks,
  display_name: note,
  ...notes,
});

export const NewImport = objectWith(["rows"], {
  account: { ...name, description: "The account of all rows; without it, each row names its own" },
  rows: {
    type: "array",
    items: ImportRow,
    minItems: 1,
    maxItems: IMPORTED_ROWS_MAX,
    examples: [[{ account: "acme", name: "shop" }]],
  },
  dry_run: {
    ...flag,
    description:
      "true: examine and check everything, and change nothing. The answer says what would become of each row",
  },
});

export const ImportResult = object({
  rows: {
    type: "array",
    description: "What became of each row, in their order",
    items: object({
      outcome: { enum: ["created", "key_added", "unchanged", "refused"] },
      username: sample(textOrNull, "api-1-shop"),
      key_id: {
        ...sample(countOrNull, 1),
        description: "In a dry run, null for a key that would be added",
      },
      code: { ...textOrNull, description: "Of the refusal" },
      message: textOrNull,
    }),
  },
  refused: sample(count, 0),
});

export const UsersExportQuery = objectWith(["format"], {
  format: { enum: ["csv", "jsonl"] },
  account: { ...shortname, description: "The account to export alone; by default the caller's" },
});
