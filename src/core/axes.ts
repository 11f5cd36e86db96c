/** Lists of numbers of axes. */

/** `list.map(f)`, whose type knows how long the list is: that of an array is forgotten by `map`. */
export const mapEach = <const L extends readonly unknown[], U>(
  list: L,
  f: (each: L[number], i: number) => U,
): { -readonly [K in keyof L]: U } => list.map(f) as { -readonly [K in keyof L]: U };

/** `count` numbers from `first` on. */
export const range = (count: number, first = 0): number[] => Array.from({ length: count }, (_, i) => first + i);

/** What `list`, which has an element an axis, holds of all axes but these. */
export const without = (list: readonly number[], axes: readonly number[]): number[] =>
  list.filter((_, axis) => !axes.includes(axis));
/** The other ones of `rank` axes. */
export const otherAxes = (rank: number, axes: readonly number[]): number[] => without(range(rank), axes);

export const ascending = (axes: readonly number[]): number[] => [...axes].sort((a, b) => a - b);

/** Numbers of axes where one more stands before them. */
export const behind = (axes: readonly number[]): number[] => axes.map((axis) => axis + 1);

export const inversePermutation = (permutation: readonly number[]): number[] =>
  permutation.map((_, axis) => permutation.indexOf(axis));
