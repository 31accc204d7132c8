import { flag, object, text, textOrNull } from "../http/schema.ts";

export const Setting = object({
  name: text,
  variable: text,
  value: { ...textOrNull, description: "null where it isn't set; a secret is masked" },
  default: text,
  meaning: text,
  secret: flag,
});
