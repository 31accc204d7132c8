import { Button } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { Empty, Page } from "./page.tsx";
import { t } from "../text/t.ts";

/**
 * Keeps the navigation usable when a page fails: its code throws, or can't be loaded, for example after an upgrade of the server.
 */
export class PageBoundary extends Component<{ readonly children: ReactNode }, { readonly hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError(): { hasFailed: boolean } {
    return { hasFailed: true };
  }

  override render(): ReactNode {
    if (!this.state.hasFailed) return this.props.children;
    return (
      <Page title={t("ui.pageCantShow")}>
        <div className="card">
          <Empty
            icon="alert"
            title={t("ui.pageCantLoad")}
            actions={
              <Button variant="default" onClick={() => window.location.reload()}>
                {t("ui.reload")}
              </Button>
            }
          >
            {t("ui.pageCantLoadAbout")}
          </Empty>
        </div>
      </Page>
    );
  }
}
