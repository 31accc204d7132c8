import type { Config } from "./config.ts";
import { databasePasswords } from "./database-url.ts";

/** The configured secrets, in every encoding in which they are set or used. */
export function secretsOf(config: Config): readonly string[] {
  const { masterSecrets = [], databaseUrl, databaseListenUrl, oidcClientSecret = "", adminToken = "" } = config;
  const passwords = [databaseUrl, databaseListenUrl].flatMap((url) =>
    url === undefined ? [] : databasePasswords(url),
  );
  const texts = masterSecrets.flatMap((secret) => [secret.toString("base64"), secret.toString("hex")]);
  return [...texts, ...passwords, oidcClientSecret, adminToken];
}
