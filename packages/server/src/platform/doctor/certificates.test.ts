import assert from "node:assert/strict";
import { test } from "node:test";
import { findMissing, IS_CI } from "../../../../../test/testkit/requirements.ts";
import { checkCertificates } from "../../core/doctor/checks/check-certificates.ts";
import { createTestAuthority, OPENSSL } from "../../testing/certificates.ts";
import { makeTemporaryFolder } from "../../testing/test-registry.ts";
import { readCertificateFiles } from "./certificates.ts";

const DAY_MS = 86_400_000;
const missing = await findMissing(OPENSSL);

test("the authorities of a listener's clients are certificates that can expire", {
  skip: IS_CI ? false : (missing ?? false),
}, () => {
  const folder = makeTemporaryFolder().path;
  const gateways = createTestAuthority(folder, "Gateways");
  const own = createTestAuthority(folder).issue("auth.example");
  const facts = readCertificateFiles(
    {
      cert: { variable: "CERT", path: own.certFile },
      key: { variable: "KEY", path: own.keyFile },
      clientCa: { variable: "CA", path: gateways.file },
    },
    { access: "owner", credentials: undefined },
  );
  assert.deepEqual(
    facts.map(({ name, problem }) => [name, problem]),
    [
      ["the certificate in CERT", undefined],
      ["the authority Gateways in CA", undefined],
    ],
  );
  const inDays = (days: number) =>
    checkCertificates(facts, Date.now() + days * DAY_MS).problems.map(({ code }) => code);
  assert.deepEqual(inDays(0), []);
  assert.deepEqual(inDays(26), ["certificate_expiring", "certificate_expiring"]);
  assert.deepEqual(inDays(31), ["certificate_expired", "certificate_expired"]);
});
