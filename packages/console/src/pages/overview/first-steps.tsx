import { Button } from "@mantine/core";
import { Link } from "wouter";
import { Icon } from "../../ui/icon.tsx";
import { Section } from "../../ui/page.tsx";

/** What to do in a store without API users, instead of a page of zeros. */
export function FirstSteps({ mayCreate }: { readonly mayCreate: boolean }) {
  return (
    <Section title="First steps">
      <ol className="card first-steps">
        <li>
          <h3>Create an API user</h3>
          <p>
            An API user stands for one client of your API and belongs to an account: a customer, a partner or a team.
            One dialog creates both.
          </p>
          {mayCreate ? (
            <Button component={Link} href="/users?new=user" leftSection={<Icon name="plus" />}>
              New API user
            </Button>
          ) : (
            <p className="faint">An admin can create one.</p>
          )}
        </li>
        <li>
          <h3>Add its public key</h3>
          <p>Paste the client's public key, or make a key pair in the browser and download the private key.</p>
        </li>
        <li>
          <h3>Exchange an assertion for a token</h3>
          <p>
            The page of the API user has the code for it in five languages. If an exchange is refused,{" "}
            <Link href="/explain">Explain</Link> shows the cause and the fix.
          </p>
        </li>
      </ol>
    </Section>
  );
}
