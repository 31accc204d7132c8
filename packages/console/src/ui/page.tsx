import { type ReactNode, useEffect } from "react";
import { Icon, type IconName } from "./icon.tsx";
import "./page.css";

/** Sets the title that the browser shows in its tab and history. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Countersign`;
  }, [title]);
}

/** The frame of a page: title, purpose, actions and content. */
export function Page({
  title,
  heading = title,
  crumb,
  about,
  actions,
  children,
}: {
  readonly title: string;
  /** Only if the heading differs from the title. */
  readonly heading?: ReactNode;
  readonly crumb?: ReactNode;
  readonly about?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) {
  usePageTitle(title);
  return (
    <div className="page">
      <div className="page-head">
        <div className="page-head-words">
          {crumb === undefined ? null : <div className="crumb">{crumb}</div>}
          <h1>{heading}</h1>
          {about === undefined ? null : <p>{about}</p>}
        </div>
        {actions === undefined ? null : <div className="page-actions">{actions}</div>}
      </div>
      {children}
    </div>
  );
}

/** A titled part of a page. */
export function Section({
  title,
  about,
  actions,
  children,
}: {
  readonly title: ReactNode;
  readonly about?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) {
  return (
    <section className="section">
      <div className="section-head">
        <div>
          <h2>{title}</h2>
          {about === undefined ? null : <p>{about}</p>}
        </div>
        {actions}
      </div>
      {children}
    </section>
  );
}

/** Shown in place of an empty list: why it is empty, and what to do. */
export function Empty({
  icon,
  title,
  children,
  actions,
}: {
  readonly icon: IconName;
  readonly title: string;
  readonly children: ReactNode;
  readonly actions?: ReactNode;
}) {
  return (
    <div className="empty">
      <div className="empty-icon">
        <Icon name={icon} size={18} />
      </div>
      <h2>{title}</h2>
      <p>{children}</p>
      {actions === undefined || actions === null || actions === false ? null : <div className="row">{actions}</div>}
    </div>
  );
}

/** Placeholder of the size of the content that is loading. Sizes in px, or as CSS text. */
export function Bone({ width, height = 14 }: { readonly width: number | string; readonly height?: number }) {
  return <span className="bone" style={{ width, height }} aria-hidden="true" />;
}
