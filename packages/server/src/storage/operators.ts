import type { Kysely, Transaction } from "kysely";
import type { AccountId } from "../core/accounts/model.ts";
import type { Grant, Operator, OperatorId } from "../core/operators/model.ts";
import type { OperatorStore, OperatorTransaction } from "../core/operators/store.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import { equal, equalOrNull, hasPart, pageSmall } from "./page-small.ts";
import { BY_ID } from "./pages.ts";
import type { Database } from "./schema.ts";

/** Operators, outside of changes. */
export function operatorStore(db: Kysely<Database>): OperatorStore {
  return {
    find: (id) => findOperator(db, id),
    findByEmail: (email) => findOperatorByEmail(db, email),
    count: () => countOperators(db),
    page: ({ accountId, accessTo, role, status, search }, page) => {
      const conditions = [
        equal("account_id", accountId),
        equalOrNull("account_id", accessTo),
        equal("role", role),
        equal("status", status),
        hasPart(["email"], search),
      ];
      return pageSmall(db, "operators", conditions, BY_ID, page, async (ids) =>
        (await selectOperators(db).where("operators.id", "in", ids).execute()).map(toOperator),
      );
    },
  };
}

/** Operators, within a change. */
export function operatorTransaction(db: Transaction<Database>): OperatorTransaction {
  return {
    find: (id) => findOperator(db, id),
    findByEmail: (email) => findOperatorByEmail(db, email),
    findByIdentity: async ({ issuer, subject }) => {
      if (!canBeStored(issuer + subject)) return undefined;
      const row = await selectOperators(db)
        .where("federated_issuer", "=", issuer)
        .where("federated_subject", "=", subject)
        .executeTakeFirst();
      return row && toOperator(row);
    },
    countOwners: async () => {
      const { count } = await db
        .selectFrom("operators")
        .select((row) => row.fn.countAll().as("count"))
        .where("role", "=", "owner")
        .where("account_id", "is", null)
        .where("status", "=", "active")
        .executeTakeFirstOrThrow();
      return Number(count);
    },
    count: () => countOperators(db),
    insert: async (operator) => {
      const { id } = await db
        .insertInto("operators")
        .values({
          email: toEmail(operator.email),
          role: operator.role,
          account_id: operator.accountId,
          status: "active",
          password_hash: operator.passwordHash,
          federated_issuer: operator.federated?.issuer ?? null,
          federated_subject: operator.federated?.subject ?? null,
          created_at_ms: operator.createdAtMs,
          last_signed_in_at_ms: null,
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      return toOperator(await selectOperators(db).where("operators.id", "=", id).executeTakeFirstOrThrow());
    },
    update: async (id, { role, accountId, passwordHash, lastSignedInAtMs, email, status }) => {
      const values = {
        ...(role !== undefined && { role }),
        ...(accountId !== undefined && { account_id: accountId }),
        ...(passwordHash !== undefined && { password_hash: passwordHash }),
        ...(lastSignedInAtMs !== undefined && { last_signed_in_at_ms: lastSignedInAtMs }),
        ...(email !== undefined && { email: toEmail(email) }),
        ...(status !== undefined && { status }),
      };
      if (Object.keys(values).length === 0) return;
      await db.updateTable("operators").set(values).where("id", "=", id).execute();
    },
  };
}

/** The stored form of an address. Addresses that differ only in case are the same. */
export function toEmail(text: string): string {
  return text.toLowerCase();
}

async function findOperator(db: Kysely<Database>, id: OperatorId): Promise<Operator | undefined> {
  if (!canBeId(id)) return undefined;
  const row = await selectOperators(db).where("operators.id", "=", id).executeTakeFirst();
  return row && toOperator(row);
}

async function findOperatorByEmail(db: Kysely<Database>, email: string): Promise<Operator | undefined> {
  if (!canBeStored(email)) return undefined;
  const row = await selectOperators(db).where("operators.email", "=", toEmail(email)).executeTakeFirst();
  return row && toOperator(row);
}

async function countOperators(db: Kysely<Database>): Promise<number> {
  const { count } = await db
    .selectFrom("operators")
    .select((row) => row.fn.countAll().as("count"))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Selects operators, each with the shortname of the account that it is limited to. */
export function selectOperators(db: Kysely<Database>) {
  return db
    .selectFrom("operators")
    .leftJoin("accounts", "accounts.id", "operators.account_id")
    .selectAll("operators")
    .select("accounts.shortname as account");
}

export type Row<Select extends (db: Kysely<Database>) => { executeTakeFirstOrThrow(): Promise<unknown> }> = Awaited<
  ReturnType<ReturnType<Select>["executeTakeFirstOrThrow"]>
>;

export function toGrant(row: { role: Grant["role"]; account_id: number | null; account: string | null }): Grant {
  return { role: row.role, accountId: row.account_id as AccountId | null, account: row.account };
}

export function toOperator(row: Row<typeof selectOperators>): Operator {
  const { federated_issuer: issuer, federated_subject: subject } = row;
  return {
    id: row.id as OperatorId,
    email: row.email,
    ...toGrant(row),
    status: row.status,
    passwordHash: row.password_hash,
    federated: issuer === null || subject === null ? null : { issuer, subject },
    createdAtMs: row.created_at_ms,
    lastSignedInAtMs: row.last_signed_in_at_ms,
  };
}
