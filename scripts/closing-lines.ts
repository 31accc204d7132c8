/**
 * A reporter for the end of a test run: every skipped test with its reason, then one line of counts.
 */
import type { TestEvent } from "node:test/reporters";

export default async function* closingLines(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const skipped: string[] = [];
  let passed = 0;
  let failed = 0;
  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    const isSkipped = data.skip !== undefined && data.skip !== false;
    // A suite that is skipped as a whole reports none of its tests.
    if (data.details.type === "suite" && !isSkipped) continue;
    if (isSkipped) {
      skipped.push(`skipped: ${data.name}: ${data.skip === true ? "no reason given" : data.skip}`);
    } else if (type === "test:pass") passed++;
    else failed++;
  }
  for (const line of skipped) yield `${line}\n`;
  yield `${passed} passed, ${failed} failed, ${skipped.length} skipped\n`;
}
