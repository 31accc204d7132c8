import { Button } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { Empty, Page } from "./page.tsx";

/**
 * Keeps what is around a page, with the way elsewhere, where the page itself can't be shown: where its code can't be loaded, as
 * after an upgrade of the server, or fails.
 */
export class PageBoundary extends Component<{ readonly children: ReactNode }, { readonly hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError(): { hasFailed: boolean } {
    return { hasFailed: true };
  }

  override render(): ReactNode {
    if (!this.state.hasFailed) return this.props.children;
    return (
      <Page title="This page can't be shown">
        <div className="card">
          <Empty
            icon="alert"
            title="This page can't be loaded"
            actions={
              <Button variant="default" onClick={() => window.location.reload()}>
                Reload
              </Button>
            }
          >
            The server can't be reached, or was upgraded since this page was opened. Reloading helps in either case,
            once it is there again.
          </Empty>
        </div>
      </Page>
    );
  }
}
