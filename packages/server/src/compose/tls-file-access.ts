import type { Config } from "../config/config.ts";
import type { TlsFileAccess } from "../platform/tls-files.ts";

/** Who may access the TLS listeners' private keys. systemd's credentials are in a folder that only the environment names. */
export function tlsFileAccess({ secretFileAccess }: Pick<Config, "secretFileAccess">): TlsFileAccess {
  return { access: secretFileAccess, credentials: process.env["CREDENTIALS_DIRECTORY"] };
}
