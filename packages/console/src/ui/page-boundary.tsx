import { Button } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { Empty, Page } from "./page.tsx";

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
            The server can't be reached, or it was upgraded after you opened the console. Reload once the server is
            available.
          </Empty>
        </div>
      </Page>
    );
  }
}
