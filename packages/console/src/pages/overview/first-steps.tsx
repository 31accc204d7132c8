import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Overview } from "../../api/overview.ts";
import { Icon } from "../../ui/icon.tsx";
import { Section } from "../../ui/page.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** What to do with a new store. Each step is ticked once it has really happened, wherever it was done. */
export function FirstSteps({
  done,
  mayCreate,
}: {
  readonly done: NonNullable<Overview["first_steps"]>;
  readonly mayCreate: boolean;
}) {
  return (
    <Section title={t("overview.firstSteps")} about={t("overview.firstStepsAbout")}>
      <ol className="card first-steps">
        <Step
          title={t("common.createApiUser")}
          isDone={done.user}
          command="countersign account create acme && countersign user create demo --account acme"
        >
          <p>{t("overview.stepUserAbout")}</p>
          {done.user ? null : mayCreate ? (
            <Button component={Link} href="/users?new=user" leftSection={<Icon name="plus" />}>
              {t("common.newApiUser")}
            </Button>
          ) : (
            <p className="faint">{t("common.adminCanCreateOne")}</p>
          )}
        </Step>
        <Step
          title={t("overview.stepKey")}
          isDone={done.key}
          command="countersign key generate api-1-demo --out private.pem"
        >
          <p>
            <T id="overview.stepKeyAbout" values={{ link: (words) => <Link href="/users">{words}</Link> }} />
          </p>
        </Step>
        <Step title={t("overview.stepToken")} isDone={done.token} command="countersign token api-1-demo private.pem">
          <p>
            <T id="overview.stepTokenAbout" values={{ link: (words) => <Link href="/explain">{words}</Link> }} />
          </p>
        </Step>
        <Step
          title={t("overview.stepProtect")}
          isDone={done.check}
          command='curl -i -H "Authorization: Token …" …/api/auth/v0/check/'
        >
          <p>
            <T
              id="overview.stepProtectAbout"
              values={{ link: (words) => <Link href="/resource-servers">{words}</Link> }}
            />
          </p>
        </Step>
      </ol>
    </Section>
  );
}

function Step({
  title,
  isDone,
  command,
  children,
}: {
  readonly title: string;
  readonly isDone: boolean;
  /** The same on the command line. */
  readonly command: string;
  readonly children: ReactNode;
}) {
  return (
    <li data-done={isDone || undefined}>
      <h3>
        {title}
        {isDone ? <span className="visually-hidden"> {t("overview.done")}</span> : null}
      </h3>
      {isDone ? null : (
        <>
          {children}
          <code className="faint">{command}</code>
        </>
      )}
    </li>
  );
}
