import { after } from "node:test";
import { openTestPostgresStore } from "../../testing/open-test-postgres-store.ts";
import { startPostgres } from "../../testing/test-postgres.ts";
import { testIdentityStore } from "../identity-store-contract.ts";
import { testJobStore } from "../job-store-contract.ts";
import { testKeyLifeStore } from "../key-life-store-contract.ts";
import { testWebhookStore } from "../webhook-store-contract.ts";
import { testOperatorStore } from "../operator-store-contract.ts";
import { testEventList } from "../event-list-store-contract.ts";
import { testBulk } from "../bulk-store-contract.ts";
import { testKeyList } from "../key-list-store-contract.ts";
import { testLists } from "../list-store-contract.ts";
import { testKeyDescendants } from "../key-descendants-store-contract.ts";
import { testRevocation } from "../revocation-store-contract.ts";
import { testUsage } from "../usage-store-contract.ts";
import { testUserList } from "../user-list-store-contract.ts";
import { type StoreUnderTest, testStore } from "../store-contract.ts";

const server = await startPostgres();
after(() => server.stop());

const nameOf = (url: string) => new URL(url).pathname.slice(1);

/** Databases that were emptied, including the schema: creating one takes longer. */
const emptied: string[] = [];

async function takeDatabase(): Promise<string> {
  return emptied.pop() ?? server.createDatabase();
}

async function empty(url: string): Promise<void> {
  await server.query("drop schema public cascade; create schema public", nameOf(url));
  emptied.push(url);
}

async function openUnderTest(): Promise<StoreUnderTest> {
  const opener = {
    module: new URL("../../testing/open-test-postgres-store.ts", import.meta.url).href,
    export: "openTestPostgresStore",
  };
  const taken: string[] = [];
  const take = async () => {
    const url = await takeDatabase();
    taken.push(url);
    return url;
  };
  const url = await take();
  return {
    store: await openTestPostgresStore(url),
    connect: () => openTestPostgresStore(url),
    opener: { ...opener, location: url },
    unopened: async () => ({ ...opener, location: await take() }),
    hearsChanges: true,
    cleanup: async () => {
      for (const each of taken) await empty(each);
    },
  };
}

testStore("PostgreSQL", openUnderTest);
testOperatorStore("PostgreSQL", openUnderTest);
testUserList("PostgreSQL", openUnderTest);
testEventList("PostgreSQL", openUnderTest);
testLists("PostgreSQL", openUnderTest);
testBulk("PostgreSQL", openUnderTest);
testKeyList("PostgreSQL", openUnderTest);
testUsage("PostgreSQL", openUnderTest);
testRevocation("PostgreSQL", openUnderTest);
testKeyDescendants("PostgreSQL", openUnderTest);
testIdentityStore("PostgreSQL", openUnderTest);
testJobStore("PostgreSQL", openUnderTest);
testKeyLifeStore("PostgreSQL", openUnderTest);
testWebhookStore("PostgreSQL", openUnderTest);
