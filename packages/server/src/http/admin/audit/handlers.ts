/** The audit log in the admin API: read, exported, verified. The chain itself is in core/feed. */
import { Readable } from "node:stream";
import type { EventFilter } from "../../../core/feed/store.ts";
import type { Principal } from "../../../core/operators/model.ts";
import type { AuditEvent } from "../../../core/feed/audit-chain.ts";
import { chainReportJson, createChainVerification } from "../../../core/feed/verify-chain.ts";
import { accountFilter } from "../../../core/operators/authorize.ts";
import { fieldRefusal } from "../../../core/refusal.ts";
import type { PageRequest } from "../../../core/store/page.ts";
import type { Store } from "../../../core/store/store.ts";
import { isReversed, listOf, parsePage } from "../http/cursor.ts";
import type { HandlersOf } from "../http/handlers.ts";
import { parseTime } from "../http/schema.ts";
import { type EventPresenter, eventPresenter } from "./present-event.ts";
import type { auditRoutes } from "./routes.ts";

/** How many events an export reads at once. Other requests wait meanwhile, for about a millisecond. */
const EVENTS_PER_READ = 100;

export interface AuditHandlerDependencies {
  readonly store: Store;
  /** Lets other work run first; of several callers, one goes on in each turn of the event loop. */
  readonly yieldToEventLoop: () => Promise<void>;
}

export function createAuditHandlers({
  store,
  yieldToEventLoop,
}: AuditHandlerDependencies): HandlersOf<typeof auditRoutes> {
  const verify = createChainVerification(store.events, yieldToEventLoop);
  return {
    async listAuditEvents({ principal, query, target }) {
      const order = { kinds: ["number"], isReversed: isReversed(query, "descending") } as const;
      const request = { ...parsePage(query, order), ...startAfter(query) };
      const page = await store.events.page(eventFilter(principal, query), request);
      return listOf(page, target, (event) => [event.seq], eventPresenter(principal), order);
    },

    exportAuditEvents({ principal, query, reply }) {
      const events = readAll(eventFilter(principal, query));
      const show = eventPresenter(principal);
      const isCsv = query.format === "csv";
      reply
        .type(isCsv ? "text/csv; charset=utf-8; header=present" : "application/jsonl; charset=utf-8")
        .header("Content-Disposition", `attachment; filename="countersign-audit.${query.format}"`);
      void reply.send(Readable.from(isCsv ? csvOf(events, show) : jsonLinesOf(events, show)));
      return Promise.resolve();
    },

    async getAuditPosition() {
      const { id, previousId } = await store.storeIdentity();
      return { data: { store_id: id, previous_store_id: previousId, ...(await store.events.last()) } };
    },

    async verifyAuditChain() {
      return { data: chainReportJson(await verify()) };
    },
  };

  /** Reads all events in parts, oldest first, so that an export needs little memory and delays no other request. */
  async function* readAll({ actorPart = "", ...filter }: EventFilter): AsyncGenerator<readonly AuditEvent[]> {
    const part = filter.actor === undefined ? actorPart.toLowerCase() : "";
    let last = 0;
    for (;;) {
      const { items } = await store.events.page(filter, {
        limit: EVENTS_PER_READ,
        // The list is newest first: what is before an event is newer.
        from: { key: [last], direction: "before" },
      });
      if (items.length === 0) return;
      const oldestFirst = items.toReversed();
      // The store would look for the actors again for each part.
      yield part === "" ? oldestFirst : oldestFirst.filter(({ actor }) => actor.toLowerCase().includes(part));
      last = oldestFirst.at(-1)?.seq ?? last;
      await yieldToEventLoop();
    }
  }
}

/** Where a list begins that is read from an event on, for its first page. @throws {Refusal} `field_invalid` */
function startAfter({
  after,
  cursor,
  direction,
}: {
  readonly after?: number;
  readonly cursor?: string;
  readonly direction?: string;
}): Pick<PageRequest, "from"> {
  if (after === undefined || cursor !== undefined) return {};
  if (direction === "ascending") return { from: { key: [after], direction: "after" } };
  throw fieldRefusal("field_invalid", "after needs direction=ascending.", "after");
}

interface EventQuery {
  readonly actor?: string;
  readonly actor_contains?: string;
  readonly subject?: string;
  readonly action?: string;
  readonly from?: string;
  readonly until?: string;
}

function eventFilter(
  principal: Principal,
  { actor, actor_contains: actorPart, subject, action, from, until }: EventQuery,
): EventFilter {
  return {
    ...accountFilter(principal),
    actor,
    actorPart: actorPart?.trim(),
    subject,
    action,
    fromMs: from === undefined ? undefined : parseTime(from),
    untilMs: until === undefined ? undefined : parseTime(until),
  };
}

async function* jsonLinesOf(parts: AsyncIterable<readonly AuditEvent[]>, show: EventPresenter): AsyncGenerator<string> {
  for await (const events of parts) yield events.map((event) => `${JSON.stringify(show(event))}\n`).join("");
}

const COLUMNS = ["seq", "at", "actor", "action", "subject", "details", "previous_hash", "hash"] as const;

async function* csvOf(parts: AsyncIterable<readonly AuditEvent[]>, show: EventPresenter): AsyncGenerator<string> {
  yield `${COLUMNS.join(",")}\r\n`;
  for await (const events of parts) yield events.map((event) => `${csvRow(show(event))}\r\n`).join("");
}

function csvRow(event: ReturnType<EventPresenter>): string {
  const shown = { ...event, details: JSON.stringify(event.details) };
  return COLUMNS.map((column) => csvField(String(shown[column] ?? ""))).join(",");
}

/** Quotes a field (RFC 4180). A spreadsheet would run a text such as "=1+1" as a formula; an apostrophe prevents that (OWASP, CSV Injection). */
function csvField(text: string): string {
  const inert = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n']/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
