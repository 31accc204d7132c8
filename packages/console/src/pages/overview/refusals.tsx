import type { Overview } from "../../api/overview.ts";
import { Section } from "../../ui/page.tsx";
import { RefusalList } from "../../ui/refusal-list.tsx";
import { t } from "../../text/t.ts";

/** Why requests of clients were refused in the last 24 hours. @param refusals `undefined` while they are loading */
export function Refusals({ refusals }: { readonly refusals: Overview["refusals"] }) {
  return (
    <Section title={t("common.refusals")} about={t("overview.refusalsAbout")}>
      <RefusalList refusals={refusals} none={t("overview.noRequestWasRefused")} />
    </Section>
  );
}
