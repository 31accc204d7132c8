/**
 * Attacks on JSON Web Tokens, as jwt_tool (github.com/ticarpi/jwt_tool) and RFC 8725 list them, by group.
 *
 * The attacker saw a valid assertion, knows the victim's username and public key, has a server, and is an API user too.
 */
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import type { RefusalCode } from "@countersign/protocol";
import type { RsaKeyPair } from "./rsa-keys.ts";
import { encodeParts, signParts } from "./sign-assertion.ts";

export type Members = Readonly<Record<string, unknown>>;

/** What the attacker has. */
export interface Scene {
  readonly victim: RsaKeyPair;
  readonly attacker: RsaKeyPair;
  /** The attacker's own registered key. */
  readonly attackerKeyId: number;
  /** Where the attacker serves keys. */
  readonly attackerUrl: string;
}

export interface Attack {
  readonly name: string;
  readonly code: RefusalCode;
  /** @param claims those that a valid assertion of the victim would have now */
  readonly make: (claims: Members, scene: Scene) => string;
}

export const HEADER = { alg: "RS256", typ: "JWT" } as const;

/** The victim's assertion with other parts before its signature: what an attacker makes of one that was seen. */
export function tamper(claims: Members, { victim }: Scene, header: Members, changed: Members): string {
  const [, , signature = ""] = signParts(HEADER, claims, victim.privateKey).split(".");
  return `${encodeParts(header, changed)}.${signature}`;
}

/** An assertion with the attacker's own right signature. */
export function forge(claims: Members, { attacker }: Scene, header: Members = {}): string {
  return signParts({ ...HEADER, ...header }, claims, attacker.privateKey);
}

export function jwkOf({ publicKey }: RsaKeyPair) {
  const { n = "", e = "" } = publicKey.export({ format: "jwk" });
  return { kty: "RSA", use: "sig", n, e };
}

const attack = (code: RefusalCode, name: string, make: Attack["make"]): Attack => ({ name, code, make });

const unsigned = (header: Members, claims: Members, signature: Buffer | string = "") =>
  `${encodeParts(header, claims)}.${typeof signature === "string" ? signature : signature.toString("base64url")}`;

function hmac(header: Members, claims: Members, secret: string | Buffer): string {
  const text = encodeParts(header, claims);
  const digest = { HS384: "sha384", HS512: "sha512" }[String(header["alg"])] ?? "sha256";
  return `${text}.${createHmac(digest, secret).update(text).digest("base64url")}`;
}

/** CVE-2015-2951: no signature, or one that is right for RS256. */
const NONE = ["none", "None", "NONE", "nOnE", "none ", " none", "none\0", "", null, false, 0].flatMap((alg) => [
  attack("assertion_algorithm", `alg ${JSON.stringify(alg)} without a signature`, (claims) =>
    unsigned({ ...HEADER, alg }, claims),
  ),
  attack("assertion_algorithm", `alg ${JSON.stringify(alg)} with a seen signature`, (claims, scene) =>
    tamper(claims, scene, { ...HEADER, alg }, claims),
  ),
]);

/** Signed by the victim, so that only the header is wrong. */
const ALGORITHMS = [
  { typ: "JWT" },
  { alg: ["RS256"] },
  { alg: { RS256: true } },
  { alg: "__proto__" },
  { alg: "rs256" },
  { alg: "RS256 " },
  { alg: "RS1" },
  { ALG: "RS256" },
].map((header) =>
  attack("assertion_algorithm", `the header ${JSON.stringify(header)}`, (claims, { victim }) =>
    signParts(header, claims, victim.privateKey),
  ),
);

const OTHER_ALGORITHMS: readonly (readonly [alg: string, sign: (text: Buffer, scene: Scene) => Buffer])[] = [
  ["PS256", (text, { victim }) => sign("sha256", text, { key: victim.privateKey, padding: 6, saltLength: 32 })],
  [
    "ES256",
    (text) => {
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      return sign("sha256", text, { key: privateKey, dsaEncoding: "ieee-p1363" });
    },
  ],
  ["EdDSA", (text) => sign(null, text, generateKeyPairSync("ed25519").privateKey)],
];

/** Signatures that are right for another algorithm, or nothing, or nearly nothing. */
const SIGNATURES = [
  attack("assertion_rejected", "a null signature", (claims) => unsigned(HEADER, claims)),
  attack("assertion_malformed", "no signature and no dot before it", (claims) => encodeParts(HEADER, claims)),
  attack("assertion_malformed", "a signature without its last character", (claims, { victim }) =>
    signParts(HEADER, claims, victim.privateKey).slice(0, -1),
  ),
  attack("assertion_rejected", "a signature without its last bytes", (claims, { victim }) =>
    signParts(HEADER, claims, victim.privateKey).slice(0, -6),
  ),
  attack("assertion_malformed", "other unused bits in the last character", (claims, { victim }) => {
    const valid = signParts(HEADER, claims, victim.privateKey);
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return valid.slice(0, -1) + alphabet[alphabet.indexOf(valid.slice(-1)) + 1];
  }),
  attack("assertion_malformed", "padding", (claims, { victim }) => `${signParts(HEADER, claims, victim.privateKey)}==`),
  attack("assertion_rejected", "the signature 0", (claims) => unsigned(HEADER, claims, Buffer.alloc(256))),
  attack("assertion_rejected", "the signature 1", (claims) =>
    unsigned(HEADER, claims, Buffer.from([...Buffer.alloc(255), 1])),
  ),
  attack("assertion_rejected", "the modulus as the signature", (claims, { victim }) =>
    unsigned(HEADER, claims, jwkOf(victim).n),
  ),
  attack("assertion_rejected", "SHA-512 named RS256", (claims, { victim }) => {
    const text = encodeParts(HEADER, claims);
    return unsigned(HEADER, claims, sign("sha512", Buffer.from(text), victim.privateKey));
  }),
  ...OTHER_ALGORITHMS.flatMap(([alg, sign]) =>
    ([alg, "RS256"] as const).map((named) =>
      attack(
        named === alg ? "assertion_algorithm" : "assertion_rejected",
        `${alg}, a right signature, named ${named}`,
        (claims, scene) => {
          const header = { ...HEADER, alg: named };
          return unsigned(header, claims, sign(Buffer.from(encodeParts(header, claims)), scene));
        },
      ),
    ),
  ),
  // CVE-2022-21449: verifiers of ECDSA accepted zeros for every key.
  ...["ES256", "ES384", "ES512", "RS256"].flatMap((alg) =>
    ["MAYCAQACAQA", Buffer.alloc(64).toString("base64url")].map((zeros) =>
      attack(
        alg === "RS256" ? "assertion_rejected" : "assertion_algorithm",
        `a psychic signature of ${zeros.length} characters, named ${alg}`,
        (claims) => unsigned({ ...HEADER, alg }, claims, zeros),
      ),
    ),
  ),
];

/** What a verifier may take for the secret of an HMAC: the public key in each form (CVE-2016-5431), or a weak secret. */
const SECRETS: readonly (readonly [name: string, secret: (victim: RsaKeyPair) => string | Buffer])[] = [
  ["the public key's PEM", ({ publicPem }) => publicPem],
  ["the PEM without its last line end", ({ publicPem }) => publicPem.trimEnd()],
  ["the PEM with CRLF", ({ publicPem }) => publicPem.replaceAll("\n", "\r\n")],
  ["the PEM with escaped line ends", ({ publicPem }) => publicPem.replaceAll("\n", String.raw`\n`)],
  ["the PEM's base64 alone", ({ publicPem }) => publicPem.replaceAll(/-----.*-----|\n/g, "")],
  ["the PKCS#1 PEM", ({ publicKey }) => publicKey.export({ format: "pem", type: "pkcs1" })],
  ["the DER", ({ publicKey }) => publicKey.export({ format: "der", type: "spki" })],
  ["the PKCS#1 DER", ({ publicKey }) => publicKey.export({ format: "der", type: "pkcs1" })],
  ["the JWK", (victim) => JSON.stringify(jwkOf(victim))],
  ["the JWK's n", (victim) => jwkOf(victim).n],
  ["the modulus", (victim) => Buffer.from(jwkOf(victim).n, "base64url")],
  ["a blank password", () => ""],
  ["a common password", () => "secret"],
  ["a null byte", () => Buffer.alloc(1)],
];
const KEY_CONFUSION = SECRETS.flatMap(([name, secret]) =>
  ["HS256", "HS384", "HS512", "RS256"].map((alg) =>
    attack(
      alg === "RS256" ? "assertion_rejected" : "assertion_algorithm",
      `HMAC with ${name} as the secret, named ${alg}`,
      (claims, { victim }) => hmac({ ...HEADER, alg }, claims, secret(victim)),
    ),
  ),
);

/** CVE-2018-0114 and its kin: the header brings a key or names its place. */
const HEADER_KEYS = (
  [
    ["jwk", ({ attacker }) => ({ jwk: jwkOf(attacker) })],
    ["jwk with a kid", ({ attacker }) => ({ jwk: { ...jwkOf(attacker), kid: "jwt_tool" }, kid: "jwt_tool" })],
    ["jwk, and the attacker's key as kid", (scene) => ({ jwk: jwkOf(scene.attacker), kid: `${scene.attackerKeyId}` })],
    ["a JWK Set as jwk", ({ attacker }) => ({ jwk: { keys: [jwkOf(attacker)] } })],
    ["jku", ({ attackerUrl }) => ({ jku: `${attackerUrl}/jwks.json`, kid: "jwt_tool" })],
    ["jku with another host as its user", ({ attackerUrl }) => ({ jku: attackerUrl.replace("//", "//auth.example@") })],
    ["jku that is a file", () => ({ jku: "file:///etc/passwd" })],
    ["x5u", ({ attackerUrl }) => ({ x5u: `${attackerUrl}/cert.pem` })],
    [
      "x5c",
      ({ attacker }) => ({ x5c: [attacker.publicKey.export({ format: "der", type: "spki" }).toString("base64")] }),
    ],
    ["x5t", () => ({ x5t: "dGh1bWJwcmludA", "x5t#S256": "dGh1bWJwcmludA" })],
    ["iss and url", ({ attackerUrl }) => ({ iss: attackerUrl, url: attackerUrl })],
    ["kid, the attacker's key", ({ attackerKeyId }) => ({ kid: `${attackerKeyId}` })],
  ] satisfies readonly (readonly [name: string, header: (scene: Scene) => Members])[]
).map(([name, header]) =>
  attack("assertion_rejected", `the attacker's key, with ${name}`, (claims, scene) =>
    forge(claims, scene, header(scene)),
  ),
);

const KIDS: readonly unknown[] = [
  "",
  "../../../../../../dev/null",
  "/dev/null",
  "/invalid_path",
  "/proc/sys/kernel/randomize_va_space",
  "|sleep 10",
  "$(sleep 10)",
  "x' UNION SELECT '1';--",
  "' or 1=1 --",
  "1; drop table public_keys; --",
  "%00",
  "\0",
  "__proto__",
  "constructor",
  "👾",
  "k".repeat(2000),
  null,
  0,
  -1,
  1e308,
  true,
  [],
  ["1"],
  {},
  { $ne: null },
];
const KEY_IDS = KIDS.flatMap((kid) => {
  const shown = JSON.stringify(kid).slice(0, 40);
  return [
    ...["", "1", "\0"].map((secret) =>
      attack("assertion_algorithm", `kid ${shown} with the secret ${JSON.stringify(secret)}`, (claims) =>
        hmac({ ...HEADER, alg: "HS256", kid }, claims, secret),
      ),
    ),
    attack("assertion_rejected", `kid ${shown} with the attacker's signature`, (claims, scene) =>
      forge(claims, scene, { kid }),
    ),
  ];
});

/** Everything but one compact JWS. */
const FORMS = (
  [
    ["the flattened JSON serialization", (h, c, s) => JSON.stringify({ payload: c, protected: h, signature: s })],
    [
      "the general JSON serialization",
      (h, c, s) => JSON.stringify({ payload: c, signatures: [{ protected: h, signature: s }] }),
    ],
    ["five parts, as an encrypted one has", (h, c, s) => [h, c, s, s, s].join(".")],
    ["a dot at the end", (h, c, s) => `${h}.${c}.${s}.`],
    ["a dot at the start", (h, c, s) => `.${h}.${c}.${s}`],
    ["no header", (_h, c, s) => `.${c}.${s}`],
    ["no claims", (h, _c, s) => `${h}..${s}`],
    ["three empty parts", () => ".."],
    ["an escaped line end", (h, c, s) => `${h}.${c}.${s.slice(0, 9)}%0a${s.slice(9)}`],
    ["plain base64", (h, c) => `${h}.${c}.${"+/".repeat(171)}`],
    ["a nested JWT as the claims", (h, c, s) => `${h}.${Buffer.from(`"${h}.${c}.${s}"`).toString("base64url")}.${s}`],
  ] satisfies readonly (readonly [name: string, form: (header: string, claims: string, signature: string) => string])[]
).map(([name, form]) =>
  attack("assertion_malformed", name, (claims, { victim }) => {
    const [header = "", body = "", signature = ""] = signParts(HEADER, claims, victim.privateKey).split(".");
    return form(header, body, signature);
  }),
);

/** JSON that two parsers read differently. The victim signed it, so that only the text is wrong. */
const HEADER_TEXTS: readonly (readonly [name: string, header: string | Buffer])[] = [
  ["alg twice, none last", '{"alg":"RS256","alg":"none"}'],
  ["alg twice, none first", '{"alg":"none","alg":"RS256"}'],
  ["alg twice, once in Unicode escapes", String.raw`{"\u0061lg":"none","alg":"RS256"}`],
  ["a byte order mark", '\ufeff{"alg":"RS256"}'],
  ["a comment", '{"alg":"RS256"/* none */}'],
  ["a comma at the end", '{"alg":"RS256",}'],
  ["single quotes", "{'alg':'RS256'}"],
  ["invalid UTF-8", Buffer.from('{"alg":"RS256","x":"\xff"}', "latin1")],
];
const CLAIMS_TEXTS: readonly (readonly [name: string, change: (text: string) => string])[] = [
  ["a claim twice", (text) => `${text.slice(0, -1)},"x":1,"x":2}`],
  ["a claim twice, once in Unicode escapes", (text) => text.replace("{", String.raw`{"\u0069at":1,"iat":2,`)],
  ["NaN", (text) => text.replace("{", '{"x":NaN,')],
  ["a number in hexadecimal", (text) => text.replace("{", '{"x":0x10,')],
  ["a second value after the first", (text) => `${text}{}`],
  ["an array around the claims", (text) => `[${text}]`],
];
const JSON_TEXTS = [
  ...HEADER_TEXTS.map(([name, header]) =>
    attack("assertion_malformed", `a header with ${name}`, (claims, { victim }) =>
      signParts(header, claims, victim.privateKey),
    ),
  ),
  ...CLAIMS_TEXTS.map(([name, change]) =>
    attack("assertion_malformed", `claims with ${name}`, (claims, { victim }) =>
      signParts(HEADER, change(JSON.stringify(claims)), victim.privateKey),
    ),
  ),
];

const CRITICAL = [[], ["exp"], ["b64"], "alg", null, {}].map((crit) =>
  attack("assertion_header", `crit ${JSON.stringify(crit)}, signed by the victim`, (claims, { victim }) =>
    signParts({ ...HEADER, crit, b64: false }, claims, victim.privateKey),
  ),
);

/** A proof of possession or a revocation, signed by the victim, that has the claims of an assertion too. */
const STATEMENTS = ["key-proof+jwt", "key-revocation+jwt", "KEY-PROOF+JWT", "application/key-revocation+jwt"].map(
  (typ) =>
    attack("assertion_header", `the typ ${typ}, signed by the victim`, (claims, { victim }) =>
      signParts({ ...HEADER, typ, jwk: jwkOf(victim) }, { ...claims, nonce: "x" }, victim.privateKey),
    ),
);

/** Header parameters that don't change how an assertion is read, added to one that was seen. */
const ADDED_HEADERS = [
  ...["none", "JOSE", "at+jwt", "JWE", null, 0, { alg: "none" }].map((typ) => ({ typ })),
  ...["JWT", "none", "application/x-java-serialized-object", "text/xml", null].map((cty) => ({ cty })),
  { zip: "DEF" },
  { b64: false },
  { enc: "A256GCM", epk: {}, apu: "", apv: "", p2c: 1_000_000_000, p2s: "x" },
  { nonce: "x", url: "http://127.0.0.1/" },
].map((header) =>
  attack("assertion_rejected", `the header ${JSON.stringify(header)} added`, (claims, scene) =>
    tamper(claims, scene, { ...HEADER, ...header }, claims),
  ),
);

export const JWT_ATTACKS: readonly (readonly [group: string, attacks: readonly Attack[]])[] = [
  ["algorithms", [...NONE, ...ALGORITHMS]],
  ["signatures", SIGNATURES],
  ["key confusion and weak secrets", KEY_CONFUSION],
  ["keys in the header", HEADER_KEYS],
  ["kid", KEY_IDS],
  ["forms", FORMS],
  ["JSON", JSON_TEXTS],
  ["crit", CRITICAL],
  ["statements of a key about itself", STATEMENTS],
  ["added headers", ADDED_HEADERS],
];
