import { Button } from "@mantine/core";
import { Link } from "wouter";
import { Empty, Page } from "../../ui/page.tsx";
import { t } from "../../text/t.ts";

/** Shown for any other address. */
export default function NotFoundPage() {
  return (
    <Page title={t("notFound.notFound")}>
      <div className="card">
        <Empty
          icon="search"
          title={t("notFound.title")}
          actions={
            <Button component={Link} href="/" variant="default">
              {t("common.overview")}
            </Button>
          }
        >
          {t("notFound.about")}
        </Empty>
      </div>
    </Page>
  );
}
