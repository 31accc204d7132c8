declare const brand: unique symbol;

/** A number that is an id of one kind. Ids are positive 32-bit integers and never reused. */
export type Branded<Name extends string> = number & { readonly [brand]: Name };
