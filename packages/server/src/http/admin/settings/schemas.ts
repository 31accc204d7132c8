import { sample, flag, object, text, textOrNull } from "../http/schema.ts";

export const Setting = object({
  name: sample(text, "refusalLimit"),
  group: { ...sample(text, "Limits"), description: "The title of the group that docs/configuration.md lists it in" },
  variable: sample(text, "COUNTERSIGN_REFUSAL_LIMIT"),
  value: { ...textOrNull, description: "null if not set; secrets are masked" },
  effective: {
    ...textOrNull,
    description:
      "What holds although value is null, such as the URL that follows from other settings; null if the default says it",
  },
  default: sample(text, "600"),
  meaning: sample(text, "refused requests per minute and client address"),
  secret: flag,
});
