import { Button } from "@mantine/core";
import { Link } from "wouter";
import { Empty, Page } from "../../ui/page.tsx";

export default function NotFoundPage() {
  return (
    <Page title="Not found">
      <div className="card">
        <Empty
          icon="search"
          title="There is no page at this address"
          actions={
            <Button component={Link} href="/" variant="default">
              API users
            </Button>
          }
        >
          The link may be old, or cut off.
        </Empty>
      </div>
    </Page>
  );
}
