/**
 * Windows: a movement that reads a tensor through a window of each place, so that convolutions and pooling are contractions
 * and reductions over it. Nothing is copied: the fuser turns it into an affine form of the loops, with bounds where windows
 * reach outside.
 */
import { addForms, scaleForm, shiftForm } from '../core/affine.js';
import { makeAval } from '../core/aval.js';
import { behind } from '../core/axes.js';
import { type Expr, make, type Primitive, type TensorBuilder, type Unary } from '../core/expr.js';
import { define } from './define.js';

/**
 * `count` windows of `size` elements along `axis`: element r of window i is element stride · i + dilation · r − low of the
 * input. Strides and dilations are positive, `low` may be negative.
 */
export interface Window {
  readonly axis: number;
  readonly count: number;
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
  readonly low: number;
}

/** {@link Window}s as attributes, one number an axis. */
type WindowAttributes = {
  readonly axes: readonly number[];
  readonly counts: readonly number[];
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly dilation: readonly number[];
  readonly low: readonly number[];
  readonly value: number;
};

const windowsOf = ({ axes, counts, sizes, strides, dilation, low }: WindowAttributes): Window[] =>
  axes.map((axis, i) => ({
    axis,
    count: counts[i]!,
    size: sizes[i]!,
    stride: strides[i]!,
    dilation: dilation[i]!,
    low: low[i]!,
  }));

/** Each axis of a window becomes the places of it; the elements of one are the last axes, in the order of the windows. */
export const windowPrimitive: Primitive<WindowAttributes, Unary> = define<WindowAttributes, Unary>({
  name: 'window',
  kind: 'movement',
  infer: ([x], attributes) => {
    const shape = [...x.shape];
    for (const { axis, count } of windowsOf(attributes)) shape[axis] = count;
    return makeAval([...shape, ...attributes.sizes], x.dtype);
  },
  move: (node, coordinates) => {
    const { shape } = node.input();
    const moved = coordinates.slice(0, shape.length);
    const bounds = windowsOf(node.attributes).flatMap(({ axis, count, size, stride, dilation, low }, i) => {
      const inside = coordinates[shape.length + i]!;
      const form = shiftForm(addForms(scaleForm(moved[axis]!, stride), scaleForm(inside, dilation)), -low);
      moved[axis] = form;
      const last = stride * (count - 1) + dilation * (size - 1) - low;
      return low > 0 || last >= shape[axis]! ? [{ form, size: shape[axis]! }] : [];
    });
    return { coordinates: moved, bounds, otherwise: node.attributes.value };
  },
  vjp: (g, node, b) => {
    const { shape } = node.input();
    return [windowsOf(node.attributes).reduceRight((h, each) => overlapAdd(b, h, each, shape[each.axis]!), g)];
  },
  jvp: ([t], { attributes }): Expr => make(windowPrimitive, [t!], { ...attributes, value: 0 }),
  batch: (attributes) => ({ ...attributes, axes: behind(attributes.axes) }),
});

/** Axes of `windows` become the places of a window, the elements of one are new last axes; outside of `x` they are `value`. */
export function window(x: Expr, windows: readonly Window[], value = 0): Expr {
  const of = (key: keyof Window): number[] => windows.map((each) => each[key]);
  return make(windowPrimitive, [x], {
    axes: of('axis'),
    counts: of('count'),
    sizes: of('size'),
    strides: of('stride'),
    dilation: of('dilation'),
    low: of('low'),
    value,
  });
}

/** One of the `stride` residues of a place in the input: which elements of windows lie on such places, and where. */
export interface Phase {
  /** Of the windows' elements: ascending, `step` apart. */
  readonly taps: readonly number[];
  readonly step: number;
  /** Element `taps[t]` of window `p + first − t · apart` lies on the `p`-th of these places. */
  readonly first: number;
  readonly apart: number;
}

/** The places of the input by their residue modulo the stride: what overlaps there is an affine form of its own. */
export function phasesOf({ size, stride, dilation, low }: Omit<Window, 'axis' | 'count'>): Phase[] {
  return Array.from({ length: stride }, (_, residue) => {
    const at = (tap: number): number => (residue + low - dilation * tap) / stride;
    const taps = Array.from({ length: size }, (_, tap) => tap).filter((tap) => Number.isInteger(at(tap)));
    const [one, other] = taps;
    if (one === undefined) return { taps, step: 1, first: 0, apart: 1 };
    if (other === undefined) return { taps, step: 1, first: at(one), apart: 1 };
    return { taps, step: other - one, first: at(one), apart: at(one) - at(other) };
  });
}

/** Puts `parts`, which hold each residue's places along `axis`, one after another in turns, `extent` in all. */
export function interleave(b: TensorBuilder, parts: readonly Expr[], axis: number, extent: number): Expr {
  const [first] = parts as [Expr];
  const { shape } = first;
  const turned =
    parts.length === 1
      ? first
      : b.reshape(
          b.concat(
            parts.map((part) => b.reshape(part, shape.toSpliced(axis + 1, 0, 1))),
            axis + 1,
          ),
          shape.with(axis, shape[axis]! * parts.length),
        );
  const end = turned.shape.with(axis, extent);
  return b.slice(
    turned,
    end.map(() => 0),
    end,
  );
}

/** The transpose of one window: adds the elements of all windows, the last axis of `g`, to the place where each was read. */
function overlapAdd(b: TensorBuilder, g: Expr, each: Window, extent: number): Expr {
  const { axis, stride } = each;
  const last = g.shape.length - 1;
  const count = Math.ceil(extent / stride);
  const zeros = g.shape.map(() => 0);
  const parts = phasesOf(each).map(({ taps, first, apart }) => {
    const shape = g.shape.slice(0, last).with(axis, count);
    return (
      taps
        .map((tap, t) => {
          const one = b.slice(g, zeros.with(last, tap), g.shape.with(last, tap + 1));
          const shifted = { axis, count, size: 1, stride: 1, dilation: 1, low: t * apart - first };
          return b.reshape(window(one, [shifted]), shape);
        })
        .reduce<Expr | undefined>((sum, term) => (sum === undefined ? term : b.add(sum, term)), undefined) ??
      b.broadcast(b.constant(0, g.dtype), shape, [])
    );
  });
  return interleave(b, parts, axis, extent);
}
