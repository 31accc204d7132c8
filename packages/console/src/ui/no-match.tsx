import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useLocation } from "wouter";
import { Empty } from "./page.tsx";
import { t } from "../text/t.ts";

/** Shown in place of a list whose filters match nothing. @param path of the page without filters */
export function NoMatch({
  title,
  path,
  children,
}: {
  readonly title: string;
  readonly path: string;
  readonly children: ReactNode;
}) {
  const [, navigate] = useLocation();
  return (
    <Empty
      icon="search"
      title={title}
      actions={
        <Button variant="default" onClick={() => navigate(path)}>
          {t("ui.clearSearchAndFilters")}
        </Button>
      }
    >
      {children}
    </Empty>
  );
}
