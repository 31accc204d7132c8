import { readFileSync } from "node:fs";
import type { Weakness } from "@countersign/protocol";
import type { AuditEvent } from "../core/feed/audit-chain.ts";

/** `vectors/tokens.json`: tokens and signing keys that another implementation computed. */
export function readTokenVectors(): TokenVectors {
  return readVectors("tokens") as TokenVectors;
}

/**
 * `vectors/public-keys.json`: public keys as OpenSSL and OpenSSH write them, and the fingerprints that those tools
 * print.
 */
export function readPublicKeyVectors(): PublicKeyVectors {
  return readVectors("public-keys") as PublicKeyVectors;
}

/** `vectors/audit-chain.jsonl`: an audit log with every action, written before events had types (`core/feed/event.ts`). */
export function readChainVectors(): readonly AuditEvent[] {
  const lines = readFileSync(new URL("../../../../vectors/audit-chain.jsonl", import.meta.url), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as AuditEvent);
}

function readVectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../../../vectors/${name}.json`, import.meta.url), "utf8"));
}

/** The claims of a token in `vectors/tokens.json`, under the names of `TokenClaims`. */
interface VectorClaims {
  readonly nonce: number;
  readonly userId: number;
  readonly expiresAtSeconds: number;
  readonly keyId: number;
}

export interface TokenVectors {
  readonly masterSecret: string;
  readonly masterFingerprint: string;
  readonly otherMasterSecret: string;
  readonly otherMasterFingerprint: string;
  readonly signingKeys: readonly { readonly number: number; readonly key: string }[];
  readonly documentedExample: { readonly payload: string; readonly claims: VectorClaims };
  readonly tokens: readonly {
    readonly name: string;
    readonly signingKeyNumber: number;
    readonly claims: VectorClaims;
    readonly payload: string;
    readonly token: string;
  }[];
  readonly refusedPayloads: readonly { readonly name: string; readonly payload: string; readonly token: string }[];
  readonly tokenUnderOtherMasterSecret: string;
  /** Signing keys that are bound to a store, and their tokens. */
  readonly boundToStore: {
    readonly storeId: string;
    readonly masterFingerprint: string;
    readonly otherMasterFingerprint: string;
    readonly signingKeys: TokenVectors["signingKeys"];
    readonly tokens: TokenVectors["tokens"];
    readonly otherStoreId: string;
    readonly masterFingerprintInOtherStore: string;
    readonly tokenOfOtherStore: string;
  };
}

export interface PublicKeyVectors {
  readonly keys: readonly {
    readonly name: string;
    readonly bits: number;
    readonly fingerprint: string;
    readonly thumbprint: string;
    readonly spkiSha256: string;
    readonly spki: string;
    readonly ssh: string;
    readonly jwk: { readonly kty: string; readonly n: string; readonly e: string };
    readonly pkcs1?: string;
    readonly certificate?: string;
  }[];
  readonly rfc7638Example: { readonly jwk: Readonly<Record<string, string>>; readonly thumbprint: string };
  readonly refused: readonly {
    readonly name: string;
    readonly text: string;
    readonly message: string;
    readonly weakness?: Weakness;
  }[];
}
