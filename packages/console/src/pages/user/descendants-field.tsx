import { Checkbox } from "@mantine/core";
import { useDescendants } from "../../api/keys.ts";
import type { PublicKey } from "../../api/registry.ts";
import { Problem } from "../../ui/problem.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** Offers to stop the keys that were rotated in by a key together with it. Without such keys it is nothing. */
export function DescendantsField({
  id,
  action,
  isIncluded,
  onChange,
}: {
  readonly id: number;
  /** What is done to them. */
  readonly action: "deactivate" | "revoke";
  readonly isIncluded: boolean;
  readonly onChange: (isIncluded: boolean) => void;
}) {
  const { data, error, refetch } = useDescendants(id);
  if (error !== null) return <Problem error={error} retry={() => void refetch()} />;
  const live = liveKeys(data?.items ?? []);
  if (data === undefined || (live.length === 0 && data.next === undefined)) return null;
  return (
    <Checkbox
      label={
        data.next === undefined
          ? t("user.alsoRotated", { action, count: live.length })
          : t("user.alsoRotatedMany", { action, count: live.length })
      }
      description={
        <T
          id="user.rotatedByThief"
          values={{
            keys: live.slice(0, 5).map((key, at) => (
              <span key={key.id}>
                {at === 0 ? "" : ", "}
                {key.label === null ? t("common.keyNumber", { id: key.id }) : <bdi>{key.label}</bdi>}
              </span>
            )),
            more: live.length > 5 || data.next !== undefined ? " …" : "",
          }}
        />
      }
      checked={isIncluded}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}

/** The keys that can be used. */
export function liveKeys(keys: readonly PublicKey[]): readonly PublicKey[] {
  return keys.filter(({ status }) => status === "active");
}
