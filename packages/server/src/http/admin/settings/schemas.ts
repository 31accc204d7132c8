import { flag, object, text, textOrNull } from "../http/schema.ts";

export const Setting = object({
  name: text,
  group: { ...text, description: "The title of the group that docs/configuration.md lists it in" },
  variable: text,
  value: { ...textOrNull, description: "null if not set; secrets are masked" },
  default: text,
  meaning: text,
  secret: flag,
});
