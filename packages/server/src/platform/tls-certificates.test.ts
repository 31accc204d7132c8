import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, type TestContext, test } from "node:test";
import { eventually } from "../../../../test/testkit/eventually.ts";
import { findMissing, IS_CI } from "../../../../test/testkit/requirements.ts";
import { createTestAuthority, type IssuedCertificate, OPENSSL } from "../testing/certificates.ts";
import { makeTemporaryFolder } from "../testing/test-registry.ts";
import { createLog } from "./logger.ts";
import { openTlsCertificates } from "./tls-certificates.ts";

const DAY_MS = 86_400_000;
const missing = await findMissing(OPENSSL);

describe("a listener's certificate", { skip: IS_CI ? false : (missing ?? false) }, () => {
  const folder = makeTemporaryFolder();
  const authority = createTestAuthority(folder.path);
  const first = authority.issue("first.example");
  const second = authority.issue("second.example");
  let folders = 0;

  /** Certificates of files in a folder of their own, looked at all the time. */
  function open(t: TestContext, lay: (file: (name: string) => string) => void, wallMs = () => Date.now()) {
    const base = folder.file(`certificates-${folders++}`);
    mkdirSync(base);
    const file = (name: string) => `${base}/${name}`;
    lay(file);
    let logged = "";
    const names = {
      cert: { variable: "CERT", path: file("tls.crt") },
      key: { variable: "KEY", path: file("tls.key") },
      clientCa: undefined,
    };
    const log = createLog("info", [], (line) => (logged += line));
    const access = { access: "owner", credentials: undefined } as const;
    const certificates = openTlsCertificates("public", names, access, wallMs, log, 1);
    t.after(() => certificates.stop());
    let changes = 0;
    certificates.onChange(() => changes++);
    const uses = ({ cert }: IssuedCertificate) => certificates.current().cert === cert;
    return { certificates, file, uses, logged: () => logged, changes: () => changes };
  }

  function lay(of: IssuedCertificate): (file: (name: string) => string) => void {
    return (file) => {
      copyFileSync(of.certFile, file("tls.crt"));
      copyFileSync(of.keyFile, file("tls.key"));
    };
  }

  test("is read again when its files are written, and not otherwise", async (t) => {
    const { uses, file, changes } = open(t, lay(first));
    assert.ok(uses(first));
    lay(second)(file);
    await eventually("the second is used", () => uses(second));
    // The same content again is no change.
    lay(second)(file);
    lay(first)(file);
    await eventually("the first is used", () => uses(first));
    assert.equal(changes(), 2);
  });

  test("is read again when files are replaced by others, as certbot and editors do it", async (t) => {
    const { uses, file } = open(t, lay(first));
    lay(second)((name) => file(`${name}.new`));
    renameSync(file("tls.crt.new"), file("tls.crt"));
    renameSync(file("tls.key.new"), file("tls.key"));
    await eventually("the second is used", () => uses(second));
  });

  /** Both certificates in folders of their own, and links that lead to the first one's. */
  function layLinks(file: (name: string) => string): void {
    for (const [version, of] of [
      ["1", first],
      ["2", second],
    ] as const) {
      mkdirSync(file(version));
      lay(of)((name) => file(`${version}/${name}`));
    }
    symlinkSync("1", file("..data"));
    for (const name of ["tls.crt", "tls.key"]) symlinkSync(`..data/${name}`, file(name));
  }

  function leadTo(version: "1" | "2", file: (name: string) => string): void {
    symlinkSync(version, file("..data_tmp"));
    renameSync(file("..data_tmp"), file("..data"));
  }

  test("is read again when a link on the way leads elsewhere, as Kubernetes does it", async (t) => {
    const { uses, file } = open(t, layLinks);
    assert.ok(uses(first));
    leadTo("2", file);
    await eventually("the second is used", () => uses(second));
  });

  test("stays in use while certificate and key don't belong together, are damaged or missing", async (t) => {
    const { certificates, uses, file, logged } = open(t, lay(first));
    for (const spoil of [
      () => copyFileSync(second.certFile, file("tls.crt")),
      () => writeFileSync(file("tls.crt"), second.cert.slice(0, 200)),
      () => rmSync(file("tls.key")),
    ]) {
      const before = logged().length;
      spoil();
      await eventually("the problem is reported", () => logged().length > before);
      assert.match(logged().slice(before), /"level":"error".*"reason":"(CERT|KEY): the file .*can't be used/);
      assert.equal(certificates.figures().isOutdated, true);
      assert.ok(uses(first));
    }
    lay(second)(file);
    await eventually("the second is used", () => uses(second));
    assert.equal(certificates.figures().isOutdated, false);
    assert.doesNotMatch(logged(), /PRIVATE KEY|[A-Za-z0-9+/]{60}/);
  });

  test("is read again after a problem that has passed, although the files stayed as they were", async (t) => {
    let aheadMs = 0;
    const { uses, file, logged } = open(t, layLinks, () => Date.now() + aheadMs);
    const problems = () => logged().match(/can't be used; new connections/g)?.length ?? 0;
    leadTo("2", file);
    await eventually("the second is used", () => uses(second));
    // Stands for what the files don't cause, such as a lack of descriptors.
    aheadMs = 365 * DAY_MS;
    leadTo("1", file);
    await eventually("the problem is reported", () => problems() === 1);
    aheadMs = 0;
    await eventually("the first is used", () => uses(first));
    assert.equal(problems(), 1);
  });

  test("is reported once a day when it expires soon: two weeks before, or in the last quarter of its life", async (t) => {
    const { validFromMs, expiresAtMs } = open(t, lay(first)).certificates.current();
    const warnAtMs = expiresAtMs - (expiresAtMs - validFromMs) / 4;
    let nowMs = warnAtMs - 1000;
    const { logged, certificates } = open(t, lay(first), () => nowMs);
    const warnings = () =>
      logged()
        .split("\n")
        .filter((line) => /expires soon|has expired/.test(line)).length;
    assert.equal(certificates.figures().expiresAtMs, expiresAtMs);
    assert.equal(warnings(), 0);
    for (const [atMs, count] of [
      [warnAtMs, 1],
      [warnAtMs + DAY_MS, 2],
      [expiresAtMs, 3],
    ] as const) {
      nowMs = atMs;
      await eventually(`warning ${count}`, () => warnings() === count);
    }
    assert.match(logged(), /"level":"error".*has expired/);
  });
});
