import type { Config } from "../../config/config.ts";
import { databasePasswords } from "../../config/database-url.ts";

/** The configured secrets, in the spellings in which a message could repeat them. */
export function secretsOf(config: Config): readonly string[] {
  const { masterSecrets = [], databaseUrl, databaseListenUrl, oidcClientSecret = "" } = config;
  const passwords = [databaseUrl, databaseListenUrl].flatMap((url) =>
    url === undefined ? [] : databasePasswords(url),
  );
  const texts = masterSecrets.flatMap((secret) => [secret.toString("base64"), secret.toString("hex")]);
  return [...texts, ...passwords, oidcClientSecret];
}
