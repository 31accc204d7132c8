/** `countersign doctor` behind real gateways: nginx as the documentation has it, and nginx with each usual mistake. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { canConnect } from "../../packages/server/src/testing/raw-http.ts";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { diagnose } from "../testkit/doctor.ts";
import { eventually } from "../testkit/eventually.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { endWithThisProcess, environment, runProgram } from "../testkit/run-program.ts";
import { COUNTERSIGN, startServer, temporaryFolder, type TestServer } from "../testkit/server.ts";

const NGINX = "/usr/sbin/nginx";

const missing = await findMissing({
  name: "nginx with openssl",
  debianPackages: "nginx openssl",
  probes: [
    [NGINX, "-v"],
    ["openssl", "version"],
  ],
});

if (missing !== undefined && IS_CI) test("nginx", () => assert.fail(missing));

interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** What the documentation's configuration says about forwarded headers. */
const METHODS = `
  map $request_method $forwarded_method { ~^(GET|HEAD|OPTIONS)$ $http_x_forwarded_method; default ""; }
  map $request_method $original_method { ~^(GET|HEAD|OPTIONS)$ $http_x_original_method; default ""; }`;
const FORWARDING = `
  proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Method $forwarded_method;
  proxy_set_header X-Original-Method $original_method;
  proxy_headers_hash_bucket_size 128;`;

describe("the doctor behind nginx", { skip: IS_CI ? false : (missing ?? false) }, async () => {
  if (missing !== undefined) return;
  const [port, adminPort, gatewayPort, plainPort] = [
    await reservePort(),
    await reservePort(),
    await reservePort(),
    await reservePort(),
  ];
  /** Runs nginx with these directives in its only server until the work is done. */
  async function withNginx<Result>(server: string, work: () => Promise<Result>): Promise<Result> {
    const own = join(temporaryFolder(), "nginx");
    mkdirSync(own);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path ${own}/${name};`,
    );
    writeFileSync(
      join(own, "nginx.conf"),
      `pid ${own}/pid; error_log stderr; events {}
       http { access_log off; ${temporary.join(" ")} ${METHODS} server { ${server} } }`,
    );
    const args = ["-p", own, "-c", join(own, "nginx.conf"), "-g", "daemon off; master_process off;"];
    const child = spawn(NGINX, args, { stdio: "ignore" });
    endWithThisProcess(child);
    await eventually("nginx accepts connections", async () => {
      assert.equal(child.exitCode, null, "nginx ended");
      return canConnect(`http://127.0.0.1:${gatewayPort}`);
    });
    try {
      return await work();
    } finally {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    }
  }

  const http = `listen 127.0.0.1:${gatewayPort};`;
  const toPublic = `location / { proxy_pass http://127.0.0.1:${port}; ${FORWARDING} }`;
  const settings = {
    COUNTERSIGN_PORT: String(port),
    COUNTERSIGN_ADMIN_PORT: String(adminPort),
    COUNTERSIGN_PUBLIC_URL: `http://127.0.0.1:${gatewayPort}`,
    COUNTERSIGN_TRUSTED_PROXIES: "127.0.0.1",
  };
  const server = await startServer({
    env: settings,
    flags: ["--port", String(port), "--admin-port", String(adminPort)],
  });
  after(() => server.stop());

  test("a gateway that does right has no fault", async () => {
    const { status, faults, text } = await withNginx(http + toPublic, () => diagnose(server, "--strict"));
    assert.deepEqual([status, faults], [0, []], text);
  });

  test("a gateway that appends to X-Forwarded-For isn't blamed where the doctor's own address is trusted", async () => {
    const appending = toPublic.replace("X-Forwarded-For $remote_addr", "X-Forwarded-For $proxy_add_x_forwarded_for");
    assert.deepEqual((await withNginx(http + appending, () => diagnose(server))).faults, []);
  });

  test("a gateway that passes forged headers on is found, with each header that the service believes", async () => {
    const passing = `location / { proxy_pass http://127.0.0.1:${port}; }`;
    const { status, faults } = await withNginx(http + passing, () => diagnose(server));
    assert.equal(status, 1);
    assert.deepEqual(faults, ["address_forgeable", "address_forgeable", "method_forgeable", "proxy_silent"]);
  });

  test("a gateway that hides what another gateway says about its client's method is found", async () => {
    const hiding = toPublic.replace("$forwarded_method", '""').replace("$original_method", '""');
    const { report, faults } = await withNginx(http + hiding, () => diagnose(server));
    assert.deepEqual(faults, []);
    assert.deepEqual(
      report.findings.filter(({ check }) => check === "proxies").map(({ code, severity }) => [code, severity]),
      [["method_dropped", "info"]],
    );
  });

  test("an internal listener that the gateway exposes is an error, path by path and as a whole", async () => {
    const internal = `http://127.0.0.1:${adminPort}`;
    const beside = `location /metrics { proxy_pass ${internal}; } location /api/admin/ { proxy_pass ${internal}; }`;
    const exposed = await withNginx(http + toPublic + beside, () => diagnose(server));
    assert.deepEqual([exposed.status, exposed.faults], [1, ["internal_exposed"]]);
    assert.match(exposed.text, /\/api\/admin\/v1\/overview, \/metrics/);
    const wrong = await withNginx(`${http} location / { proxy_pass ${internal}; }`, () => diagnose(server));
    assert.deepEqual(wrong.faults, ["internal_exposed", "public_url_foreign"]);
    assert.match(wrong.text, /the console/);
  });

  test("a gateway that redirects, one that doesn't forward, and one whose service is away are told apart", async () => {
    const redirecting = `${http} location / { return 308 https://login.example/?token=secret; }`;
    const redirected = await withNginx(redirecting, () => diagnose(server));
    assert.deepEqual(redirected.faults, ["public_url_redirects"]);
    assert.doesNotMatch(redirected.text, /token=secret/);
    const elsewhere = await withNginx(`${http} location / { return 404; }`, () => diagnose(server));
    assert.deepEqual(elsewhere.faults, ["public_url_foreign"]);
    const away = `${http} location / { proxy_pass http://127.0.0.1:${plainPort}; }`;
    assert.deepEqual((await withNginx(away, () => diagnose(server))).faults, ["public_url_foreign"]);
    assert.deepEqual((await diagnose(server)).faults, ["public_url_unreachable"]);
  });

  /** A certificate that signs itself. */
  async function certificate(name: string, altName: string, from: string, to: string): Promise<Certificate> {
    const own = temporaryFolder();
    const [cert, key, request, config] = ["cert.pem", "key.pem", "request.pem", "ca.cnf"].map((file) =>
      join(own, file),
    );
    assert.ok(cert !== undefined && key !== undefined && request !== undefined && config !== undefined);
    writeFileSync(join(own, "index"), "");
    writeFileSync(
      config,
      `[ca]\ndefault_ca=own\n[own]\ndatabase=${own}/index\nnew_certs_dir=${own}\nrand_serial=yes\ndefault_md=sha256\npolicy=any\n` +
        `[any]\ncommonName=supplied\n[leaf]\nsubjectAltName=${altName}\n`,
    );
    const run = async (...args: string[]) => {
      const { status, stderr } = await runProgram("openssl", args);
      assert.equal(status, 0, stderr);
    };
    await run("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", `/CN=${name}`);
    const dates = ["-startdate", from, "-enddate", to];
    const signing = ["-batch", "-selfsign", "-notext", "-config", config, "-extensions", "leaf", "-keyfile", key];
    await run("ca", ...signing, ...dates, "-in", request, "-out", cert);
    return { cert, key };
  }

  const https = ({ cert, key }: Certificate) =>
    `listen 127.0.0.1:${gatewayPort} ssl; ssl_certificate ${cert}; ssl_certificate_key ${key};`;

  /** The doctor of the same store, where clients use TLS and trust this certificate. */
  function doctorTrusting(certificateFile: string): Pick<TestServer, "cli"> {
    const env = environment({
      ...settings,
      COUNTERSIGN_DATA_DIR: server.dataDir,
      COUNTERSIGN_PUBLIC_URL: `https://127.0.0.1:${gatewayPort}`,
      NODE_EXTRA_CA_CERTS: certificateFile,
    });
    return { cli: (...args) => runProgram(process.execPath, [COUNTERSIGN, ...args], { env }) };
  }

  test("a certificate is checked for its dates, its name and its issuer", async () => {
    const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
    const cases = [
      ["good", "IP:127.0.0.1", -1, 365],
      ["expiring", "IP:127.0.0.1", -60, 3, "certificate_expiring"],
      ["expired", "IP:127.0.0.1", -60, -1, "certificate_expired"],
      ["early", "IP:127.0.0.1", 2, 365, "certificate_expired"],
      ["other", "DNS:auth.example", -1, 365, "certificate_name"],
    ] as const;
    for (const [name, altName, from, to, ...codes] of cases) {
      const made = await certificate(name, altName, day(from), day(to));
      const { faults, text } = await withNginx(https(made) + toPublic, () => diagnose(doctorTrusting(made.cert)));
      assert.deepEqual(faults, codes, `${name}: ${text}`);
    }
    const untrusted = await certificate("untrusted", "IP:127.0.0.1", day(-1), day(365));
    const url = ["--public-url", `https://127.0.0.1:${gatewayPort}`];
    const found = await withNginx(https(untrusted) + toPublic, () => diagnose(server, ...url));
    assert.deepEqual(found.faults, ["certificate_untrusted"]);
    const plain = await withNginx(http + toPublic, () => diagnose(server, ...url));
    assert.deepEqual(plain.faults, ["certificate_unusable", "public_url_unreachable"]);
  });
});
