import { editDistance } from "../core/edit-distance.ts";
import type { UnknownName } from "../core/refusal.ts";
import { Refusal } from "../core/refusal.ts";

/** How many names a message suggests at most. */
const SUGGESTIONS_MAX = 3;

/** How many names that begin alike are compared. */
const CANDIDATES_MAX = 200;
const FIRST_PAGE = { limit: CANDIDATES_MAX };

/** No name is longer, and comparing takes time and memory that grow with the length. */
const NAME_CHARACTERS_MAX = 254;

/** A page of things that have a name. */
interface NamePage<Member extends string> {
  page(
    filter: object,
    request: { readonly limit: number },
  ): Promise<{ readonly items: readonly Readonly<Record<Member, string>>[] }>;
}

/** Where names are looked up: in a store, or by the admin API. */
export interface Names {
  readonly accounts: { list(): Promise<readonly { readonly shortname: string }[]> };
  readonly resourceServers: { list(): Promise<readonly { readonly name: string }[]> };
  readonly users: {
    page(
      filter: { readonly namePrefix: string },
      order: "name",
      todaySeconds: number,
      request: { readonly limit: number },
    ): Promise<{ readonly items: readonly { readonly username: string }[] }>;
  };
  readonly adminTokens: NamePage<"name">;
  readonly operators: NamePage<"email">;
}

/**
 * Adds to a refusal of an unknown name which names may have been meant: "There is no API user demo; did you mean api-1-demo?". Any
 * other error is returned unchanged. It never fails, and looks up few names however many there are.
 */
export async function withSuggestion(failure: unknown, store: Names): Promise<unknown> {
  if (!(failure instanceof Refusal) || failure.detail.unknownName === undefined) return failure;
  const { unknownName } = failure.detail;
  let meant: readonly string[] = [];
  try {
    meant = await suggestNames(store, unknownName);
  } catch {
    // The error itself matters more than why nothing can be suggested.
  }
  if (meant.length === 0) return failure;
  const [last = "", ...others] = meant.toReversed();
  const list = others.length === 0 ? last : `${others.toReversed().join(", ")} or ${last}`;
  const sentence = failure.message.replace(/\.(?: .*)?$/s, "");
  return new Refusal(failure.code, `${sentence}; did you mean ${list}?`, failure.detail);
}

/** The existing names that are likeliest meant, the likeliest first. */
export async function suggestNames(store: Names, { kind, name }: UnknownName): Promise<readonly string[]> {
  if (name.length > NAME_CHARACTERS_MAX) return [];
  const given = name.toLowerCase();
  const candidates = kind === "user" ? await userCandidates(store, given) : await candidatesOf(store, kind);
  const bare = (each: string) => (kind === "user" ? each.replace(/^api-[0-9]+-/, "") : each);
  return candidates
    .map((each) => ({ each, distance: nearness(given, each.toLowerCase(), bare(given), bare(each.toLowerCase())) }))
    .filter(({ distance }) => distance <= Math.max(1, Math.floor(given.length / 4)))
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, SUGGESTIONS_MAX)
    .map(({ each }) => each);
}

/** The number of changes that make one the other; names whose part after `api-1-` is the same, or that begin alike, are near. */
function nearness(given: string, existing: string, bareGiven: string, bareExisting: string): number {
  if (bareGiven === bareExisting) return 0;
  if (bareGiven.length >= 2 && bareExisting.startsWith(bareGiven)) return 0.5;
  return Math.min(editDistance(given, existing), editDistance(bareGiven, bareExisting));
}

async function candidatesOf(store: Names, kind: Exclude<UnknownName["kind"], "user">): Promise<readonly string[]> {
  const names = {
    account: async () => (await store.accounts.list()).map(({ shortname }) => shortname),
    "resource-server": async () => (await store.resourceServers.list()).map(({ name }) => name),
    "admin-token": async () => (await store.adminTokens.page({}, FIRST_PAGE)).items.map(({ name }) => name),
    operator: async () => (await store.operators.page({}, FIRST_PAGE)).items.map(({ email }) => email),
  };
  return names[kind]();
}

/** Users whose name begins like the given one, found by the index on names. */
async function userCandidates({ users }: Names, given: string): Promise<readonly string[]> {
  const bare = given.replace(/^api-[0-9]*-?/, "");
  const found = new Set<string>();
  for (const namePrefix of new Set([bare, bare.slice(0, 2), bare.slice(0, 1)])) {
    if (namePrefix === "") continue;
    const { items } = await users.page({ namePrefix }, "name", 0, { limit: CANDIDATES_MAX });
    for (const { username } of items) found.add(username);
  }
  return [...found];
}
