/**
 * Certificates for tests, made by the program openssl: an authority with an intermediate one, and what they sign.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Requirement } from "../../../../test/testkit/requirements.ts";

export const OPENSSL: Requirement = { name: "openssl", debianPackages: "openssl", probes: [["openssl", "version"]] };

/** A certificate and its key, as files and as PEM. */
export interface IssuedCertificate {
  /** The certificate, and after it the one of the intermediate authority. */
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

export interface TestAuthority {
  /** The root's certificate. */
  readonly file: string;
  readonly cert: string;
  /** @param algorithm as `openssl genpkey` names it, such as `RSA`, `EC` or `ED25519` */
  issue(name: string, algorithm?: string): IssuedCertificate;
}

/** @param folder for the files */
export function createTestAuthority(folder: string, name = "Test Authority"): TestAuthority {
  const openssl = (...args: string[]) =>
    execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
  const fileOf = (file: string) => join(folder, file);
  const id = randomBytes(4).toString("hex");
  const [root, middle] = [`root-${id}`, `middle-${id}`];

  function makeKey(file: string, algorithm: string): void {
    const options = algorithm === "EC" ? ["-pkeyopt", "ec_paramgen_curve:P-256"] : [];
    openssl("genpkey", "-algorithm", algorithm, ...options, "-out", `${file}.key`);
    chmodSync(fileOf(`${file}.key`), 0o600);
  }

  function sign(file: string, subject: string, by: string, extensions: string): void {
    openssl("req", "-new", "-key", `${file}.key`, "-subj", `/CN=${subject}`, "-out", `${file}.csr`);
    writeFileSync(fileOf(`${file}.ext`), extensions);
    const serial = `0x01${randomBytes(8).toString("hex")}`;
    const signer = ["-CA", `${by}.pem`, "-CAkey", `${by}.key`, "-set_serial", serial, "-days", "30"];
    openssl("x509", "-req", "-in", `${file}.csr`, ...signer, "-extfile", `${file}.ext`, "-out", `${file}.pem`);
  }

  makeKey(root, "EC");
  openssl("req", "-x509", "-key", `${root}.key`, "-subj", `/CN=${name}`, "-days", "30", "-out", `${root}.pem`);
  makeKey(middle, "EC");
  sign(middle, `${name} 2`, root, "basicConstraints=critical,CA:TRUE");

  return {
    file: fileOf(`${root}.pem`),
    cert: readFileSync(fileOf(`${root}.pem`), "utf8"),
    issue(subject, algorithm = "EC") {
      const file = `${subject}-${randomBytes(4).toString("hex")}`;
      makeKey(file, algorithm);
      sign(file, subject, middle, `subjectAltName=DNS:localhost,DNS:${subject},IP:127.0.0.1`);
      const cert = readFileSync(fileOf(`${file}.pem`), "utf8") + readFileSync(fileOf(`${middle}.pem`), "utf8");
      writeFileSync(fileOf(`${file}.pem`), cert);
      const keyFile = fileOf(`${file}.key`);
      return { certFile: fileOf(`${file}.pem`), keyFile, cert, key: readFileSync(keyFile, "utf8") };
    },
  };
}
