/** Deliveries by TLS: to the address that was checked, but for the name in the URL. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { getCACertificates, setDefaultCACertificates, type TLSSocket } from "node:tls";
import { describe, test } from "node:test";
import { findMissing, IS_CI } from "../../../../test/testkit/requirements.ts";
import { makeTemporaryFolder } from "../testing/test-registry.ts";
import { createWebhookSender } from "./webhook-sender.ts";

const missing = await findMissing({ name: "openssl", debianPackages: "openssl", probes: [["openssl", "version"]] });

/** A certificate for `hooks.example`, which signs itself. */
function makeCertificate() {
  const folder = makeTemporaryFolder();
  const [key, cert] = [folder.file("key.pem"), folder.file("cert.pem")];
  const name = ["-subj", "/CN=hooks.example", "-addext", "subjectAltName=DNS:hooks.example"];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, ...name], {
    stdio: "ignore",
  });
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}

describe("a delivery by TLS", { skip: IS_CI ? false : (missing ?? false) }, () => {
  test("needs a certificate that is trusted and has the name in the URL, which the receiver is told", async () => {
    const certificate = makeCertificate();
    const asked: unknown[] = [];
    const server = createServer(certificate, (request, response) => {
      asked.push([(request.socket as TLSSocket).servername, request.headers.host?.replace(/:.*/, "")]);
      response.writeHead(204).end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const sender = createWebhookSender({ networks: ["127.0.0.1/32"], resolve: async () => ["127.0.0.1"] });
    const outcomeAt = async (name: string) =>
      (await sender.send({ url: `https://${name}:${port}/`, headers: {}, body: "{}" })).outcome;
    assert.equal(await outcomeAt("hooks.example"), "tls_failed", "a stranger's certificate");
    const usual = getCACertificates("default");
    setDefaultCACertificates([certificate.cert]);
    assert.equal(await outcomeAt("hooks.example"), "delivered");
    assert.equal(await outcomeAt("other.example"), "tls_failed", "another name");
    assert.equal(await outcomeAt("127.0.0.1"), "tls_failed", "no name");
    setDefaultCACertificates(usual);
    assert.deepEqual(asked, [["hooks.example", "hooks.example"]]);
    server.close();
  });
});
