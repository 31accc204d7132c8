import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Overview } from "../../api/overview.ts";
import { Icon } from "../../ui/icon.tsx";
import { Section } from "../../ui/page.tsx";

/** What to do with a new store. Each step is ticked once it has really happened, wherever it was done. */
export function FirstSteps({
  done,
  mayCreate,
}: {
  readonly done: NonNullable<Overview["first_steps"]>;
  readonly mayCreate: boolean;
}) {
  return (
    <Section title="First steps" about="From nothing to a protected API. The page ticks off what has happened.">
      <ol className="card first-steps">
        <Step title="Create an API user" isDone={done.user} command="countersign user create demo --account acme">
          <p>
            An API user stands for one client of your API and belongs to an account: a customer, a partner or a team.
            One dialog creates both.
          </p>
          {done.user ? null : mayCreate ? (
            <Button component={Link} href="/users?new=user" leftSection={<Icon name="plus" />}>
              New API user
            </Button>
          ) : (
            <p className="faint">An admin can create one.</p>
          )}
        </Step>
        <Step
          title="Add its public key"
          isDone={done.key}
          command="countersign key generate api-1-demo --out private.pem"
        >
          <p>
            On the page of the <Link href="/users">API user</Link>: paste the client's public key, or make a key pair in
            the browser and download the private key.
          </p>
        </Step>
        <Step title="Get a token" isDone={done.token} command="countersign token api-1-demo private.pem">
          <p>
            The page of the API user has the code for it in five languages. If the service refuses the client,{" "}
            <Link href="/explain">Explain</Link> shows the cause and the fix.
          </p>
        </Step>
        <Step
          title="Protect an API"
          isDone={done.check}
          command='curl -i -H "Authorization: Token …" …/api/auth/v0/check/'
        >
          <p>
            Your API or its gateway asks the check about the token of each request, or introspection with the
            credentials of a <Link href="/resource-servers">resource server</Link>. This step is done when the service
            has first confirmed a token.
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
        {isDone ? <span className="visually-hidden"> (done)</span> : null}
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
