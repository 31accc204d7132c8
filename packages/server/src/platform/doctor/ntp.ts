import { createSocket } from "node:dgram";
import type { NtpAnswer } from "../../core/doctor/checks/check-clock.ts";
import { describeConnectionError } from "./http-ask.ts";

const NTP_PORT = 123;
const ANSWER_MS_MAX = 3000;
const PACKET_BYTES = 48;

/** Seconds from 1900, where NTP counts from, to 1970. */
const EPOCH_SECONDS = 2_208_988_800;

/** One NTP era, in seconds: the timestamps are modulo this. */
const ERA_SECONDS = 2 ** 32;

/**
 * Asks an NTP server for the time, once (RFC 5905 §14, a client without a discipline, as RFC 4330 describes it). Plain NTP isn't
 * authenticated: the answer is good for a warning, and never sets a clock.
 *
 * @param server a host, and optionally a port
 * @param wallMs this machine's clock
 * @param nonce 8 random bytes, sent as the transmit timestamp: an answer has to repeat it
 */
export function askNtp(server: string, wallMs: () => number, nonce: Buffer): Promise<NtpAnswer> {
  const { host, port } = parseServer(server);
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const end = (result: NtpAnswer["result"]) => {
      clearTimeout(timer);
      socket.close();
      resolve({ server, result });
    };
    const timer = setTimeout(() => end({ problem: "it didn't answer in time" }), ANSWER_MS_MAX);
    const packet = Buffer.alloc(PACKET_BYTES);
    // Version 4, mode 3 (client).
    packet[0] = 0b00_100_011;
    nonce.copy(packet, 40, 0, 8);
    let sentMs = 0;
    socket.on("error", (error) => end({ problem: describeConnectionError(error) }));
    socket.on("message", (answer) => {
      const receivedMs = wallMs();
      // Not the answer to this question: somebody else's datagram.
      if (answer.length < PACKET_BYTES || !answer.subarray(24, 32).equals(packet.subarray(40, 48))) return;
      end(readAnswer(answer, sentMs, receivedMs));
    });
    // Connected: datagrams of other senders don't arrive.
    // Not as connect()'s callback: that one also gets the failures, such as a name that doesn't resolve, instead of "error".
    socket.on("connect", () => {
      sentMs = wallMs();
      socket.send(packet);
    });
    socket.connect(port, host);
  });
}

/** The difference between the clocks (RFC 5905 §8): this machine's minus the server's. */
function readAnswer(answer: Buffer, sentMs: number, receivedMs: number): NtpAnswer["result"] {
  const mode = (answer[0] ?? 0) & 0b111;
  const leap = (answer[0] ?? 0) >> 6;
  const stratum = answer[1] ?? 0;
  if (mode !== 4) return { problem: "its answer isn't an NTP server's" };
  if (stratum === 0) return { problem: `it refuses (${answer.toString("latin1", 12, 16).replaceAll(/[^A-Z]/g, "")})` };
  if (leap === 3 || stratum > 15) return { problem: "its own clock isn't synchronized" };
  const serverReceivedMs = readTime(answer, 32, receivedMs);
  const serverSentMs = readTime(answer, 40, receivedMs);
  return { offsetMs: (sentMs - serverReceivedMs + (receivedMs - serverSentMs)) / 2 };
}

/** Reads a timestamp, in the era that is nearest to this machine's clock (RFC 5905 §6). */
function readTime(answer: Buffer, at: number, nearMs: number): number {
  const seconds = answer.readUInt32BE(at) + answer.readUInt32BE(at + 4) / ERA_SECONDS - EPOCH_SECONDS;
  const eras = Math.round((nearMs / 1000 - seconds) / ERA_SECONDS);
  return (seconds + eras * ERA_SECONDS) * 1000;
}

/** Reads `host`, `host:port`, `[IPv6]` or `[IPv6]:port`. @returns `undefined` if the text is none of them */
export function findNtpServer(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, inBrackets, name, digits] = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?$/i.exec(text) ?? [];
  const host = inBrackets ?? name;
  const port = digits === undefined ? NTP_PORT : Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

function parseServer(text: string): { readonly host: string; readonly port: number } {
  const server = findNtpServer(text);
  if (server === undefined) throw new Error("an NTP server is a host, or a host and a port");
  return server;
}
