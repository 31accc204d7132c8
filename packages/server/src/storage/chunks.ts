/** How many rows one statement inserts: at most 16 columns each, below SQLite's 32,766 parameters and PostgreSQL's 65,535. */
export const ROWS_PER_INSERT = 500;

/** How many values one statement looks for. */
export const VALUES_PER_READ = 1000;

/** Cuts a list into parts of at most `length` items. */
export function chunksOf<Item>(items: readonly Item[], length: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / length) }, (_, index) =>
    items.slice(index * length, (index + 1) * length),
  );
}
