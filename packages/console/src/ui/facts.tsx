import type { ReactNode } from "react";
import { Bone } from "./page.tsx";
import "./facts.css";

/** Facts about the thing that a page shows, side by side. */
export function Facts({ children }: { readonly children: ReactNode }) {
  return <dl className="page-facts">{children}</dl>;
}

/** @param children `undefined` while it is loading */
export function Fact({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children === undefined ? <Bone width={70} /> : children}</dd>
    </div>
  );
}
