import { Bone } from "./page.tsx";
import { t } from "../text/t.ts";
import "./page-skeleton.css";

/** Placeholder while a page is loading. */
export function PageSkeleton() {
  return (
    <div className="page" aria-busy="true">
      <span className="visually-hidden" role="status">
        {t("ui.loading")}
      </span>
      <div className="page-skeleton-head">
        <Bone width={180} height={26} />
        <Bone width={320} height={14} />
      </div>
      <div className="card page-skeleton-body" />
    </div>
  );
}
