/**
 * Keeps packages/server/data/published-keys.txt, the list of keys whose private half is published.
 *
 *     node scripts/published-keys.ts                                  checks the list's form
 *     node scripts/published-keys.ts "PyJWT, tests/keys"=FOLDER …     adds the keys that these texts hold, under this source
 *     node scripts/published-keys.ts --check "…"=FOLDER …             fails if the list lacks one of them
 *
 * It reads RSA private keys of 2048 to 8192 bits that aren't encrypted: PEM, also within a program's text, and JWKs. With `--public` it
 * reads public keys and certificates, too: for texts such as an RFC's, of which it is known that they print the private half elsewhere.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

const LIST = join(import.meta.dirname, "..", "packages", "server", "data", "published-keys.txt");
const FILE_BYTES_MAX = 4_000_000;

const words = process.argv.slice(2);
const isCheck = words.includes("--check");
const withPublic = words.includes("--public");
const text = readFileSync(LIST, "utf8");
const header = text.split("\n").filter((line) => line.startsWith("#"));
const known = new Map<string, string>();
const problems: string[] = [];

let last = "";
for (const line of text.split("\n")) {
  if (line === "" || line.startsWith("#")) continue;
  const [, hash, source] = /^([0-9a-f]{64}) {2}(\S.*)$/.exec(line) ?? [];
  if (hash === undefined || source === undefined) problems.push(`not a line of the list: ${line}`);
  else {
    if (hash <= last) problems.push(`not in order, or twice: ${hash}`);
    known.set(hash, source);
    last = hash;
  }
}

for (const word of words.filter((word) => !word.startsWith("--"))) {
  const at = word.lastIndexOf("=");
  const [source, path] = [word.slice(0, at), word.slice(at + 1)];
  let found = 0;
  for (const [hash, file] of keysBelow(path)) {
    found++;
    if (known.has(hash)) continue;
    if (isCheck) problems.push(`the list lacks ${hash} (${source}, ${file})`);
    else known.set(hash, file === "" ? source : `${source}: ${file}`);
  }
  process.stdout.write(`${source}: ${found} keys\n`);
}

if (!isCheck && words.length > 0 && problems.length === 0) {
  const lines = [...known].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([hash, source]) => `${hash}  ${source}`);
  writeFileSync(LIST, `${[...header, ...lines].join("\n")}\n`);
}
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(`${known.size} keys, ${problems.length} problems\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** The hash of each key in a file or in all files of a folder, with the file's path in the folder. */
function keysBelow(path: string): Map<string, string> {
  const keys = new Map<string, string>();
  const files = statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort()
    : [path];
  for (const file of files) {
    if (statSync(file).size > FILE_BYTES_MAX) continue;
    for (const hash of hashesIn(readFileSync(file, "latin1"))) {
      if (!keys.has(hash)) keys.set(hash, relative(path, file));
    }
  }
  return keys;
}

function hashesIn(content: string): string[] {
  const keys: (KeyObject | undefined)[] = [];
  for (const [, label = "", body = ""] of content.matchAll(
    /-----BEGIN ([A-Z0-9 ]+)-----(.{100,20000}?)-----END \1-----/gs,
  )) {
    // Go's tests write TESTING in place of PRIVATE.
    const isPrivate = /(?:PRIVATE|TESTING) KEY$/.test(label);
    if (!isPrivate && !withPublic) continue;
    // In a program's text the lines may be strings with escapes, quotes and signs between them.
    const base64 = body.replaceAll(/\\[nrt]|\\\n/g, "").replaceAll(/[^A-Za-z0-9+/=]/g, "");
    keys.push(readDer(Buffer.from(base64, "base64"), isPrivate));
  }
  // A JWK's members within one object, in any order; an RFC wraps the values.
  for (const [object] of content.matchAll(/\{[^{}]{300,9000}\}/g)) {
    const member = (name: string) =>
      new RegExp(`["']?\\b${name}["']?\\s*:\\s*["']([A-Za-z0-9_\\-\\s]+)["']`).exec(object)?.[1]?.replaceAll(/\s/g, "");
    const [n, e, d] = [member("n"), member("e"), member("d")];
    if (n !== undefined && e !== undefined && (withPublic || d !== undefined)) keys.push(readJwk(n, e));
  }
  return keys.flatMap((key) => (key === undefined ? [] : (hashOf(key) ?? [])));
}

function readDer(der: Buffer, isPrivate: boolean): KeyObject | undefined {
  const readers = isPrivate
    ? [
        () => createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" })),
        () => createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs1" })),
      ]
    : [
        () => createPublicKey({ key: der, format: "der", type: "spki" }),
        () => createPublicKey({ key: der, format: "der", type: "pkcs1" }),
        () => new X509Certificate(der).publicKey,
      ];
  for (const read of readers) {
    try {
      return read();
    } catch {
      // It is encrypted, damaged or of another kind.
    }
  }
  return undefined;
}

function readJwk(n: string, e: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: "RSA", n, e }, format: "jwk" });
  } catch {
    return undefined;
  }
}

/** SHA-256 of the modulus without leading zeros; `undefined` for a key that is refused for its kind or size. */
function hashOf(key: KeyObject): string | undefined {
  const { modulusLength: bits = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType !== "rsa" || bits < 2048 || bits > 8192) return undefined;
  const { n = "" } = key.export({ format: "jwk" });
  return createHash("sha256").update(Buffer.from(n, "base64url")).digest("hex");
}
