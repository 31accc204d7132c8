/** What happens to a stored key that is found weak: it is only reported, or it is deactivated, too. */
export const WEAK_KEY_POLICIES = ["report", "deactivate"] as const;
export type WeakKeyPolicy = (typeof WEAK_KEY_POLICIES)[number];
