import { Button } from "@mantine/core";
import { Link } from "wouter";
import { Empty, Page } from "../../ui/page.tsx";

/** Shown for any other address. */
export default function NotFoundPage() {
  return (
    <Page title="Not found">
      <div className="card">
        <Empty
          icon="search"
          title="No page at this address"
          actions={
            <Button component={Link} href="/" variant="default">
              Overview
            </Button>
          }
        >
          The link may be outdated or incomplete.
        </Empty>
      </div>
    </Page>
  );
}
