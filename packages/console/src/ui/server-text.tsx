import type { ReactNode } from "react";

/** Words of the server, which are English whatever the language of the console is. */
export function ServerText({ children }: { readonly children: ReactNode }) {
  return <bdi lang="en">{children}</bdi>;
}
