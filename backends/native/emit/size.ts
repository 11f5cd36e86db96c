/** Extents as C: numbers, or what follows from n, the number of rows of a batch, which the function has as a variable. */
import { sizeOf } from '../../../src/core/aval.js';
import type { Sized } from '../../../src/core/extent.js';

export { type Sized, sizeText } from '../../../src/core/extent.js';

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
