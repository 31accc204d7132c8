import { type ComponentType, type FunctionComponent, lazy, useState } from "react";

/** A page whose code is loaded when it is first needed, or by `load` before. */
export type LazyPage<Props extends object> = FunctionComponent<Props> & {
  /** Loads the page's code. From then on the page is shown without a placeholder. @throws if it can't be loaded */
  readonly load: () => Promise<void>;
};

/** Makes a {@link LazyPage} of a module that has the page as its default export. */
export function lazyPage<Props extends object>(
  importPage: () => Promise<{ readonly default: ComponentType<Props> }>,
): LazyPage<Props> {
  let loaded: ComponentType<Props> | undefined;
  const Lazy = lazy(importPage);
  function Page(props: Props) {
    // Chosen once, since another component would be another page to React.
    const [Chosen] = useState<ComponentType<Props>>(() => loaded ?? (Lazy as ComponentType<Props>));
    return <Chosen {...props} />;
  }
  return Object.assign(Page, {
    async load() {
      ({ default: loaded } = await importPage());
    },
  });
}
