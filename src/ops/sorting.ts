/**
 * The order of elements along an axis, as indices. Sorted values and the greatest k are gathers by it, so their derivatives,
 * tangents and batches are those of `gather`, and what reads a few of them gathers no others.
 */
import { makeAval, sizeOf } from '../core/aval.js';
import { allocateArray } from '../core/dtype.js';
import { type Expr, make, type Unary } from '../core/expr.js';
import { define } from './define.js';

export type ArgsortAttributes = { readonly axis: number; readonly descending: boolean };

/** Of numbers: NaN is the largest, and equal to itself. */
const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : Number(a !== a) - Number(b !== b));

/** i32 of x's shape: the indices along `axis` in the order of the elements there; equal ones, as −0 and 0, stay in theirs. */
export const argsortPrimitive = define<ArgsortAttributes, Unary>({
  name: 'argsort',
  kind: 'sort',
  infer: ([x]) => makeAval(x.shape, 'i32'),
  evaluate: ([x], { axis, descending }) => {
    const { shape } = x;
    const data = allocateArray('i32', sizeOf(shape));
    const inner = sizeOf(shape.slice(axis + 1));
    const extent = shape[axis]!;
    const sign = descending ? -1 : 1;
    for (let row = 0; row * extent < data.length; row++) {
      const first = Math.floor(row / inner) * extent * inner + (row % inner);
      const at = (i: number): number => x.data[first + i * inner]!;
      const order = Int32Array.from({ length: extent }, (_, i) => i);
      order.sort((i, j) => sign * compare(at(i), at(j)) || i - j).forEach((i, to) => (data[first + to * inner] = i));
    }
    return { dtype: 'i32', shape, data };
  },
  vjp: () => [null],
  batch: ({ axis, descending }) => ({ axis: axis + 1, descending }),
});
export const argsort = (x: Expr, axis: number, descending: boolean): Expr =>
  make(argsortPrimitive, [x], { axis, descending });
