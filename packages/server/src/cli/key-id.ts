import type { KeyId } from "../core/keys/model.ts";
import { WrongUsage } from "./context.ts";

/** Reads a key's id. @throws {WrongUsage} */
export function parseKeyId(text: string): KeyId {
  if (!/^[1-9][0-9]{0,9}$/.test(text))
    throw new WrongUsage("A key id is a whole number; countersign key list shows them.");
  return Number(text) as KeyId;
}
