import type { X509Certificate } from "node:crypto";
import { connect, getCACertificates } from "node:tls";
import type { CertificateFacts } from "../../core/doctor/checks/check-certificates.ts";
import { readTlsFiles, type TlsFileAccess, type TlsFileNames } from "../tls-files.ts";
import { describeConnectionError } from "./http-ask.ts";

const HANDSHAKE_MS_MAX = 5000;

/** Reads the certificate that a server shows for a URL's host. */
export function readServerCertificate(url: string): Promise<CertificateFacts> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const name = `the certificate of ${url}`;
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: port === "" ? 443 : Number(port),
      ...(/^[0-9.]+$|:/.test(host) ? {} : { servername: host }),
      rejectUnauthorized: false,
      // As clients that trust the system's authorities do; the default ones include NODE_EXTRA_CA_CERTS.
      ca: [...getCACertificates("default"), ...getCACertificates("system")],
    });
    const end = (facts: CertificateFacts) => {
      socket.destroy();
      resolve(facts);
    };
    socket.setTimeout(HANDSHAKE_MS_MAX, () => end({ name, problem: "can't be read: the handshake took too long" }));
    socket.on("error", (error) => end({ name, problem: `can't be read: ${describeConnectionError(error)}` }));
    socket.on("secureConnect", () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined) end({ name, problem: "can't be read: the server shows none" });
      else end({ name, ...factsOf(certificate), ...problemsOf(certificate, host, socket.authorizationError) });
    });
  });
}

/** Node's verification names one problem; the name and the dates are checked by themselves. */
function problemsOf(
  certificate: X509Certificate,
  host: string,
  verification: Error | string | null | undefined,
): Pick<CertificateFacts, "nameProblem" | "trustProblem"> {
  const isIp = /^[0-9.]+$|:/.test(host);
  const fits = isIp ? certificate.checkIP(host) : certificate.checkHost(host);
  // Depending on the problem it is an error or its code.
  const code =
    verification instanceof Error ? ((verification as NodeJS.ErrnoException).code ?? "") : (verification ?? "");
  const isOther = ["", "ERR_TLS_CERT_ALTNAME_INVALID", "CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"].includes(code);
  return {
    nameProblem: fits === undefined ? `it isn't valid for ${host}` : undefined,
    trustProblem: isOther ? undefined : code.toLowerCase().replaceAll("_", " "),
  };
}

function factsOf(certificate: X509Certificate): Pick<CertificateFacts, "validFromMs" | "validToMs"> {
  return { validFromMs: Date.parse(certificate.validFrom), validToMs: Date.parse(certificate.validTo) };
}

/**
 * Reads the TLS files of a listener, as the listener does, but reports an expired certificate like any other. The authorities of
 * client certificates follow its own.
 */
export function readCertificateFiles(names: TlsFileNames, access: TlsFileAccess): readonly CertificateFacts[] {
  const name = `the certificate in ${names.cert.variable}`;
  try {
    const { validFromMs, expiresAtMs, clientAuthorities } = readTlsFiles(names, access, Number.NEGATIVE_INFINITY);
    const authorities = clientAuthorities.map((authority) => ({
      name: `the authority ${nameOf(authority)} in ${names.clientCa?.variable ?? ""}`,
      ...factsOf(authority),
    }));
    return [{ name, validFromMs, validToMs: expiresAtMs }, ...authorities];
  } catch (error) {
    return [{ name, problem: `can't be used: ${error instanceof Error ? error.message : "unknown problem"}` }];
  }
}

/** Its common name; the whole subject on one line if it has none. */
function nameOf({ subject }: X509Certificate): string {
  return /^CN=(.+)$/m.exec(subject)?.[1] ?? subject.replaceAll("\n", ", ");
}
