import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** How an answer may differ from a correct one. */
export interface AnswerChanges {
  readonly origin?: string;
  readonly relyingParty?: string;
  readonly challenge?: string;
  readonly type?: string;
  readonly crossOrigin?: boolean;
  readonly isUserVerified?: boolean;
  readonly isUserPresent?: boolean;
  readonly counter?: number;
  /** In a creation: an attestation statement with certificates. */
  readonly certificates?: readonly Buffer[];
  /** In a request: the key that signs. */
  readonly key?: KeyObject;
  /** In a request: the credential's id. */
  readonly credentialId?: string;
}

/** What `navigator.credentials` gives, as JSON (WebAuthn §5.1). */
export type CredentialJson = Readonly<Record<string, unknown>> & { readonly id: string };

/** A browser with an authenticator in memory: makes ES256 credentials and signs with them. */
export interface SoftwareAuthenticator {
  /** @param options what the service returned for `navigator.credentials.create` */
  create(options: unknown, origin: string, changes?: AnswerChanges): CredentialJson;
  /**
   * Answers with the credential that was made last. @param options what the service returned for
   * `navigator.credentials.get`
   */
  get(options: unknown, origin: string, changes?: AnswerChanges): CredentialJson;
}

interface Credential {
  readonly id: string;
  readonly privateKey: KeyObject;
  counter: number;
}

/** @param counts whether it counts its signatures; synced passkeys don't @param aaguid the authenticator's model */
export function createSoftwareAuthenticator({
  counts = false,
  aaguid = "00000000-0000-0000-0000-000000000000",
}: {
  readonly counts?: boolean;
  readonly aaguid?: string;
} = {}): SoftwareAuthenticator {
  let current: Credential | undefined;

  return {
    create(options, origin, changes = {}) {
      const { rp, challenge } = options as { rp: { id: string }; challenge: string };
      const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const idBytes = randomBytes(32);
      current = { id: idBytes.toString("base64url"), privateKey, counter: counts ? 1 : 0 };
      const { x = "", y = "" } = publicKey.export({ format: "jwk" });
      // COSE (RFC 9053 §7.1.1): key type EC2, algorithm ES256, curve P-256, x, y.
      const cose = cborMap([
        [cborInteger(1), cborInteger(2)],
        [cborInteger(3), cborInteger(-7)],
        [cborInteger(-1), cborInteger(1)],
        [cborInteger(-2), cborBytes(Buffer.from(x, "base64url"))],
        [cborInteger(-3), cborBytes(Buffer.from(y, "base64url"))],
      ]);
      const idLength = Buffer.alloc(2);
      idLength.writeUInt16BE(idBytes.length);
      const attested = Buffer.concat([Buffer.from(aaguid.replaceAll("-", ""), "hex"), idLength, idBytes, cose]);
      const authenticatorData = makeAuthenticatorData(rp.id, { counter: current.counter, ...changes }, attested);
      const { certificates } = changes;
      const statement =
        certificates === undefined
          ? cborMap([])
          : cborMap([
              [cborText("alg"), cborInteger(-7)],
              [cborText("sig"), cborBytes(randomBytes(70))],
              [cborText("x5c"), cborHead(4, certificates.length), ...certificates.map(cborBytes)],
            ]);
      const attestationObject = cborMap([
        [cborText("fmt"), cborText(certificates === undefined ? "none" : "packed")],
        [cborText("attStmt"), statement],
        [cborText("authData"), cborBytes(authenticatorData)],
      ]);
      const clientData = makeClientData("webauthn.create", challenge, origin, changes);
      return {
        id: current.id,
        rawId: current.id,
        type: "public-key",
        clientExtensionResults: {},
        response: {
          clientDataJSON: clientData.toString("base64url"),
          attestationObject: attestationObject.toString("base64url"),
          transports: ["internal", "nonsense"],
        },
      };
    },

    get(options, origin, changes = {}) {
      if (current === undefined) throw new Error("no credential was made yet");
      const { rpId, challenge } = options as { rpId: string; challenge: string };
      if (counts) current.counter++;
      const authenticatorData = makeAuthenticatorData(rpId, { counter: current.counter, ...changes });
      const clientData = makeClientData("webauthn.get", challenge, origin, changes);
      const signed = Buffer.concat([authenticatorData, createHash("sha256").update(clientData).digest()]);
      const id = changes.credentialId ?? current.id;
      return {
        id,
        rawId: id,
        type: "public-key",
        clientExtensionResults: {},
        response: {
          clientDataJSON: clientData.toString("base64url"),
          authenticatorData: authenticatorData.toString("base64url"),
          signature: sign("sha256", signed, changes.key ?? current.privateKey).toString("base64url"),
        },
      };
    },
  };
}

/** WebAuthn §6.1. */
function makeAuthenticatorData(relyingParty: string, changes: AnswerChanges, attested?: Buffer): Buffer {
  const { isUserPresent = true, isUserVerified = true, counter = 0 } = changes;
  const flags = (isUserPresent ? 1 : 0) | (isUserVerified ? 4 : 0) | (attested === undefined ? 0 : 0x40);
  const head = Buffer.alloc(5);
  head.writeUInt8(flags, 0);
  head.writeUInt32BE(counter, 1);
  const hash = createHash("sha256").update(changes.relyingParty ?? relyingParty);
  return Buffer.concat([hash.digest(), head, attested ?? Buffer.alloc(0)]);
}

/** WebAuthn §5.8.1. */
function makeClientData(type: string, challenge: string, origin: string, changes: AnswerChanges): Buffer {
  return Buffer.from(
    JSON.stringify({
      type: changes.type ?? type,
      challenge: changes.challenge ?? challenge,
      origin: changes.origin ?? origin,
      crossOrigin: changes.crossOrigin ?? false,
    }),
  );
}

/** CBOR (RFC 8949 §3), as far as it is needed. */
function cborHead(major: number, value: number): Buffer {
  if (value < 24) return Buffer.from([(major << 5) | value]);
  if (value < 256) return Buffer.from([(major << 5) | 24, value]);
  const head = Buffer.from([(major << 5) | 25, 0, 0]);
  head.writeUInt16BE(value, 1);
  return head;
}

function cborInteger(value: number): Buffer {
  return value < 0 ? cborHead(1, -1 - value) : cborHead(0, value);
}

function cborBytes(bytes: Buffer): Buffer {
  return Buffer.concat([cborHead(2, bytes.length), bytes]);
}

function cborText(text: string): Buffer {
  return Buffer.concat([cborHead(3, Buffer.byteLength(text)), Buffer.from(text)]);
}

function cborMap(pairs: readonly (readonly Buffer[])[]): Buffer {
  return Buffer.concat([cborHead(5, pairs.length), ...pairs.flat()]);
}
