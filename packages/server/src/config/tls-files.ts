import type { TlsFileNames } from "../platform/tls-files.ts";
import { type Config, SETTINGS } from "./config.ts";

/** The public listener's TLS files; `undefined` if it speaks plain HTTP. */
export function publicTlsFiles({ tlsCertFile, tlsKeyFile, tlsClientCaFile }: Config): TlsFileNames | undefined {
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined;
  return {
    cert: { variable: SETTINGS.tlsCertFile.variable, path: tlsCertFile },
    key: { variable: SETTINGS.tlsKeyFile.variable, path: tlsKeyFile },
    clientCa:
      tlsClientCaFile === undefined
        ? undefined
        : { variable: SETTINGS.tlsClientCaFile.variable, path: tlsClientCaFile },
  };
}

/** The internal listener's TLS files; `undefined` if it speaks plain HTTP. Operators sign in, so it asks for no client certificate. */
export function internalTlsFiles({ adminTlsCertFile, adminTlsKeyFile }: Config): TlsFileNames | undefined {
  if (adminTlsCertFile === undefined || adminTlsKeyFile === undefined) return undefined;
  return {
    cert: { variable: SETTINGS.adminTlsCertFile.variable, path: adminTlsCertFile },
    key: { variable: SETTINGS.adminTlsKeyFile.variable, path: adminTlsKeyFile },
    clientCa: undefined,
  };
}
