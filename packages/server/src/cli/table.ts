import stringWidth from "fast-string-width";

/** Aligns rows under upper-case headings by their width on a terminal, with two spaces between columns and none at the end. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings.map((heading) => heading.toUpperCase()), ...rows];
  // Not by Math.max of all cells: so many arguments don't fit on the stack.
  const widths = headings.map((_, column) =>
    all.reduce((width, row) => Math.max(width, stringWidth(row[column] ?? "")), 0),
  );
  return all
    .map((row) =>
      row
        .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - stringWidth(cell)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** One line for each field: its name, then its value; the values are aligned. */
export function formatFields(fields: readonly (readonly [string, string])[]): string {
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}
