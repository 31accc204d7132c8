import { createHash, createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { OperatorError } from "../core/operator-error.ts";
import { errorCode } from "./error-code.ts";
import {
  readGuardedFile,
  readPublicFile,
  readSecretFile,
  type SecretFileAccess,
  SecretFileError,
} from "./secret-file.ts";

/** The files of a TLS listener, and the names of the settings that name them. */
export interface TlsFileNames {
  readonly cert: NamedFile;
  readonly key: NamedFile;
  /** The authorities whose certificates identify gateways. */
  readonly clientCa: NamedFile | undefined;
}

interface NamedFile {
  readonly variable: string;
  readonly path: string;
}

/** How secret files may be shared; see {@link readSecretFile}. */
export interface TlsFileAccess {
  readonly access: SecretFileAccess;
  readonly credentials: string | undefined;
}

/** What a TLS listener needs, read and checked. */
export interface TlsFiles {
  /** PEM: the listener's own certificate first, then those that lead to its authority. */
  readonly cert: string;
  /** PEM, not encrypted. */
  readonly key: string;
  /** PEM: the authorities of client certificates. */
  readonly clientCa: string | undefined;
  /** A hash of {@link clientCa}. */
  readonly clientCaHash: string | undefined;
  readonly clientAuthorities: readonly X509Certificate[];
  readonly validFromMs: number;
  readonly expiresAtMs: number;
  /** The subject's alternative names, for the log. */
  readonly names: string;
}

/** A file is unsuitable. The message names the setting and the problem, and shows nothing of the file. */
export class TlsFileError extends OperatorError {
  override readonly name = "TlsFileError";

  constructor({ variable }: NamedFile, problem: string) {
    super(`${variable}: the file ${problem}`);
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The private key in a file that may hold certificates, too. */
const PRIVATE_KEY = /-----BEGIN ([A-Z ]*)PRIVATE KEY-----[^]+?-----END \1PRIVATE KEY-----/;

/**
 * Reads and checks a listener's certificate, its private key and the authorities of client certificates. What it returns can be used
 * for a TLS listener.
 *
 * @param nowMs a certificate that has expired by then is refused; at equality it has expired
 * @throws {TlsFileError}
 */
export function readTlsFiles(names: TlsFileNames, { access, credentials }: TlsFileAccess, nowMs: number): TlsFiles {
  const certificates = parseCertificates(names.cert, read(names.cert, readPublicFile));
  const [own] = certificates;
  const key = parseKey(
    names.key,
    read(names.key, (path) => readSecretFile(path, access, true, credentials)),
  );
  if (!own.checkPrivateKey(key.object)) {
    throw new TlsFileError(
      names.key,
      `holds another key than the first certificate in ${names.cert.variable} was made for`,
    );
  }
  const expiresAtMs = own.validToDate.getTime();
  if (expiresAtMs <= nowMs) {
    throw new TlsFileError(
      names.cert,
      `holds a certificate that expired at ${own.validToDate.toISOString()}; renew it`,
    );
  }
  const { clientCa } = names;
  const clientAuthorities =
    clientCa &&
    parseCertificates(
      clientCa,
      read(clientCa, (path) => readGuardedFile(path, access)),
    );
  const authorities = clientAuthorities && joined(clientAuthorities);
  const files: TlsFiles = {
    cert: joined(certificates),
    key: key.pem,
    clientCa: authorities,
    clientCaHash: authorities && createHash("sha256").update(authorities).digest("hex"),
    clientAuthorities: clientAuthorities ?? [],
    validFromMs: own.validFromDate.getTime(),
    expiresAtMs,
    names: own.subjectAltName ?? own.subject,
  };
  requireUsable(names.cert, files);
  return files;
}

function read(file: NamedFile, reader: (path: string) => string): string {
  try {
    return reader(file.path);
  } catch (error) {
    if (!(error instanceof SecretFileError)) throw error;
    throw new TlsFileError(file, `${error.message}${error.isUnreadable ? "; name a readable file" : ""}`);
  }
}

function parseCertificates(file: NamedFile, text: string): readonly [X509Certificate, ...X509Certificate[]] {
  const [first, ...others] = text.match(CERTIFICATE) ?? [];
  if (first === undefined)
    throw new TlsFileError(file, "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
  const parse = (pem: string, index: number) => {
    try {
      return new X509Certificate(pem);
    } catch {
      throw new TlsFileError(file, `is damaged: certificate ${index + 1} can't be read`);
    }
  };
  return [parse(first, 0), ...others.map((pem, index) => parse(pem, index + 1))];
}

function parseKey(file: NamedFile, text: string): { readonly object: KeyObject; readonly pem: string } {
  const [pem, kind] = PRIVATE_KEY.exec(text) ?? [];
  if (pem === undefined) {
    throw new TlsFileError(file, "holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)");
  }
  if (kind?.startsWith("ENCRYPTED") === true || /^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    throw new TlsFileError(
      file,
      "holds an encrypted key; decrypt it, for example by: openssl pkey -in key.pem -out plain.pem",
    );
  }
  try {
    return { object: createPrivateKey(pem), pem };
  } catch {
    throw new TlsFileError(file, "is damaged: the private key can't be read");
  }
}

/** OpenSSL refuses some keys and signatures as too weak only here. */
function requireUsable(cert: NamedFile, files: TlsFiles): void {
  try {
    createSecureContext({ cert: files.cert, key: files.key, ca: files.clientCa });
  } catch (error) {
    throw new TlsFileError(cert, `holds a certificate that can't be used (${errorCode(error)})`);
  }
}

function joined(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString()).join("");
}
