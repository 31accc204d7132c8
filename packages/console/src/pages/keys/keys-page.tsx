import { Link } from "wouter";
import { permits, useMe } from "../../api/me.ts";
import { type AllKeysFilter, deactivateKeys, type ListedKey, useAllKeys } from "../../api/keys.ts";
import { AccountPicker } from "../../forms/account-picker.tsx";
import { type Deactivation, useDeactivation } from "../../forms/deactivate-chosen.tsx";
import { FilterSelect } from "../../forms/filters.tsx";
import { useFilters } from "../../forms/search-state.ts";
import { useSorting } from "../../forms/sorting.ts";
import { weaknessText } from "../../text/weakness.ts";
import { type Column, DataTable, type TableFile } from "../../ui/data-table.tsx";
import { PossessionBadge, WeaknessBadge } from "../../ui/key-badges.tsx";
import { NoMatch } from "../../ui/no-match.tsx";
import { Empty, Page, Section } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";
import "./keys-page.css";

const COLUMNS: readonly Column<ListedKey>[] = [
  {
    heading: t("common.key"),
    cell: ({ username, label, id }) => (
      <div className="key-of">
        <Link href={`/users/${encodeURIComponent(username)}`} className="row-link">
          <bdi>{username}</bdi>
        </Link>
        <KeyName label={label} id={id} />
      </div>
    ),
  },
  { heading: t("common.bits"), width: 60, isEnd: true, cell: ({ bits }) => bits },
  {
    heading: t("common.possession"),
    isMinor: true,
    width: 100,
    cell: ({ proved_at: provedAt }) => <PossessionBadge isShort provedAt={provedAt} />,
  },
  {
    heading: t("keys.weakness"),
    width: 140,
    cell: ({ weakness }) =>
      weakness === null ? (
        <span className="faint">{t("keys.noneFound")}</span>
      ) : (
        <WeaknessBadge isShort weakness={weakness} />
      ),
  },
  {
    heading: t("common.created"),
    sort: { order: "newest", kind: "time" },
    isMinor: true,
    width: 122,
    cell: ({ created_at: at }) => <RelativeTime at={at} />,
  },
  {
    heading: t("common.lastUsed"),
    sort: { order: "idle", kind: "time" },
    width: 122,
    cell: ({ last_used_at: at }) => <RelativeTime at={at} />,
  },
  {
    heading: t("common.expires"),
    sort: { order: "expiry", kind: "time" },
    width: 108,
    cell: ({ expires_at: at }) => <RelativeTime at={at} />,
  },
  { heading: t("common.status"), isLead: true, width: 128, cell: ({ status }) => <StatusBadge status={status} /> },
];

const CSV: TableFile<ListedKey> = {
  fileName: "public-keys.csv",
  fields: [
    "username",
    "id",
    "label",
    "bits",
    "proved_at",
    "weakness",
    "created_at",
    "last_used_at",
    "expires_at",
    "status",
  ],
};

const DEACTIVATION: Deactivation<ListedKey> = {
  keyOf: ({ id }) => id,
  // An expired key can be: otherwise a later expiry would bring it back.
  canChoose: ({ status }) => status === "active" || status === "expired",
  nameOf: ({ username, label, id }) =>
    t("keys.named", { username, key: label === null ? t("common.keyNumber", { id }) : label }),
  show: ({ username, label, id }) => (
    <>
      <bdi className="mono">{username}</bdi>
      <KeyName label={label} id={id} />
    </>
  ),
  scopeOf: ({ id }) => ({ key_id: id }),
  deactivate: (keys) => deactivateKeys(keys.map(({ id }) => id)),
  title: (count) => t("keys.deactivateTitle", { count }),
  about: t("keys.deactivateAbout"),
  doneText: (count) => t("keys.deactivatedCount", { count }),
  refusedText: (count) => t("keys.notAllDeactivated", { count }),
};

/** Lists the public keys of all API users, to find those that need attention and to deactivate several of them. */
export default function KeysPage() {
  const me = useMe();
  const filters = useFilters(["account", "status", "expiring", "unused", "weak"]);
  const { expiring, unused } = filters.values;
  const sorting = useSorting(
    expiring === undefined
      ? unused === undefined
        ? { newest: "descending" }
        : { idle: "ascending" }
      : { expiry: "ascending" },
  );
  const query = useAllKeys({ ...filters.values, ...sorting.query } as AllKeysFilter);
  const place = JSON.stringify([filters.values, sorting.query]);
  const { selection, dialog } = useDeactivation(query.data?.items ?? [], place, DEACTIVATION);
  return (
    <Page title={t("common.publicKeys")} about={t("keys.about")}>
      <div className="filters">
        {me.account === null ? (
          <AccountPicker
            label={t("common.account")}
            isLabelHidden
            clearLabel={t("filter.allAccounts")}
            value={filters.values.account}
            onChange={(account) => filters.set("account", account)}
          />
        ) : null}
        <FilterSelect
          label={t("common.status")}
          name="status"
          filters={filters}
          options={[
            ["", t("filter.anyStatus")],
            ["active", t("filter.active")],
            ["deactivated", t("filter.deactivated")],
            ["revoked", t("filter.revoked")],
          ]}
        />
        <FilterSelect
          label={t("keys.expiry")}
          name="expiring"
          filters={filters}
          options={withCurrent(filters.values.expiring, EXPIRING, (time) => t("keys.expiresWithin", { time }))}
        />
        <FilterSelect
          label={t("keys.use")}
          name="unused"
          filters={filters}
          options={withCurrent(filters.values.unused, UNUSED, (time) => t("keys.unusedFor", { time }))}
        />
        <FilterSelect
          label={t("common.strength")}
          name="weak"
          filters={filters}
          options={[
            ["", t("keys.weakOrNot")],
            ["true", t("keys.weak")],
          ]}
        />
      </div>
      <DataTable
        caption={t("common.publicKeys")}
        columns={COLUMNS}
        query={query}
        keyOf={DEACTIVATION.keyOf}
        {...(permits(me, "admin") ? { selection } : {})}
        skeletonRows={12}
        skeletonHeight={56}
        counted={(count) => t("keys.count", { count })}
        goTo={filters.goTo}
        csv={CSV}
        sorting={sorting}
        empty={
          filters.hasAny ? (
            <NoMatch title={t("keys.noKeyMatches")} path="/keys">
              {t("keys.noMatchAbout")}
            </NoMatch>
          ) : (
            <Empty icon="key" title={t("common.noPublicKeyYet")}>
              <T id="keys.emptyAbout" values={{ link: (words) => <Link href="/users">{words}</Link> }} />
            </Empty>
          )
        }
      />
      <Weaknesses keys={query.data?.items ?? []} />
      {dialog}
    </Page>
  );
}

/** A key's label, or its number if it has none. */
function KeyName({ label, id }: Pick<ListedKey, "label" | "id">) {
  return <span className="faint">{label === null ? t("keys.keyNumber", { id }) : <bdi>{label}</bdi>}</span>;
}

/** Explains the weaknesses of the keys that are listed. */
function Weaknesses({ keys }: { readonly keys: readonly ListedKey[] }) {
  const found = [...new Set(keys.flatMap(({ weakness }) => weakness ?? []))];
  if (found.length === 0) return null;
  return (
    <Section title={t("keys.weaknesses")}>
      <dl className="card card-inside weaknesses">
        {found.map((weakness) => (
          <div key={weakness}>
            <dt>{weaknessText(weakness).label}</dt>
            <dd>{weaknessText(weakness).about}</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

type Options = readonly (readonly [value: string, label: string])[];

const EXPIRING: Options = [
  ["", t("keys.anyExpiry")],
  ["1d", t("keys.expiresWithinDays", { days: 1 })],
  ["7d", t("keys.expiresWithinDays", { days: 7 })],
  ["30d", t("keys.expiresWithinDays", { days: 30 })],
  ["90d", t("keys.expiresWithinDays", { days: 90 })],
];

const UNUSED: Options = [
  ["", t("keys.usedOrNot")],
  ["30d", t("keys.unusedForDays", { days: 30 })],
  ["90d", t("keys.unusedForDays", { days: 90 })],
  ["365d", t("keys.unusedForDays", { days: 365 })],
];

/** The options, and the value in the address if it isn't one of them: a link may have any time. */
function withCurrent(value: string | undefined, options: Options, label: (value: string) => string): Options {
  if (value === undefined || options.some(([each]) => each === value)) return options;
  return [...options, [value, label(value)]];
}
