import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { findMissing, IS_CI } from "../../../../test/testkit/requirements.ts";
import { createTestAuthority, OPENSSL } from "../testing/certificates.ts";
import { makeTemporaryFolder } from "../testing/test-registry.ts";
import { readTlsFiles } from "./tls-files.ts";

const missing = await findMissing(OPENSSL);

describe("the files of a TLS listener", { skip: IS_CI ? false : (missing ?? false) }, () => {
  const folder = makeTemporaryFolder();
  const authority = createTestAuthority(folder.path);
  const own = authority.issue("auth.example");
  const other = authority.issue("other.example");
  const access = { access: "owner", credentials: undefined } as const;

  function read(certFile: string, keyFile: string, clientCaFile?: string, nowMs = Date.now()) {
    const names = {
      cert: { variable: "CERT", path: certFile },
      key: { variable: "KEY", path: keyFile },
      clientCa: clientCaFile === undefined ? undefined : { variable: "CA", path: clientCaFile },
    };
    return readTlsFiles(names, access, nowMs);
  }

  function write(name: string, text: string, mode = 0o600): string {
    const file = folder.file(name);
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  }

  function openssl(...args: string[]): string {
    return execFileSync("openssl", args, { cwd: folder.path, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  }

  test("may hold any usual kind of key, and certificates that lead to the authority", () => {
    for (const algorithm of ["RSA", "EC", "ED25519"]) {
      const { certFile, keyFile } = authority.issue(`${algorithm.toLowerCase()}.example`, algorithm);
      const files = read(certFile, keyFile);
      assert.equal(files.cert.match(/BEGIN CERTIFICATE/g)?.length, 2, algorithm);
      assert.match(files.names, new RegExp(`DNS:${algorithm.toLowerCase()}\\.example`));
    }
  });

  test("may hold the key in its traditional form, beside other text, and in one file with the certificates", () => {
    const traditional = openssl("pkey", "-in", own.keyFile, "-traditional");
    assert.match(traditional, /BEGIN EC PRIVATE KEY/);
    read(own.certFile, write("traditional.pem", `Some text\n${traditional}`));
    const both = write("both.pem", own.key + own.cert);
    assert.equal(read(both, both).cert, read(own.certFile, own.keyFile).cert);
  });

  test("may be links, as Kubernetes and certbot make them", () => {
    symlinkSync(own.keyFile, folder.file("link.key"));
    symlinkSync(own.certFile, folder.file("link.pem"));
    read(folder.file("link.pem"), folder.file("link.key"));
  });

  test("are refused in one line that names the setting and shows nothing of the file", () => {
    const encrypted = openssl("pkey", "-in", own.keyFile, "-aes256", "-passout", "pass:secret");
    const text = write("text.pem", "not a certificate");
    const damaged = write("damaged.pem", own.cert.replace(/\n.{20}/, `\n${"A".repeat(20)}`));
    const damagedKey = write("damaged.key", own.key.replace(/\n.{20}/, `\n${"A".repeat(20)}`));
    for (const [certFile, keyFile, problem] of [
      ["/no/such.pem", own.keyFile, /^CERT: the file can't be read \(ENOENT\); name a readable file$/],
      [folder.path, own.keyFile, /^CERT: the file (is a folder; name a regular file|can't be read \(EISDIR\).*)$/],
      [text, own.keyFile, /^CERT: the file holds no certificate in PEM form/],
      [damaged, own.keyFile, /^CERT: the file is damaged: certificate 1 can't be read$/],
      [write("large.pem", "a".repeat(70_000)), own.keyFile, /^CERT: the file is larger than 64 KiB$/],
      [own.certFile, "/no/such.key", /^KEY: the file can't be read \(ENOENT\)/],
      [own.certFile, own.certFile, /^KEY: the file has the mode|^KEY: the file holds no private key in PEM form/],
      [own.certFile, damagedKey, /^KEY: the file is damaged: the private key can't be read$/],
      [own.certFile, write("encrypted.pem", encrypted), /^KEY: the file holds an encrypted key; decrypt it/],
      [
        own.certFile,
        other.keyFile,
        /^KEY: the file holds another key than the first certificate in CERT was made for$/,
      ],
      [own.certFile, write("open.key", own.key, 0o644), /^KEY: the file has the mode 0644 and can be read or written/],
    ] as const) {
      assert.throws(
        () => read(certFile, keyFile),
        (error: Error) => {
          assert.match(error.message, problem);
          assert.doesNotMatch(error.message, /[\r\n]|BEGIN [A-Z]+ KEY|[A-Za-z0-9+/]{40}/);
          return error.name === "TlsFileError";
        },
      );
    }
  });

  test("are refused from the very moment at which the certificate expires", () => {
    const { expiresAtMs } = read(own.certFile, own.keyFile);
    read(own.certFile, own.keyFile, undefined, expiresAtMs - 1);
    for (const nowMs of [expiresAtMs, expiresAtMs + 1]) {
      assert.throws(
        () => read(own.certFile, own.keyFile, undefined, nowMs),
        /^TlsFileError: CERT: .* expired at .*Z; renew it$/,
      );
    }
  });

  test("name client authorities only in a file that no other user may change", () => {
    assert.equal(read(own.certFile, own.keyFile, write("ca.pem", authority.cert, 0o644)).clientCa, authority.cert);
    assert.throws(
      () => read(own.certFile, own.keyFile, write("open-ca.pem", authority.cert, 0o666)),
      /^TlsFileError: CA: the file has the mode 0666 and can be written to by other users; run chmod 644 on it$/,
    );
    assert.throws(
      () => read(own.certFile, own.keyFile, write("no-ca.pem", "nobody")),
      /CA: the file holds no certificate/,
    );
  });

  test("are refused if the key is too short to be secure", () => {
    const [key, cert] = [folder.file("weak.key"), folder.file("weak.pem")];
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", key);
    chmodSync(key, 0o600);
    openssl("req", "-x509", "-key", key, "-subj", "/CN=weak", "-days", "30", "-out", cert);
    assert.throws(
      () => read(cert, key),
      /^TlsFileError: CERT: the file holds a certificate that can't be used \(ERR_SSL_EE_KEY_TOO_SMALL\)$/,
    );
  });
});
