import { flag, object, text, textOrNull } from "../http/schema.ts";

export const Setting = object({
  name: text,
  group: { ...text, description: "The title of the group that docs/configuration.md lists it in" },
  variable: text,
  value: { ...textOrNull, description: "null if not set; secrets are masked" },
  effective: {
    ...textOrNull,
    description:
      "What holds although value is null, such as the URL that follows from other settings; null if the default says it",
  },
  default: text,
  meaning: text,
  secret: flag,
});
