import type { PasskeyPlace } from "../../../core/operators/passkeys.ts";
import { Refusal } from "../../../core/refusal.ts";
import type { AdminRequest } from "./handlers.ts";
import type { Origins } from "./origins.ts";

/** The origin and relying party of the page; `undefined` if passkeys can't work there. */
export function findPasskeyPlace(origins: Origins, { origin }: AdminRequest): PasskeyPlace | undefined {
  const relyingParty = origin === undefined ? undefined : origins.relyingPartyId(origin);
  return origin === undefined || relyingParty === undefined ? undefined : { origin, relyingParty };
}

/** The origin and relying party of the page. @throws {Refusal} `conflict` if passkeys can't work there */
export function requirePasskeyPlace(origins: Origins, request: AdminRequest): PasskeyPlace {
  const place = findPasskeyPlace(origins, request);
  if (place === undefined) {
    throw new Refusal("conflict", "Passkeys don't work at an IP address.", {
      hint: `Open the console by its name: ${origins.consoleUrl}`,
    });
  }
  return place;
}
