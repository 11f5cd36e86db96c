/**
 * Convolutions: one trilinear form of an input x, a filter w and a result y, and the three entries that it has, each two of
 * them giving the third: `conv` (y), `convInput` (x: the transposed convolution) and `convFilter` (w). So each is the
 * derivative of the others, and each is contractions over windows, in which nothing is padded, dilated or unfolded in memory.
 *
 *   y[n, i, o] = Σ x[n, strides·i + dilation·r − low, c] · w[r, c, o], ascending in (r, c); channels first in (c, r).
 *
 * Filters of one channel a group (depthwise) have no sum over channels, so no tile fits them: they are sums of products.
 */
import { range } from '../core/axes.js';
import { type Aval, makeAval, sizeOf } from '../core/aval.js';
import { DTypeError } from '../core/errors.js';
import { type Binary, type Expr, make, type Primitive, type TensorBuilder } from '../core/expr.js';
import { define } from './define.js';
import { interleave, phasesOf, window, type Window } from './window.js';

/** What the three entries share. Lists have one number a spatial axis. */
export type ConvAttributes = {
  readonly strides: readonly number[];
  readonly dilation: readonly number[];
  /** Places before the first element of x. */
  readonly low: readonly number[];
  /** Spatial extents of x, w and y. */
  readonly input: readonly number[];
  readonly kernel: readonly number[];
  readonly output: readonly number[];
  readonly groups: number;
  /** Channels stand before the spatial axes: x[n, c, …], w[o, c, …]. Else x[n, …, c], w[…, c, o]. */
  readonly channelsFirst: boolean;
};

// Axes by name: n batch, g group, c and o channels of a group, i0… places, r0… elements of a window ------------------------

type Axes = readonly string[];
interface Named {
  readonly node: Expr;
  readonly axes: Axes;
}

/** Σ a · b over the axes `sum`, in that order; the result has the axes `to`. */
function contract(b: TensorBuilder, x: Named, y: Named, sum: Axes, to: Axes): Expr {
  const places = (of: Named, axes: Axes): number[] => axes.map((name) => of.axes.indexOf(name));
  const batch = to.filter((name) => x.axes.includes(name) && y.axes.includes(name));
  const free = (of: Named): Axes => of.axes.filter((name) => to.includes(name) && !batch.includes(name));
  const made = [...batch, ...free(x), ...free(y)];
  return b.dot(x.node, y.node, {
    batch: [places(x, batch), places(y, batch)],
    contract: [places(x, sum), places(y, sum)],
    permutation: to.map((name) => made.indexOf(name)),
  });
}

/** The node with its axes in the order of `to`, stretched along those that it lacks. */
function spreadTo(b: TensorBuilder, { node, axes }: Named, to: Axes, shape: readonly number[]): Expr {
  const own = to.filter((name) => axes.includes(name));
  const turned = b.transpose(
    node,
    own.map((name) => axes.indexOf(name)),
  );
  return b.broadcast(
    turned,
    shape,
    own.map((name) => to.indexOf(name)),
  );
}

/** Names and extents of the axes of x, w and y where channels are divided into groups. */
class Layout {
  readonly places: Axes;
  readonly taps: Axes;
  readonly isDepthwise: boolean;

  constructor(
    readonly spec: ConvAttributes,
    readonly channels: number,
  ) {
    this.places = spec.input.map((_, axis) => `i${axis}`);
    this.taps = spec.input.map((_, axis) => `r${axis}`);
    this.isDepthwise = channels === 1 && spec.groups > 1;
  }

  /** x or y, whose channels are `name`. */
  data(name: 'c' | 'o', places = this.places): Axes {
    return this.spec.channelsFirst ? ['n', 'g', name, ...places] : ['n', ...places, 'g', name];
  }
  get filter(): Axes {
    return this.spec.channelsFirst ? ['g', 'o', 'c', ...this.taps] : [...this.taps, 'c', 'g', 'o'];
  }
  /** The filter's summed axes, in the order of its elements. */
  reduced(name: 'c' | 'o'): Axes {
    return this.spec.channelsFirst ? [name, ...this.taps] : [...this.taps, name];
  }

  /** Divides the channels of x or y. */
  splitData(b: TensorBuilder, node: Expr, name: 'c' | 'o'): Named {
    const { groups, channelsFirst } = this.spec;
    const axis = channelsFirst ? 1 : node.shape.length - 1;
    const split = node.shape.toSpliced(axis, 1, groups, node.shape[axis]! / groups);
    return { node: b.reshape(node, split), axes: this.data(name) };
  }
  /** Divides the outputs of a filter. */
  splitFilter(b: TensorBuilder, node: Expr): Named {
    const { groups, channelsFirst } = this.spec;
    const axis = channelsFirst ? 0 : node.shape.length - 1;
    const split = node.shape.toSpliced(axis, 1, groups, node.shape[axis]! / groups);
    return { node: b.reshape(node, split), axes: this.filter };
  }
  /** The windows of `of` along its places. */
  windows(of: Named, along: (axis: number) => Omit<Window, 'axis'>): Named {
    const first = of.axes.indexOf('i0');
    const node = window(
      of.node,
      this.places.map((_, axis) => ({ axis: first + axis, ...along(axis) })),
    );
    return { node, axes: [...of.axes, ...this.taps] };
  }
  /** The windows of x that y is the sum over. */
  inputWindows(x: Named): Named {
    const { strides, dilation, low, kernel, output } = this.spec;
    return this.windows(x, (axis) => ({
      count: output[axis]!,
      size: kernel[axis]!,
      stride: strides[axis]!,
      dilation: dilation[axis]!,
      low: low[axis]!,
    }));
  }
}

/** Products of so many taps are written out; more are a reduction. */
const FEW_TAPS = 32;

/** Σ over taps (and channels, `name`) of windows · filter, in groups. */
function windowedProduct(b: TensorBuilder, layout: Layout, x: Named, w: Named, name: 'c' | 'o', to: Axes): Expr {
  const sum = layout.reduced(name);
  if (!layout.isDepthwise || (name === 'o' && extentOf(w, 'o') > 1)) return contract(b, x, w, sum, to);
  const extents = (names: Axes): number[] => names.map((each) => extentOf(x.axes.includes(each) ? x : w, each));
  const taps = extents(layout.taps);
  const count = sizeOf(taps);
  if (count > FEW_TAPS || count === 0) {
    // The last axis stays, so that there is one accumulator a result.
    const at = layout.spec.channelsFirst ? to.length - layout.places.length : to.length - 2;
    const all = to.toSpliced(at, 0, ...sum);
    const product = b.mul(spreadTo(b, x, all, extents(all)), spreadTo(b, w, all, extents(all)));
    return b.sum(
      product,
      sum.map((_, i) => at + i),
    );
  }
  const shape = extents(to);
  const terms = range(count).map((tap) => {
    let rest = tap;
    const at = taps.map((_, axis) => {
      const inner = sizeOf(taps.slice(axis + 1));
      const index = Math.floor(rest / inner);
      rest %= inner;
      return index;
    });
    const factor = (of: Named): Expr => spreadTo(b, tapOf(b, of, layout.taps, name, at), to, shape);
    return b.mul(factor(x), factor(w));
  });
  return terms.reduce((total, term) => b.add(total, term));
}

const extentOf = ({ node, axes }: Named, name: string): number => node.shape[axes.indexOf(name)]!;

/** One element of each window, or of a filter; the summed channel, which is one, goes too. */
function tapOf(b: TensorBuilder, { node, axes }: Named, taps: Axes, name: string, at: readonly number[]): Named {
  const begin = axes.map((each) => (taps.includes(each) ? at[taps.indexOf(each)]! : 0));
  const end = axes.map((each, axis) => (taps.includes(each) ? begin[axis]! + 1 : node.shape[axis]!));
  const kept = range(axes.length).filter((axis) => !taps.includes(axes[axis]!) && axes[axis] !== name);
  const one = b.slice(node, begin, end);
  return {
    node: b.reshape(
      one,
      kept.map((axis) => node.shape[axis]!),
    ),
    axes: kept.map((axis) => axes[axis]!),
  };
}

// The entries -------------------------------------------------------------------------------------------------------------

type ConvPrimitive = Primitive<ConvAttributes, Binary>;
type Infer = ConvPrimitive['infer'];
type Expand = (b: TensorBuilder, first: Expr, second: Expr, spec: ConvAttributes) => Expr;

const channelAxis = ({ channelsFirst }: ConvAttributes, rank: number): number => (channelsFirst ? 1 : rank - 1);
/** The axes of the channels of x and y in a filter. */
const filterAxes = ({ channelsFirst }: ConvAttributes, rank: number): [c: number, o: number] =>
  channelsFirst ? [1, 0] : [rank - 2, rank - 1];
const dataShape = (
  n: number,
  places: readonly number[],
  channels: number,
  { channelsFirst }: ConvAttributes,
): number[] => (channelsFirst ? [n, channels, ...places] : [n, ...places, channels]);

function checkDType({ dtype, key }: Aval): void {
  if (dtype === 'bool')
    throw new DTypeError('DTYPE_UNSUPPORTED', `a convolution of ${key}`, `Cast the operands to 'i32' or 'f32'.`);
}

const inferOutput: Infer = ([x, w], spec) => {
  checkDType(x);
  const [, o] = filterAxes(spec, w.shape.length);
  return makeAval(dataShape(x.shape[0]!, spec.output, w.shape[o]!, spec), x.dtype);
};
const inferInput: Infer = ([y, w], spec) => {
  checkDType(y);
  const [c] = filterAxes(spec, w.shape.length);
  return makeAval(dataShape(y.shape[0]!, spec.input, w.shape[c]! * spec.groups, spec), y.dtype);
};
const inferFilter: Infer = ([x, y], spec) => {
  checkDType(x);
  const c = x.shape[channelAxis(spec, x.shape.length)]! / spec.groups;
  const o = y.shape[channelAxis(spec, y.shape.length)]!;
  return makeAval(spec.channelsFirst ? [o, c, ...spec.kernel] : [...spec.kernel, c, o], x.dtype);
};

const expandOutput: Expand = (b, x, w, spec) => {
  const layout = new Layout(spec, w.shape[filterAxes(spec, w.shape.length)[0]]!);
  const windows = layout.inputWindows(layout.splitData(b, x, 'c'));
  return windowedProduct(b, layout, windows, layout.splitFilter(b, w), 'c', layout.data('o'));
};

/**
 * Places of x by their residues modulo the strides: each residue meets a part of the filter's elements, so nothing is dilated,
 * no product has a zero for a factor, and each is windows of y over that part, turned around.
 */
const expandInput: Expand = (b, y, w, spec) => {
  const layout = new Layout(spec, w.shape[filterAxes(spec, w.shape.length)[0]]!);
  const named = layout.splitData(b, y, 'o');
  const filter = layout.splitFilter(b, w);
  const { strides, dilation, low, kernel, input } = spec;
  const to = layout.data('c');
  const first = to.indexOf('i0');
  const phases = input.map((_, axis) =>
    phasesOf({ size: kernel[axis]!, stride: strides[axis]!, dilation: dilation[axis]!, low: low[axis]! }),
  );
  const counts = input.map((extent, axis) => Math.ceil(extent / strides[axis]!));
  const onePhase = (residues: readonly number[]): Expr => {
    const chosen = residues.map((residue, axis) => phases[axis]![residue]!);
    const axisOf = (axis: number): number => filter.axes.indexOf(`r${axis}`);
    const part = chosen.reduce((node, { taps, step }, axis) => {
      const begin = node.shape.map((_, each) => (each === axisOf(axis) && taps.length > 0 ? taps[0]! : 0));
      const end = node.shape.with(axisOf(axis), taps.length > 0 ? taps[taps.length - 1]! + 1 : 0);
      return b.slice(
        node,
        begin,
        end,
        begin.map((_, each) => (each === axisOf(axis) ? step : 1)),
      );
    }, filter.node);
    const turned = {
      node: b.flip(
        part,
        chosen.flatMap(({ taps }, axis) => (taps.length > 1 ? [axisOf(axis)] : [])),
      ),
      axes: filter.axes,
    };
    const windows = layout.windows(named, (axis) => {
      const { taps, first: from, apart } = chosen[axis]!;
      return {
        count: counts[axis]!,
        size: taps.length,
        stride: 1,
        dilation: apart,
        low: (taps.length - 1) * apart - from,
      };
    });
    return windowedProduct(b, layout, windows, turned, 'o', to);
  };
  const along = (axis: number, residues: readonly number[]): Expr =>
    axis === input.length
      ? onePhase(residues)
      : interleave(
          b,
          range(strides[axis]!).map((residue) => along(axis + 1, [...residues, residue])),
          first + axis,
          input[axis]!,
        );
  return along(0, []);
};

const expandFilter: Expand = (b, x, y, spec) => {
  const channels = x.shape[channelAxis(spec, x.shape.length)]! / spec.groups;
  const layout = new Layout(spec, channels);
  const windows = layout.inputWindows(layout.splitData(b, x, 'c'));
  const results = layout.splitData(b, y, 'o');
  const sum = ['n', ...layout.places];
  if (!layout.isDepthwise) return contract(b, windows, results, sum, layout.filter);
  const all = [...sum, ...layout.filter];
  const shape = all.map((name) => extentOf(windows.axes.includes(name) ? windows : results, name));
  const product = b.mul(spreadTo(b, windows, all, shape), spreadTo(b, results, all, shape));
  return b.sum(product, range(sum.length));
};

/** An entry of two of the three, whose result is given its axes as users know them. */
const entry = (name: string, infer: Infer, expand: Expand, vjp: ConvPrimitive['vjp']) =>
  define<ConvAttributes, Binary>({
    name,
    kind: 'composite',
    infer,
    expand: (b, [first, second], spec) =>
      b.reshape(expand(b, first, second, spec), infer([first.aval, second.aval], spec).shape),
    vjp: vjp!,
    linear: 'each',
  });

/** y of x and w. */
export const convPrimitive: ConvPrimitive = entry('conv', inferOutput, expandOutput, (g, node) => {
  const [x, w] = node.inputs;
  return [convInput(g, w, node.attributes), convFilter(x, g, node.attributes)];
});
/** x of y and w: the transposed convolution. */
export const convInputPrimitive: ConvPrimitive = entry('convInput', inferInput, expandInput, (g, node) => {
  const [y, w] = node.inputs;
  return [conv(g, w, node.attributes), convFilter(g, y, node.attributes)];
});
/** w of x and y. */
export const convFilterPrimitive: ConvPrimitive = entry('convFilter', inferFilter, expandFilter, (g, node) => {
  const [x, y] = node.inputs;
  return [convInput(y, g, node.attributes), conv(x, g, node.attributes)];
});

const of =
  (primitive: () => ConvPrimitive) =>
  (first: Expr, second: Expr, spec: ConvAttributes): Expr =>
    make(primitive(), [first, second], spec);
export const conv = of(() => convPrimitive);
export const convInput = of(() => convInputPrimitive);
export const convFilter = of(() => convFilterPrimitive);
