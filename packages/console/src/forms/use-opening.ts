import { useState } from "react";
import { useSearchParams } from "wouter";

/**
 * Whether a form is open: by its button, or because the address asks for it, as those of the first steps and the palette do
 * (`?new=user`). Closing it takes that out of the address.
 */
export function useOpening(what: string, isAllowed: boolean) {
  const [params, setParams] = useSearchParams();
  const [isOpened, setIsOpened] = useState(false);
  return {
    isOpen: isOpened || (isAllowed && params.get("new") === what),
    open: () => setIsOpened(true),
    close: () => {
      setIsOpened(false);
      if (!params.has("new")) return;
      const { new: _, ...others } = Object.fromEntries(params);
      setParams(others, { replace: true });
    },
  };
}
