import type { TestContext } from "node:test";
import { createVerifier, type Verifier } from "../create-verifier.ts";
import type { VerifierOptions } from "../parse-options.ts";
import type { Problem } from "../problem.ts";
import {
  CLIENT_ID,
  CLIENT_SECRET,
  exampleGrant,
  exampleToken,
  type FakeCountersign,
  type FeedConnection,
  startFakeCountersign,
} from "./fake-countersign.ts";
import { createTestClock, type TestClock } from "./test-clock.ts";
import { eventually } from "../../../../test/testkit/eventually.ts";

/** A verifier, its service and its clock. All of it ends with the test. */
export interface TestVerifier {
  readonly verifier: Verifier;
  readonly fake: FakeCountersign;
  readonly clock: TestClock;
  readonly problems: Problem[];
  /** Adds a good token and returns it. */
  readonly grant: (name?: string, more?: Parameters<typeof exampleGrant>[1]) => string;
  /** Waits until the verifier has heard the feed up to the position. */
  readonly heard: (position: number) => Promise<unknown>;
}

export async function startTestVerifier(t: TestContext, options: Partial<VerifierOptions> = {}): Promise<TestVerifier> {
  const clock = createTestClock();
  const fake = await startFakeCountersign(clock);
  const problems: Problem[] = [];
  const verifier = createVerifier({
    baseUrl: fake.url,
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    clock,
    random: () => 0.5,
    onProblem: (problem) => problems.push(problem),
    ...options,
  });
  t.after(async () => {
    verifier.close();
    await fake.close();
  });
  return {
    verifier,
    fake,
    clock,
    problems,
    grant(name = "one", more = {}) {
      const token = exampleToken(name);
      fake.grants.set(token, exampleGrant(clock.wallMs(), more));
      return token;
    },
    heard: (position) => eventually(`position ${position}`, () => verifier.status().feedPosition === position),
  };
}

/** The same with a feed that is in sync at position 10. */
export async function startSyncedVerifier(
  t: TestContext,
  options: Partial<VerifierOptions> = {},
): Promise<TestVerifier & { readonly feed: FeedConnection }> {
  const test = await startTestVerifier(t, options);
  const feed = await test.fake.nextFeed();
  test.fake.position = 10;
  feed.sync(10);
  await test.verifier.ready();
  return { ...test, feed };
}
