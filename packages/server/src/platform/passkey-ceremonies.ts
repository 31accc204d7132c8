import type { AuthenticationResponseJSON, RegistrationResponseJSON } from "@simplewebauthn/server";
import type { PasskeyCeremonies } from "../core/operators/passkeys.ts";

/** Loaded when first needed: loading takes a tenth of a second, which would delay every command. */
const loadLibrary = () => import("@simplewebauthn/server");
const loadHelpers = () => import("@simplewebauthn/server/helpers");

/** The service's name in the browser's passkey dialog. */
const SERVICE_NAME = "Countersign";

/** How long a browser waits for its user, in milliseconds. Challenges live a little longer. */
const TIMEOUT_MS = 240_000;

/** EdDSA, ES256 and RS256 (IANA, COSE Algorithms). Practically every authenticator supports one of them. */
const ALGORITHMS = [-8, -7, -257];

/** Longest credential id, in characters of base64url (WebAuthn §4: 1023 bytes). */
const CREDENTIAL_ID_CHARACTERS_MAX = 1364;

const TRANSPORTS: readonly string[] = ["ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"];

/** Names of authenticators, by AAGUID (passkeydeveloper/passkey-authenticator-aaguids). */
const AUTHENTICATORS: Readonly<Record<string, string>> = {
  "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4": "Google Password Manager",
  "adce0002-35bc-c60a-648b-0b25f1f05503": "Chrome on Mac",
  "08987058-cadc-4b81-b6e1-30de50dcbe96": "Windows Hello",
  "9ddd1817-af5a-4672-a2b9-3e3dd95000a9": "Windows Hello",
  "6028b017-b1d4-4c02-b4b3-afcdafc96bb2": "Windows Hello",
  "fbfc3007-154e-4ecc-8c0b-6e020557d7bd": "iCloud Keychain",
  "dd4ec289-e01d-41c9-bb89-70fa845d4bf2": "iCloud Keychain (managed)",
  "531126d6-e717-415c-9320-3d9aa6981239": "Dashlane",
  "bada5566-a7aa-401f-bd96-45619a55120d": "1Password",
  "d548826e-79b4-db40-a3d8-11116f7e8349": "Bitwarden",
  "fdb141b2-5d84-443e-8a35-4698c205a502": "KeePassXC",
  "53414d53-554e-4700-0000-000000000000": "Samsung Pass",
};

/** WebAuthn, through `@simplewebauthn/server`. Its errors quote the browser's answer, so none of them leaves this file. */
export function createPasskeyCeremonies(): PasskeyCeremonies {
  return {
    async creationOptions({ challenge, email, userHandle, relyingParty, existing }) {
      const { generateRegistrationOptions } = await loadLibrary();
      const options = await generateRegistrationOptions({
        rpName: SERVICE_NAME,
        rpID: relyingParty,
        userName: email,
        userDisplayName: email,
        userID: new Uint8Array(userHandle),
        challenge: new Uint8Array(challenge),
        timeout: TIMEOUT_MS,
        attestationType: "none",
        excludeCredentials: existing
          .filter((passkey) => passkey.relyingParty === relyingParty)
          .map(({ credentialId, transports }) => ({ id: credentialId, transports: [...transports] })),
        authenticatorSelection: { residentKey: "required", userVerification: "required" },
        supportedAlgorithmIDs: ALGORITHMS,
      });
      return { ...options };
    },

    async requestOptions({ challenge, relyingParty }) {
      const { generateAuthenticationOptions } = await loadLibrary();
      const options = await generateAuthenticationOptions({
        rpID: relyingParty,
        challenge: new Uint8Array(challenge),
        timeout: TIMEOUT_MS,
        userVerification: "required",
      });
      return { ...options };
    },

    parseAnswer(response) {
      const { id, response: answer } = members(response);
      const clientData = parseJson(bytesOf(members(answer)["clientDataJSON"])?.toString("utf8"));
      const { challenge, crossOrigin } = members(clientData);
      const unverifiedChallenge = bytesOf(challenge);
      if (typeof id !== "string" || id.length > CREDENTIAL_ID_CHARACTERS_MAX || bytesOf(id) === undefined) {
        return undefined;
      }
      // The console's headers forbid framing, so a cross-origin answer isn't the console's.
      if (unverifiedChallenge === undefined || crossOrigin === true) return undefined;
      return { unverifiedCredentialId: id, unverifiedChallenge };
    },

    async verifyCreation(response, challenge, { origin, relyingParty }) {
      const { verifyRegistrationResponse } = await loadLibrary();
      const given = response as RegistrationResponseJSON;
      const verified = await orUndefined(async () => {
        await requireNoCertificates(given.response.attestationObject);
        return verifyRegistrationResponse({
          response: given,
          expectedChallenge: challenge.toString("base64url"),
          expectedOrigin: origin,
          expectedRPID: relyingParty,
          requireUserVerification: true,
          supportedAlgorithmIDs: ALGORITHMS,
        });
      });
      if (verified?.verified !== true) return undefined;
      const { credential, aaguid } = verified.registrationInfo;
      // The browser's own claim, and only a hint for the next sign-in.
      const { transports: claimed } = members(members(response)["response"]);
      const transports = Array.isArray(claimed) ? TRANSPORTS.filter((name) => claimed.includes(name)) : [];
      return {
        credentialId: credential.id,
        publicKey: credential.publicKey,
        counter: credential.counter,
        transports,
        authenticator: AUTHENTICATORS[aaguid] ?? describe(transports),
      };
    },

    async verifyRequest(response, challenge, { origin, relyingParty }, { credentialId, publicKey, counter }) {
      const { verifyAuthenticationResponse } = await loadLibrary();
      const verified = await orUndefined(() =>
        verifyAuthenticationResponse({
          response: response as AuthenticationResponseJSON,
          expectedChallenge: challenge.toString("base64url"),
          expectedOrigin: origin,
          expectedRPID: relyingParty,
          requireUserVerification: true,
          credential: { id: credentialId, publicKey: new Uint8Array(publicKey), counter },
        }),
      );
      return verified?.verified === true ? { counter: verified.authenticationInfo.newCounter } : undefined;
    },
  };
}

/**
 * Refuses attestation certificates. The service requests none and doesn't rely on manufacturers' claims, so parsing certificates
 * from any client would be a needless risk. The formats without certificates are `none` and self attestation (WebAuthn §6.5.4).
 *
 * @throws if there is a certificate
 */
async function requireNoCertificates(attestationObject: string): Promise<void> {
  const { decodeAttestationObject } = await loadHelpers();
  const attestation = decodeAttestationObject(new Uint8Array(Buffer.from(attestationObject, "base64url")));
  const format = attestation.get("fmt");
  const isSelf = format === "packed" && attestation.get("attStmt").get("x5c") === undefined;
  if (format !== "none" && !isSelf) throw new Error("an attestation that wasn't requested");
}

function describe(transports: readonly string[]): string {
  if (transports.includes("usb") || transports.includes("nfc")) return "Security key";
  if (transports.includes("internal")) return "This device";
  return transports.includes("hybrid") ? "Phone" : "Passkey";
}

async function orUndefined<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch {
    return undefined;
  }
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** Decodes canonical base64url; `undefined` for anything else. */
function bytesOf(text: unknown): Buffer | undefined {
  if (typeof text !== "string") return undefined;
  const bytes = Buffer.from(text, "base64url");
  return text !== "" && bytes.toString("base64url") === text ? bytes : undefined;
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
