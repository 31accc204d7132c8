import { parsePath } from "../check-text.ts";
import { setting } from "./setting.ts";

const optionalPath = (text: string | undefined) => (text === undefined ? undefined : parsePath(text));

/** TLS in this process, without a proxy. Changed files are read again without a restart. */
export const TLS_SETTINGS = {
  tlsCertFile: setting({
    variable: "COUNTERSIGN_TLS_CERT_FILE",
    flag: "--tls-cert-file <file>",
    default: "none: the public listener speaks plain HTTP",
    meaning: "the public listener's certificate and those that lead to its authority, in PEM form",
    parse: optionalPath,
  }),
  tlsKeyFile: setting({
    variable: "COUNTERSIGN_TLS_KEY_FILE",
    flag: "--tls-key-file <file>",
    default: "none",
    meaning: "its private key, in PEM form and not encrypted; closed to other users",
    parse: optionalPath,
  }),
  tlsClientCaFile: setting({
    variable: "COUNTERSIGN_TLS_CLIENT_CA_FILE",
    flag: "--tls-client-ca-file <file>",
    default: "none: anyone who has a token can have it checked",
    meaning:
      "authorities of gateways' client certificates, in PEM form: only a gateway with such a certificate may use the check, and its X-Forwarded-* headers are trusted",
    parse: optionalPath,
  }),
  adminTlsCertFile: setting({
    variable: "COUNTERSIGN_ADMIN_TLS_CERT_FILE",
    flag: "--admin-tls-cert-file <file>",
    default: "none: the internal listener speaks plain HTTP",
    meaning: "the same for the internal listener; may be the same file",
    parse: optionalPath,
  }),
  adminTlsKeyFile: setting({
    variable: "COUNTERSIGN_ADMIN_TLS_KEY_FILE",
    flag: "--admin-tls-key-file <file>",
    default: "none",
    meaning: "the same for the internal listener; may be the same file",
    parse: optionalPath,
  }),
} as const;
