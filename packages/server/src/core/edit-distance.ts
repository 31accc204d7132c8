/** How many characters have to be inserted, deleted, replaced or exchanged with their neighbour (Damerau, optimal string alignment). */
export function editDistance(one: string, other: string): number {
  const width = other.length + 1;
  const distance = new Uint16Array((one.length + 1) * width);
  const at = (row: number, column: number) => distance[row * width + column] ?? 0;
  for (let row = 0; row <= one.length; row++) {
    for (let column = 0; column < width; column++) {
      if (row === 0 || column === 0) {
        distance[row * width + column] = row + column;
        continue;
      }
      const isSame = one[row - 1] === other[column - 1];
      const isExchanged =
        row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      distance[row * width + column] = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + (isSame ? 0 : 1),
        isExchanged ? at(row - 2, column - 2) + 1 : Infinity,
      );
    }
  }
  return at(one.length, other.length);
}
