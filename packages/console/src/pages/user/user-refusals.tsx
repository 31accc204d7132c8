import { Link } from "wouter";
import { useUserRefusals } from "../../api/registry.ts";
import { Section } from "../../ui/page.tsx";
import { Problem } from "../../ui/problem.tsx";
import { RefusalList } from "../../ui/refusal-list.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** Why assertions that name an API user were refused in the last 24 hours. */
export function UserRefusals({ username }: { readonly username: string }) {
  const { data, error, refetch } = useUserRefusals(username, 24);
  return (
    <Section
      title={t("common.refusals")}
      about={<T id="user.refusalsAbout" values={{ link: (words) => <Link href="/explain">{words}</Link> }} />}
    >
      {error !== null && data === undefined ? (
        <div className="card card-inside">
          <Problem error={error} retry={() => void refetch()} />
        </div>
      ) : (
        <RefusalList refusals={data?.refusals} none={t("user.noRefusal")} />
      )}
    </Section>
  );
}
