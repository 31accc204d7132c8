/** The doctor's checks of the node that answers, in the admin API. `countersign doctor` makes those from outside, too. */
import type { SelfExamination } from "../../../core/doctor/self-examination.ts";
import { reportJson } from "../../../core/doctor/run-checks.ts";
import { isoTime } from "../../../core/json/registry.ts";
import type { HandlersOf } from "../http/handlers.ts";
import type { doctorRoutes } from "./routes.ts";

export interface DoctorHandlerDependencies {
  readonly examineSelf: SelfExamination;
  readonly hostName: string;
}

export function createDoctorHandlers({
  examineSelf,
  hostName,
}: DoctorHandlerDependencies): HandlersOf<typeof doctorRoutes> {
  return {
    async getDiagnosis() {
      const { atMs, report } = await examineSelf();
      return { data: { examined_at: isoTime(atMs), node: hostName, ...reportJson(report) } };
    },
  };
}
