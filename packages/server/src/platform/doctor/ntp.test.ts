import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { askNtp, findNtpServer } from "./ntp.ts";

const NOW_MS = Date.parse("2026-11-28T00:00:00Z");
const NONCE = Buffer.from("0123456789abcdef", "hex");

/** Writes an NTP timestamp, modulo the era. */
function writeTime(packet: Buffer, at: number, milliseconds: number): void {
  packet.writeUInt32BE(Math.floor(milliseconds / 1000 + 2_208_988_800) % 2 ** 32, at);
  packet.writeUInt32BE(0, at + 4);
}

/** Asks a server that answers each question with these packets. @param first the first two bytes: mode and stratum */
async function askServer(serverMs: number, first: readonly [number, number], forged?: Buffer) {
  const server = createSocket("udp4");
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  server.on("message", (question, { port }) => {
    const answer = Buffer.alloc(48);
    Buffer.from(first).copy(answer);
    question.copy(answer, 24, 40, 48);
    for (const at of [32, 40]) writeTime(answer, at, serverMs);
    // A datagram that repeats nothing of the question comes first, and is ignored.
    if (forged !== undefined) server.send(forged, port);
    server.send(answer, port);
  });
  try {
    return (await askNtp(`127.0.0.1:${server.address().port}`, () => NOW_MS, NONCE)).result;
  } finally {
    server.close();
  }
}

const SERVER = [0b00_100_100, 2] as const;

test("the difference to a server's clock is positive if this machine's is ahead, also in another era", async () => {
  assert.deepEqual(await askServer(NOW_MS, SERVER), { offsetMs: 0 });
  assert.deepEqual(await askServer(NOW_MS - 90_000, SERVER), { offsetMs: 90_000 });
  assert.deepEqual(await askServer(NOW_MS + 7000, SERVER), { offsetMs: -7000 });
  // From 2036 on, timestamps begin at 0 again.
  const later = Date.parse("2036-03-01T00:00:00Z");
  assert.deepEqual(await askServer(later, SERVER), { offsetMs: NOW_MS - later });
});

test("an answer to another question isn't believed", async () => {
  assert.deepEqual(await askServer(NOW_MS - 1000, SERVER, Buffer.alloc(48)), { offsetMs: 1000 });
});

test("a server that refuses, isn't synchronized or is none is named as such", async () => {
  assert.match(JSON.stringify(await askServer(NOW_MS, [0b00_100_100, 0])), /it refuses/);
  assert.match(JSON.stringify(await askServer(NOW_MS, [0b11_100_100, 2])), /isn't synchronized/);
  assert.match(JSON.stringify(await askServer(NOW_MS, [0b00_100_100, 16])), /isn't synchronized/);
  assert.match(JSON.stringify(await askServer(NOW_MS, [0b00_100_011, 2])), /isn't an NTP server's/);
});

test("a server that can't be connected to is reported, and doesn't end the process", async () => {
  const { server, result } = await askNtp("255.255.255.255", () => NOW_MS, NONCE);
  assert.equal(server, "255.255.255.255");
  assert.match(JSON.stringify(result), /^\{"problem":".+"\}$/);
});

test("a server is a host, and a port if it isn't 123", () => {
  assert.deepEqual(findNtpServer("time.example"), { host: "time.example", port: 123 });
  assert.deepEqual(findNtpServer("10.0.0.1:1123"), { host: "10.0.0.1", port: 1123 });
  assert.deepEqual(findNtpServer("[2001:db8::1]:123"), { host: "2001:db8::1", port: 123 });
  for (const text of ["", "a b", "time.example:0", "time.example:70000", "http://time.example", "::1", "a:b"]) {
    assert.equal(findNtpServer(text), undefined, text);
  }
});
