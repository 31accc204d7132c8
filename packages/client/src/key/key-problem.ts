import { CountersignError } from "../countersign-error.ts";

const MAKE_A_KEY =
  "Make one with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out private.pem, " +
  "and have its public half added.";

/**
 * The messages for everything that can be wrong with a private key. None quotes the key, not even its first characters: in a
 * damaged key, any of them may be secret.
 */
const PROBLEMS = {
  missing: ["there is none", "Is the environment variable set that it comes from?"],
  type: ["it is neither a text nor a CryptoKey", "Give the PEM text, a CryptoKey, or a function that returns one."],
  long: ["its text is far longer than any key", "Give the PEM text of the private key alone."],
  path: ["it looks like a file's name", "Give what the file holds."],
  unknown: [
    "no private key is in the text",
    "Give the whole PEM text, from -----BEGIN PRIVATE KEY----- to -----END PRIVATE KEY-----.",
  ],
  truncated: [
    "it is cut off",
    "Copy it whole, up to and including its END line; a shell or .env file may have kept its first line only.",
  ],
  damaged: [
    "its text is damaged",
    "Copy it again. On the way through a form or a URL, each + may have become a space.",
  ],
  unescaped: ["the line ends in its text became the letter n", "Put the value into single quotes where it is set."],
  several: ["the text holds more than one private key", "Give the one whose public half was added."],
  encrypted: [
    "it is encrypted with a passphrase",
    "Write a copy without one: openssl pkey -in private.pem -out plain.pem, and guard it as a secret.",
  ],
  public: ["it is a public key", "The private key stays with the client, and is what goes here."],
  certificate: ["it is a certificate", "Give the private key that belongs to it."],
  request: ["it is a certificate request", "Give the private key that it was made with."],
  openssh: [
    "it is in OpenSSH's own format",
    "Convert a copy of the file: ssh-keygen -p -m PEM -f copy, with an empty passphrase.",
  ],
  putty: [
    "it is in PuTTY's format",
    "Export it in PuTTYgen: Conversions, Export OpenSSH key; then ssh-keygen -p -m PEM.",
  ],
  pkcs12: ["it is a PKCS#12 file", "Take the key out: openssl pkcs12 -in file.p12 -nocerts -noenc -out private.pem."],
  jwk: ["it is a JWK", 'Import it and give the CryptoKey: crypto.subtle.importKey("jwk", …).'],
  json: ["it is JSON", "Give the PEM text in it."],
  ec: ["it is a key of an elliptic curve", `This service takes RSA keys only. ${MAKE_A_KEY}`],
  pss: ["it is restricted to RSA-PSS", `This service takes RSASSA-PKCS1-v1_5 signatures only. ${MAKE_A_KEY}`],
  other: ["it isn't an RSA key", MAKE_A_KEY],
  multiprime: ["it has more than two primes", MAKE_A_KEY],
  inconsistent: ["its numbers don't belong together", "Copy it again: some of it was changed."],
  refused: ["this platform refuses it", `Its numbers may be wrong. ${MAKE_A_KEY}`],
  usage: [
    "the CryptoKey can't sign",
    'Import it as a private key with the usage "sign" and the algorithm RSASSA-PKCS1-v1_5 with SHA-256.',
  ],
} as const;

export type KeyProblem = keyof typeof PROBLEMS;

/** The error about a private key. */
export function keyUnusable(problem: KeyProblem): CountersignError {
  const [what, hint] = PROBLEMS[problem];
  return new CountersignError("key_unusable", `The private key can't be used: ${what}.`, { hint });
}

/** The error about a key whose size isn't taken. Bounds are inclusive. */
export function keySizeRefused(bits: number, bitsMin: number, bitsMax: number): CountersignError {
  return new CountersignError(
    "key_unusable",
    `The private key can't be used: it has ${bits} bits, and ${bitsMin} to ${bitsMax} are allowed.`,
    { hint: MAKE_A_KEY },
  );
}
