import type { ReactNode } from "react";
import { Mark } from "./icon.tsx";
import { usePageTitle } from "./page.tsx";
import "./outside-page.css";

/** A page that needs no signed-in operator: a single card in the middle. */
export function OutsidePage({
  title,
  about,
  children,
}: {
  readonly title: string;
  readonly about: ReactNode;
  readonly children: ReactNode;
}) {
  usePageTitle(title);
  return (
    <main className="outside">
      <div className="outside-inside">
        <div className="outside-head">
          <Mark size={36} />
          <div>
            <h1>{title}</h1>
            <p>{about}</p>
          </div>
        </div>
        <div className="card outside-card">{children}</div>
      </div>
    </main>
  );
}
