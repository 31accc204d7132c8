import { Button } from "@mantine/core";
import { useState } from "react";
import { Link } from "wouter";
import { permits, useMe } from "../../api/me.ts";
import { useOverview } from "../../api/overview.ts";
import { type Account, useAccount } from "../../api/registry.ts";
import { StandingButtons } from "../../forms/standing-buttons.tsx";
import { DeactivateDialog } from "../../forms/standing-change.tsx";
import { daysOf } from "../../text/days.ts";
import { Fact, Facts } from "../../ui/facts.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Page } from "../../ui/page.tsx";
import { Note, Problem } from "../../ui/problem.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { Figures } from "../overview/figures.tsx";
import { LastChanges } from "../overview/last-changes.tsx";
import { TokensIssued } from "../overview/tokens-issued.tsx";
import { AccountOperators } from "./account-operators.tsx";
import { AccountUsers } from "./account-users.tsx";
import { EditAccountDialog } from "./edit-account-dialog.tsx";
import { switchableAccount } from "./switchable-account.tsx";
import { t } from "../../text/t.ts";
import "../overview/overview-page.css";

/** One account: its API users and keys, what they use, and the operators with access to it. */
export default function AccountPage({ shortname }: { readonly shortname: string }) {
  const me = useMe();
  const { data: account, error, refetch } = useAccount(shortname);
  const { data: overview } = useOverview(shortname);
  const [opened, setOpened] = useState<"edit" | "deactivate">();
  const mayChange = permits(me, "admin", { everywhere: true });
  const close = () => setOpened(undefined);
  const thing = switchableAccount(shortname);
  const head = {
    title: shortname,
    heading: <bdi>{shortname}</bdi>,
    crumb: <Link href="/accounts">{t("common.accounts")}</Link>,
  };
  if (error !== null && account === undefined) {
    return (
      <Page {...head}>
        <Problem error={error} retry={() => void refetch()} />
      </Page>
    );
  }
  return (
    <Page
      {...head}
      actions={
        <>
          {mayChange && account !== undefined ? (
            <>
              <Button variant="default" onClick={() => setOpened("edit")}>
                {t("common.edit")}
              </Button>
              <StandingButtons
                thing={thing}
                status={account.status}
                archivedAt={account.archived_at}
                onDeactivate={() => setOpened("deactivate")}
              />
            </>
          ) : null}
          {permits(me, "admin") ? (
            <Button
              component={Link}
              href={`/users?${new URLSearchParams({ account: shortname, new: "user" })}`}
              leftSection={<Icon name="plus" />}
            >
              {t("common.newApiUser")}
            </Button>
          ) : null}
        </>
      }
    >
      <AccountFacts account={account} />
      <RoleNote me={me} needs="admin" everywhere what={t("account.roleNeeded")} />
      {account?.status === "deactivated" ? (
        <Note kind="warning">
          {account.archived_at === null ? t("account.deactivatedNote") : t("account.archivedNote")}
        </Note>
      ) : null}
      <Figures overview={overview} account={shortname} />
      <AccountUsers shortname={shortname} />
      <TokensIssued hours={overview?.tokens} />
      <AccountOperators shortname={shortname} />
      <LastChanges changes={overview?.changes} />
      {opened === "edit" && account !== undefined ? <EditAccountDialog account={account} onClose={close} /> : null}
      {opened === "deactivate" ? (
        <DeactivateDialog
          thing={thing}
          scope={{ account: shortname }}
          about={t("accounts.deactivateAbout")}
          onClose={close}
        />
      ) : null}
    </Page>
  );
}

function AccountFacts({ account }: { readonly account: Account | undefined }) {
  return (
    <Facts>
      <Fact label={t("common.name")}>{account && <bdi>{account.name}</bdi>}</Fact>
      {account === undefined || account.description === null ? null : (
        <Fact label={t("common.description")}>
          <bdi>{account.description}</bdi>
        </Fact>
      )}
      {account === undefined || account.contact === null ? null : (
        <Fact label={t("common.contact")}>
          <bdi>{account.contact}</bdi>
        </Fact>
      )}
      <Fact label={t("common.status")}>{account && <StatusBadge status={account.status} />}</Fact>
      <Fact label={t("common.number")}>{account && <span className="number">{account.id}</span>}</Fact>
      <Fact label={t("accounts.keyAgeMax")}>
        {account &&
          (account.key_age_max_seconds === null ? (
            <span className="faint">{t("common.notSet")}</span>
          ) : (
            t("common.days", { days: daysOf(account.key_age_max_seconds) })
          ))}
      </Fact>
      <Fact label={t("common.created")}>{account && <RelativeTime at={account.created_at} />}</Fact>
    </Facts>
  );
}
