import { Button } from "@mantine/core";
import { useState } from "react";
import { Link, useSearchParams } from "wouter";
import { permits, useMe } from "../../api/me.ts";
import { type ApiUser, changeUser, readUser, useAccount, useUser } from "../../api/registry.ts";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Fact, Facts } from "../../ui/facts.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Page, Section } from "../../ui/page.tsx";
import { Note, Problem } from "../../ui/problem.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { StandingButtons } from "../../forms/standing-buttons.tsx";
import { type Archivable, DeactivateDialog, type Switchable } from "../../forms/standing-change.tsx";
import { AccessBadge, StatusBadge } from "../../ui/status-badge.tsx";
import { AddKeyDialog } from "./add-key/add-key-dialog.tsx";
import { EditUserDialog } from "./edit-user-dialog.tsx";
import { KeysTable } from "./keys-table.tsx";
import { UsageChart } from "./usage-chart.tsx";
import { UseIt } from "./use-it.tsx";
import { UserRefusals } from "./user-refusals.tsx";
import { numberText, t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";
import "./user-page.css";

/** One API user: its keys, its recent usage, and code for its client. */
export default function UserPage({ username }: { readonly username: string }) {
  const me = useMe();
  const { data, error, refetch } = useUser(username);
  const [params, setParams] = useSearchParams();
  const [isDeactivating, setIsDeactivating] = useState(false);
  const [isEditing, setIsEditing] = useState(false);
  const mayChange = permits(me, "admin");
  const isAdding = mayChange && params.get("add") === "key";
  const setIsAdding = (isOpen: boolean) => setParams(isOpen ? { add: "key" } : {}, { replace: true });

  const user = data?.value;
  const thing = switchableUser(username);
  const crumb = <Link href="/users">{t("common.apiUsers")}</Link>;
  if (error !== null && user === undefined) {
    return (
      <Page title={username} heading={<bdi>{username}</bdi>} crumb={crumb}>
        <Problem error={error} retry={() => void refetch()} />
      </Page>
    );
  }
  return (
    <Page
      title={username}
      crumb={crumb}
      heading={
        <span className="user-name">
          <bdi>{username}</bdi>
          <CopyButton isIcon text={username} label={t("user.copyUsername")} />
        </span>
      }
      actions={
        mayChange && user !== undefined ? (
          <>
            <Button variant="default" onClick={() => setIsEditing(true)}>
              {t("common.edit")}
            </Button>
            <StandingButtons
              thing={thing}
              status={user.status}
              archivedAt={user.archived_at}
              onDeactivate={() => setIsDeactivating(true)}
            />
            <Button leftSection={<Icon name="plus" />} onClick={() => setIsAdding(true)}>
              {t("user.addAKey")}
            </Button>
          </>
        ) : undefined
      }
    >
      <UserFacts user={user} />
      <RoleNote me={me} needs="admin" what={t("user.roleNeeded")} />
      {user?.status === "deactivated" ? (
        <Note kind="warning">{user.archived_at === null ? t("user.userDeactivated") : t("user.userArchived")}</Note>
      ) : null}
      <AccountNote shortname={user?.account} />
      <Section title={t("common.publicKeys")}>
        <KeysTable username={username} onAdd={() => setIsAdding(true)} />
      </Section>
      <UsageChart username={username} />
      <UserRefusals username={username} />
      <Section title={t("user.useIt")} about={t("user.codeAbout")}>
        <UseIt publicUrl={me.service.public_url} username={username} />
      </Section>
      {isAdding ? <AddKeyDialog username={username} onClose={() => setIsAdding(false)} /> : null}
      {isEditing && user !== undefined ? <EditUserDialog user={user} onClose={() => setIsEditing(false)} /> : null}
      {isDeactivating ? (
        <DeactivateDialog
          thing={thing}
          scope={{ username }}
          about={t("user.deactivateAbout")}
          onClose={() => setIsDeactivating(false)}
        />
      ) : null}
    </Page>
  );
}

/** Says that an active API user is refused because its account is deactivated; nothing else on its page does. */
function AccountNote({ shortname }: { readonly shortname: string | undefined }) {
  const { data: account } = useAccount(shortname);
  if (account?.status !== "deactivated") return null;
  return (
    <Note kind="warning">
      <T id="user.accountDeactivated" values={{ shortname: <bdi>{account.shortname}</bdi> }} />
    </Note>
  );
}

function switchableUser(username: string): Switchable & Archivable {
  return {
    name: <bdi>{username}</bdi>,
    read: () => readUser(username),
    change: (patch, etag) => changeUser(username, patch, etag),
    archive: (archived, etag) => changeUser(username, { archived }, etag),
  };
}

function UserFacts({ user }: { readonly user: ApiUser | undefined }) {
  return (
    <Facts>
      {user === undefined || user.display_name === null ? null : (
        <Fact label={t("common.name")}>
          <bdi>{user.display_name}</bdi>
        </Fact>
      )}
      {user === undefined || user.description === null ? null : (
        <Fact label={t("common.description")}>
          <bdi>{user.description}</bdi>
        </Fact>
      )}
      {user === undefined || user.contact === null ? null : (
        <Fact label={t("common.contact")}>
          <bdi>{user.contact}</bdi>
        </Fact>
      )}
      <Fact label={t("common.status")}>{user && <StatusBadge status={user.status} />}</Fact>
      <Fact label={t("common.access")}>{user && <AccessBadge access={user.access} />}</Fact>
      <Fact label={t("common.account")}>
        {user && (
          <Link href={`/accounts/${encodeURIComponent(user.account)}`}>
            <bdi>{user.account}</bdi>
          </Link>
        )}
      </Fact>
      <Fact label={t("common.networks")}>
        {user &&
          (user.networks.length === 0 ? (
            <span className="faint">{t("user.any")}</span>
          ) : (
            <bdi className="mono">{user.networks.join(", ")}</bdi>
          ))}
      </Fact>
      <Fact label={t("user.rotation")}>
        {user && (user.may_rotate ? t("user.allowed") : <span className="faint">{t("user.off")}</span>)}
      </Fact>
      <Fact label={t("common.created")}>{user && <RelativeTime at={user.created_at} />}</Fact>
      <Fact label={t("common.lastUsed")}>{user && <RelativeTime at={user.last_used_at} />}</Fact>
      <Fact label={t("common.tokensToday")}>
        {user && <span className="number">{numberText(user.tokens_today)}</span>}
      </Fact>
    </Facts>
  );
}
