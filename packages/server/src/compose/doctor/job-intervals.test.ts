import assert from "node:assert/strict";
import { test } from "node:test";
import { JOB_INTERVALS } from "../../core/doctor/checks/check-jobs.ts";
import { createKeyJobs } from "../key-jobs.ts";

test("the doctor knows the jobs of a node and their intervals", () => {
  const jobs = createKeyJobs({ config: { keyBlocklist: [], weakKeys: "report" }, store: {} } as unknown as Parameters<
    typeof createKeyJobs
  >[0]);
  assert.deepEqual(
    jobs.map(({ name, intervalMs }) => ({ name, intervalMs })),
    JOB_INTERVALS,
  );
});
