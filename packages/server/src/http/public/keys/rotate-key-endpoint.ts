import { OVERLAP_SECONDS_DEFAULT, OVERLAP_SECONDS_MAX, type WarningItem } from "@countersign/protocol";
import { keysNeedingKid, needsKidMessage } from "../../../core/assertion/keys-needing-kid.ts";
import { isoTime, keyJson } from "../../../core/json/registry.ts";
import type { PublicKey } from "../../../core/keys/model.ts";
import type { BeginRotation } from "../../../core/rotation/rotate-key.ts";
import type { Rotation } from "../../../core/rotation/rotate.ts";
import { jsonHeaders, type WrittenAnswer } from "../../server/answers.ts";
import { createEndpoint, type EndpointSurroundings, type PlainEndpoint } from "../../server/endpoint.ts";
import type { RefusalLimit } from "../../server/refusal-limit.ts";
import type { DelayRejection } from "../delay-rejection.ts";
import { type JsonMembers, memberRefusal, readJsonObject, requiredText } from "../read-json.ts";
import { optionsAnswer, requirePost } from "../require-post.ts";

/** The largest body, in bytes: a key in any form, and a proof. */
const BODY_BYTES_MAX = 32_768;

const MEMBERS = ["public_key", "proof", "label", "overlap_seconds"];

/** `POST /api/auth/v0/keys/`: a client replaces its key. */
export function createRotateKeyEndpoint(
  beginRotation: BeginRotation,
  listKeys: (userId: PublicKey["userId"]) => Promise<readonly PublicKey[]>,
  limit: RefusalLimit,
  delayRejection: DelayRejection,
  surroundings: EndpointSurroundings & { readonly wallMs: () => number },
): PlainEndpoint {
  return createEndpoint(
    "rotate_key",
    surroundings,
    async (context) => {
      const { request, requestId } = context;
      if (request.method === "OPTIONS") return optionsAnswer(requestId);
      requirePost(request);
      const client = context.clientAddress();
      limit.check(client);
      const complete = beginRotation(request.headers.authorization);
      const body = await readJsonObject(request, BODY_BYTES_MAX, MEMBERS);
      const asked = {
        publicKey: requiredText(body, "public_key"),
        proof: requiredText(body, "proof"),
        label: labelOf(body),
        overlapSeconds: overlapOf(body),
      };
      // The fixed delay starts here: counted from the head, a client could send its body late and still measure the work.
      const rotation = await delayRejection(() =>
        complete({ ...asked, client, findSource: () => surroundings.clientSource.find(request) }),
      );
      const { key, previous, isRepeated } = rotation;
      const line = { request_id: requestId, route: "rotate_key", key_id: key.id, rotated_from: previous.id };
      surroundings.log.info(line, isRepeated ? "rotation repeated" : "key rotated");
      const nowMs = surroundings.wallMs();
      return rotationAnswer(rotation, await warningsOf(rotation, nowMs), requestId, nowMs);
    },
    { onRefused: (context) => limit.count(context.clientAddress()) },
  );

  async function warningsOf({ key, previous, siblings }: Rotation, nowMs: number): Promise<readonly WarningItem[]> {
    const warnings: WarningItem[] = [];
    const needing = keysNeedingKid(key, await listKeys(key.userId), nowMs);
    if (needing.length > 0) warnings.push({ code: "key_needs_kid", message: needsKidMessage(needing) });
    if (siblings.length > 0) warnings.push({ code: "key_rotated_before", message: rotatedBefore(previous, siblings) });
    return warnings;
  }
}

function rotatedBefore({ id }: PublicKey, siblings: readonly PublicKey[]): string {
  const others = siblings.map((key) => `key ${key.id} at ${isoTime(key.createdAtMs)}`).join(", ");
  return (
    `Key ${id} has rotated in another key: ${others}. If that wasn't you, somebody else has the private key: ` +
    `have key ${id} revoked with its descendants.`
  );
}

function rotationAnswer(
  { key, previous, isRepeated }: Rotation,
  warnings: readonly WarningItem[],
  requestId: string,
  nowMs: number,
): WrittenAnswer {
  const shown = {
    ...keyJson(key, nowMs),
    previous: { id: previous.id, expires_at: isoTime(previous.expiresAtMs) },
  };
  const body = JSON.stringify({ meta: { code: 201, errors: [], warnings }, data: shown });
  const headers = jsonHeaders(requestId, body);
  if (isRepeated) headers.push("Idempotency-Replayed", "true");
  return { status: 201, headers, body };
}

function labelOf({ label }: JsonMembers): string | undefined {
  if (label === undefined || typeof label === "string") return label;
  throw memberRefusal("label", "must be a text");
}

function overlapOf({ overlap_seconds: seconds = OVERLAP_SECONDS_DEFAULT }: JsonMembers): number {
  const isAllowed =
    typeof seconds === "number" && Number.isInteger(seconds) && seconds >= 0 && seconds <= OVERLAP_SECONDS_MAX;
  if (isAllowed) return seconds;
  throw memberRefusal("overlap_seconds", `must be a whole number from 0 to ${OVERLAP_SECONDS_MAX}`);
}
