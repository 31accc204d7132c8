/**
 * The units of deploy/systemd, checked by systemd's own tools and run by a real systemd as docs/systemd.md installs them.
 *
 * A test machine only redirects the log, which would go to a journal, and changes ports. See test/testkit/systemd.ts.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { connectClient } from "../testkit/api-client.ts";
import { eventually } from "../testkit/eventually.ts";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { rsaKeyPair } from "../testkit/rsa-keys.ts";
import { runProgram } from "../testkit/run-program.ts";
import { bootSystemd, findBootProblem, SYSTEMD, type SystemdMachine } from "../testkit/systemd.ts";

const UNITS = join(import.meta.dirname, "..", "..", "deploy", "systemd");
const DOCS = join(import.meta.dirname, "..", "..", "docs");
const DOCUMENTATION = readFileSync(join(DOCS, "systemd.md"), "utf8");
const STREAM = readFileSync(join(DOCS, "audit-stream.md"), "utf8");

/** The highest exposure that a unit may have, of 10. */
const EXPOSURE_MAX = 2;

const missing = await findMissing(SYSTEMD);
const bootProblem = missing ?? (await findBootProblem());

/** A block of docs/systemd.md, by the word behind the language. */
function documented(block: string): string {
  const [, commands] = new RegExp(`\`\`\`[a-z]+ ${block}\n(.*?)\`\`\``, "s").exec(DOCUMENTATION) ?? [];
  return commands ?? assert.fail(`docs/systemd.md has no block ${block}`);
}

test("the template differs from the unit only by its instance and its database", () => {
  const settings = (file: string) =>
    readFileSync(join(UNITS, file), "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.replace(" (node %i)", "").replaceAll("countersign-%i", "countersign"));
  const [unit, template] = [settings("countersign.service"), settings("countersign@.service")];
  assert.deepEqual(
    unit.filter((line) => !template.includes(line)),
    [],
  );
  assert.deepEqual(
    template.filter((line) => !unit.includes(line)),
    [
      "EnvironmentFile=/etc/countersign/%i.env",
      "LoadCredential=database-url:/etc/countersign/database-url",
      "Environment=COUNTERSIGN_DATABASE_URL_FILE=%d/database-url",
    ],
  );
});

if (missing !== undefined && IS_CI) test("systemd", () => assert.fail(missing));
else {
  describe("systemd-analyze security", { skip: missing ?? false }, () => {
    for (const unit of ["countersign.service", "countersign@.service"]) {
      test(`rates ${unit} at most ${EXPOSURE_MAX.toFixed(1)}`, async (t) => {
        const { stdout } = await runProgram("systemd-analyze", [
          "security",
          "--offline=true",
          "--no-pager",
          join(UNITS, unit),
        ]);
        const [line = "", exposure] = /Overall exposure level for .*: ([0-9.]+)/.exec(stdout) ?? [];
        assert.ok(Number(exposure) <= EXPOSURE_MAX, stdout);
        t.diagnostic(line);
      });
    }
  });
  describe("a real systemd", { skip: bootProblem ?? false, concurrency: 2 }, () => {
    describe("with one node", { concurrency: 1 }, oneNode);
    describe("with two nodes on PostgreSQL", { concurrency: 1 }, twoNodes);
  });
}

/** Boots a machine and does what docs/systemd.md says, up to the start. */
async function install(settings: string): Promise<SystemdMachine> {
  const machine = await bootSystemd();
  await machine.succeed(`
    mkdir -p /etc/systemd/system/countersign.service.d /etc/systemd/system/countersign@.service.d
    for unit in countersign countersign@; do
      printf '[Service]\\nStandardOutput=append:/srv/%s.out\\nStandardError=append:/srv/%s.log\\n' %N %N \\
        > /etc/systemd/system/$unit.service.d/log.conf
    done`);
  const commands = documented("setup").replace(/^sudo systemctl enable.*$/m, "");
  assert.notEqual(commands, documented("setup"));
  await machine.succeed(`${commands}\nprintf '${settings}' >> /etc/countersign/countersign.env`);
  return machine;
}

const logOf = (machine: SystemdMachine, name: string) => readFileSync(join(machine.folder, `${name}.log`), "utf8");

async function property(machine: SystemdMachine, unit: string, name: string): Promise<string> {
  return (await machine.succeed(`systemctl show --value --property ${name} ${unit}`)).trim();
}

function oneNode(): void {
  let machine: SystemdMachine;
  let url: string;
  let pid: string;
  let token: string;
  const pair = rsaKeyPair("systemd");

  before(async () => {
    const [port, adminPort] = [await reservePort(), await reservePort()];
    url = `http://127.0.0.1:${port}`;
    machine = await install(`COUNTERSIGN_PORT=${port}\\nCOUNTERSIGN_ADMIN_PORT=${adminPort}\\n`);
  });
  after(() => machine?.stop());

  /** Runs a script inside the service's mount namespace, as its user and without capabilities. */
  const inside = (script: string) =>
    machine.succeed(
      `nsenter --target ${pid} --mount setpriv --reuid countersign --regid countersign --clear-groups --bounding-set=-all sh -c '${script}'`,
    );
  const status = async (answer: Promise<{ status: number }>) => (await answer).status;
  const checkStatus = async () => {
    const client = await connectClient(url, "api-1-demo", pair.privateKey);
    try {
      return await status(client.check(token));
    } finally {
      client.connection.end();
    }
  };

  test("systemd-analyze verify finds nothing in the unit", async () => {
    const { status: result, stdout, stderr } = await machine.run("systemd-analyze verify countersign.service");
    assert.deepEqual({ result, output: stdout + stderr }, { result: 0, output: "" });
  });

  test("the documented start returns once the service is ready, and not before", async () => {
    await machine.succeed("systemctl enable --now countersign");
    assert.equal(await status(fetch(`${url}/readyz`)), 200);
    assert.equal(await property(machine, "countersign", "StatusText"), "serving https://auth.example");
    assert.equal(await property(machine, "countersign", "WatchdogUSec"), "30s");
    pid = await property(machine, "countersign", "MainPID");
    assert.match(logOf(machine, "countersign"), /"msg":"ready"/);
    assert.doesNotMatch(logOf(machine, "countersign"), /"level":"(warn|error)"/);
  });

  test("the documented command line works on the service's store, as its user", async () => {
    await machine.succeed("countersign account create acme && countersign user create demo --account acme");
    await machine.succeed(`countersign key add api-1-demo - <<'PEM'\n${pair.publicPem}\nPEM`);
    const owners = await machine.succeed("stat -c %U:%a /var/lib/countersign /var/lib/countersign/*");
    assert.deepEqual([...new Set(owners.trim().split("\n"))].sort(), ["countersign:600", "countersign:700"]);
    const client = await connectClient(url, "api-1-demo", pair.privateKey);
    token = await eventually("the service knows the key", async () => {
      const { status: answered, body } = await client.exchange();
      return answered === 200 ? (JSON.parse(body) as { data: { token: string } }).data.token : undefined;
    });
    client.connection.end();
    assert.equal(await checkStatus(), 200);
  });

  test("the unit of docs/audit-stream.md passes the changes on, as the service's user", async () => {
    const [unit = ""] =
      /^ {4}# \/etc\/systemd\/system\/countersign-audit-stream\.service\n(?:(?: {4}.*)?\n)+/m.exec(STREAM) ?? [];
    const received = "/var/lib/countersign-stream/audit.jsonl";
    const settings = unit.replaceAll(/^ {4}/gm, "").replace("syslog+tls://siem.example.com", `file:${received}`);
    assert.match(settings, /^User=countersign$/m);
    assert.ok(settings.includes(received));
    await machine.succeed(`
      cat >/etc/systemd/system/countersign-audit-stream.service <<'END'\n${settings}END
      systemctl daemon-reload
      systemctl start countersign-audit-stream`);
    await eventually("the receiver has the event of the key", async () =>
      (await machine.run(`cat ${received}`)).stdout.includes('"action":"key.added"'),
    );
    await machine.succeed("systemctl stop countersign-audit-stream");
  });

  test("the master secret is only in the credential, which nobody but the service can read", async () => {
    const secret = (await machine.succeed("cat /etc/countersign/master-secret")).trim();
    const show = await machine.succeed("systemctl show countersign; systemctl cat countersign");
    const process = await machine.succeed(`tr '\\0' '\\n' < /proc/${pid}/environ; tr '\\0' ' ' < /proc/${pid}/cmdline`);
    assert.ok(![show, process, logOf(machine, "countersign")].some((text) => text.includes(secret)));
    assert.match(process, /COUNTERSIGN_MASTER_SECRET_FILE=\/run\/credentials\/countersign.service\/master-secret/);
    assert.equal((await inside("cat /run/credentials/countersign.service/master-secret")).trim(), secret);
    assert.notEqual(
      (
        await machine.run(
          "setpriv --reuid nobody --clear-groups cat /run/credentials/countersign.service/master-secret",
        )
      ).status,
      0,
    );
  });

  test("the sandbox leaves no capability and no way to get one, and filters system calls", async () => {
    const text = await machine.succeed(`cat /proc/${pid}/status`);
    for (const set of ["Inh", "Prm", "Eff", "Bnd", "Amb"]) assert.match(text, new RegExp(`Cap${set}:\t0{16}\n`));
    assert.match(text, /NoNewPrivs:\t1\n/);
    assert.match(text, /Seccomp:\t2\n/);
    assert.match(text, /Uid:(\t[1-9][0-9]*){4}\n/);
    const namespaces = async (of: string) =>
      machine.succeed(`for n in mnt ipc user; do readlink /proc/${of}/ns/$n; done`);
    const [own, first] = [await namespaces(pid), await namespaces("1")].map((lines) => lines.split("\n").slice(0, 3));
    assert.ok(
      own?.every((namespace, at) => namespace !== first?.[at]),
      String(own),
    );
  });

  test("the sandbox lets the service write to its state, runtime and temporary folders only, and execute nothing there", async () => {
    const places =
      "/ /bin /boot /dev /dev/shm /etc /home /media /mnt /opt /opt/countersign /opt/countersign/node_modules /proc /root /run /run/countersign /srv /sys /tmp /usr /usr/bin /usr/local/bin /var /var/lib /var/lib/countersign /var/log /var/tmp";
    const found = await inside(
      `for place in ${places}; do if cp /bin/true $place/probe 2>/dev/null; then echo writes $place; if $place/probe 2>/dev/null; then echo executes $place; fi; rm -f $place/probe; fi; done`,
    );
    assert.deepEqual(found.trim().split("\n").sort(), [
      "writes /dev/shm",
      "writes /run/countersign",
      "writes /tmp",
      "writes /var/lib/countersign",
      "writes /var/tmp",
    ]);
    // Even root would find the rest read-only.
    const mounts = await machine.succeed(`cat /proc/${pid}/mountinfo`);
    const rootMount = mounts
      .split("\n")
      .map((line) => line.split(" "))
      .find(([, , , , place]) => place === "/");
    assert.match(rootMount?.[5] ?? "", /^ro,nosuid/);
    const seen = await inside('ls /home /root /proc | grep -E "^[0-9]+$" || echo none; ls /dev | tr "\\n" " "');
    assert.doesNotMatch(seen, /^1$/m, "another process");
    assert.doesNotMatch(seen, /\b(mem|vda|sda|kmsg)\b/, "a device");
  });

  test("a restart keeps the store and its tokens", async () => {
    await machine.succeed("systemctl restart countersign");
    assert.equal(await checkStatus(), 200);
    assert.match(logOf(machine, "countersign"), /"signal":"SIGTERM","msg":"stopping"[^]*"msg":"stopped"/);
  });

  test("the command line reads the settings as systemd does", async () => {
    await machine.succeed("cp /etc/countersign/countersign.env /srv/countersign.env");
    /** The name of the setting that a command refuses with this line in the file. */
    const refusal = async (line: string) => {
      await machine.succeed(`cp /srv/countersign.env /etc/countersign/countersign.env`);
      await machine.succeed(`printf '%b' ${JSON.stringify(line)} >> /etc/countersign/countersign.env`);
      const { status, stderr } = await machine.run("/usr/local/bin/countersign account list");
      return status === 0 ? undefined : stderr;
    };
    assert.equal(await refusal("# It's a comment\\n; \\042another\\042\\n"), undefined);
    for (const line of [" \\tCOUNTERSIGN_DATA_DIR=/srv/none", "COUNTERSIGN_DATA_DIR=/srv/none \\r"])
      assert.match((await refusal(`${line}\\n`)) ?? "", /no store in \/srv\/none;/, line);
    for (const line of ["COUNTERSIGN_DATA_DIR = /srv/none", "COUNTERSIGN_DATA_DIR=\\042/srv/none\\042"])
      assert.match((await refusal(`${line}\\n`)) ?? "", /write NAME=value/, line);
    await machine.succeed("mv /srv/countersign.env /etc/countersign/countersign.env; rmdir /srv/none");
  });

  test("the command line runs no program from the service's folder as root", async () => {
    await machine.succeed(`
      for name in id install setpriv; do
        printf '#!/bin/sh\\necho planted; exit 1\\n' > /var/lib/countersign/$name
        chmod 755 /var/lib/countersign/$name
      done`);
    const { stdout } = await machine.run(
      "cd /var/lib/countersign && PATH=.:$PATH /usr/local/bin/countersign account list",
    );
    assert.doesNotMatch(stdout, /planted/);
    await machine.succeed("cd /var/lib/countersign && rm id install setpriv");
  });

  test("the watchdog restarts a service whose event loop is stuck", async () => {
    await machine.succeed(`
      printf '[Service]\\nWatchdogSec=4s\\n' > /etc/systemd/system/countersign.service.d/watchdog.conf
      systemctl daemon-reload && systemctl restart countersign`);
    pid = await property(machine, "countersign", "MainPID");
    await machine.succeed(`kill -STOP ${pid}`);
    await eventually("systemd has restarted the service", async () => {
      const now = await property(machine, "countersign", "MainPID");
      return now !== "0" && now !== pid && (await property(machine, "countersign", "SubState")) === "running";
    });
    assert.notEqual(await property(machine, "countersign", "NRestarts"), "0");
    assert.equal(await checkStatus(), 200);
    await machine.succeed("rm /etc/systemd/system/countersign.service.d/watchdog.conf; systemctl daemon-reload");
  });

  test("a Unix socket in the runtime folder serves members of the service's group, and nobody else", async () => {
    await machine.succeed(`
      cp /etc/countersign/countersign.env /srv/countersign.env
      echo COUNTERSIGN_HOST=unix:/run/countersign/public.sock >> /etc/countersign/countersign.env
      systemctl restart countersign`);
    const request = "curl --silent --fail --unix-socket /run/countersign/public.sock http://localhost/readyz";
    const member = await machine.run(`setpriv --reuid nobody --regid nogroup --groups countersign ${request}`);
    assert.match(member.stdout, /"status":"ready"/);
    assert.notEqual((await machine.run(`setpriv --reuid nobody --regid nogroup --clear-groups ${request}`)).status, 0);
    await machine.succeed("mv /srv/countersign.env /etc/countersign/countersign.env && systemctl restart countersign");
  });

  test("the documented drop-in lets the service listen at a port below 1024", async () => {
    await machine.succeed(`
      cp /etc/countersign/countersign.env /srv/countersign.env
      sed -i 's/^COUNTERSIGN_PORT=.*/COUNTERSIGN_PORT=1013/' /etc/countersign/countersign.env
      cat > /etc/systemd/system/countersign.service.d/port.conf <<'INI'\n${documented("low-port")}INI
      systemctl daemon-reload && systemctl restart countersign`);
    assert.equal(await status(fetch("http://127.0.0.1:1013/readyz")), 200);
    await machine.succeed(`
      mv /srv/countersign.env /etc/countersign/countersign.env
      rm /etc/systemd/system/countersign.service.d/port.conf
      systemctl daemon-reload && systemctl restart countersign`);
  });

  test("the documented encryption of the master secret keeps its tokens", async () => {
    // By default the key must not be on a temporary file system, as this machine's is.
    await machine.succeed(documented("encrypt").replace("encrypt --name", "encrypt --with-key=host --name"));
    assert.equal(await checkStatus(), 200);
    await machine.succeed("countersign account create later");
    assert.notEqual((await machine.run("ls /etc/countersign/master-secret")).status, 0);
  });

  test("a missing master secret stops the start, and systemd says why", async () => {
    await machine.succeed("systemctl stop countersign && rm /etc/countersign/master-secret.cred");
    assert.notEqual((await machine.run("systemctl start countersign")).status, 0);
    // Between two tries there is none.
    await eventually(
      "the status is that of a missing credential",
      async () => (await property(machine, "countersign", "ExecMainStatus")) === "243",
    );
    await machine.run("systemctl stop countersign");
  });
}

function twoNodes(): void {
  let machine: SystemdMachine;
  let postgres: TestPostgres;
  const urls: string[] = [];

  before(async () => {
    postgres = await startPostgres();
    const database = await postgres.createDatabase();
    machine = await install("");
    let script = `printf '%s\\n' '${database}' | install -m 600 /dev/stdin /etc/countersign/database-url\n`;
    for (const name of ["a", "b"]) {
      const [port, adminPort] = [await reservePort(), await reservePort()];
      urls.push(`http://127.0.0.1:${port}`);
      script += `printf 'COUNTERSIGN_PORT=${port}\\nCOUNTERSIGN_ADMIN_PORT=${adminPort}\\n${name === "b" ? "COUNTERSIGN_WORKERS=2\\n" : ""}' > /etc/countersign/${name}.env\n`;
    }
    await machine.succeed(script);
  });
  after(async () => {
    await machine?.stop();
    await postgres?.stop();
  });

  test("systemd-analyze verify finds nothing in the template", async () => {
    const { status, stdout, stderr } = await machine.run("systemd-analyze verify countersign@a.service");
    assert.deepEqual({ status, output: stdout + stderr }, { status: 0, output: "" });
  });

  test("each instance serves at its own port, from the same store, and can be restarted by itself", async () => {
    await machine.succeed("systemctl enable --now countersign@a countersign@b");
    const ready = () => Promise.all(urls.map(async (url) => (await fetch(`${url}/readyz`)).status));
    assert.deepEqual(await ready(), [200, 200]);
    const accounts = async () =>
      (JSON.parse(await machine.succeed("countersign account list --json")) as unknown[]).length;
    await machine.succeed("countersign account create acme");
    assert.equal(await accounts(), 1);
    await machine.succeed("systemctl restart countersign@a && systemctl restart countersign@b");
    assert.deepEqual(await ready(), [200, 200]);
    assert.match(logOf(machine, "countersign@a"), /"store":"postgres/);
    assert.match(await property(machine, "countersign@b", "StatusText"), / by 2 of 2 workers$/);
  });

  test("a node that waits for its database asks for more time, and says so", async () => {
    await machine.succeed("systemctl stop countersign@a countersign@b");
    await postgres.kill();
    await machine.succeed("systemctl start --no-block countersign@a");
    await eventually(
      "systemd knows why",
      async () => (await property(machine, "countersign@a", "StatusText")) === "waiting for the store",
    );
    assert.equal(await property(machine, "countersign@a", "ActiveState"), "activating");
    await postgres.start();
    await eventually(
      "the node is ready",
      async () => (await property(machine, "countersign@a", "ActiveState")) === "active",
    );
  });
}
