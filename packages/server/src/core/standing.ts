/** Active, or deactivated until an operator activates it again. */
export type Standing = "active" | "deactivated";
