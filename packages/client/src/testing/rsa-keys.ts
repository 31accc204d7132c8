import { generateKeyPairSync, type KeyObject } from "node:crypto";

export interface TestKey {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** PEM. */
  readonly pkcs8: string;
  readonly pkcs1: string;
}

const keys = new Map<string, TestKey>();

/** A real RSA key pair, made once in each test process: generating is slow. Another name gives another pair. */
export function rsaKey(name = "alice", bits = 2048): TestKey {
  const cached = keys.get(`${name} ${bits}`);
  if (cached !== undefined) return cached;
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  const key = {
    publicKey,
    privateKey,
    pkcs8: privateKey.export({ format: "pem", type: "pkcs8" }),
    pkcs1: privateKey.export({ format: "pem", type: "pkcs1" }),
  };
  keys.set(`${name} ${bits}`, key);
  return key;
}
