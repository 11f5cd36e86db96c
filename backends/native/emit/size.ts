/** Extents as C: numbers, or what follows from n, the number of rows of a batch, which the function has as a variable. */
import { sizeOf } from '../../../src/core/aval.js';
import type { SizeForm } from '../../../src/core/extent.js';

/** An extent, and its form where it follows from n: then `extent` is what it is at most. */
export interface Sized {
  readonly extent: number;
  readonly size?: SizeForm | undefined;
}

/** The extent as a factor. */
export function sizeText({ extent, size }: Sized, n = 'n'): string {
  if (size === undefined) return String(extent);
  const { times, plus } = size;
  const product = times === 1 ? n : `${times} * ${n}`;
  return plus === 0 && times === 1 ? n : `(${product}${plus === 0 ? '' : ` + ${plus}`})`;
}

/** Axes as one; the first alone may follow from n. */
export function joinedSize(axes: readonly Sized[]): Sized {
  const [first, ...rest] = axes;
  const inner = sizeOf(rest.map(({ extent }) => extent));
  const { extent = 1, size } = first ?? {};
  return {
    extent: extent * inner,
    size: size === undefined ? undefined : { times: size.times * inner, plus: size.plus * inner },
  };
}
