/** Convolutions as users know them. */
import { mapEach, range } from '../core/axes.js';
import { checkShape, formatShape } from '../core/aval.js';
import { ShapeError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { checkOptions } from '../core/options.js';
import { conv, type ConvAttributes, convInput } from '../ops/convolution.js';
import { transpose } from '../ops/movement.js';
import { asTensor, type Operand, promoteOperands } from './operand.js';
import { apply, type Tensor } from './tensor.js';
import {
  type ConvLayout,
  covered,
  eachAxis,
  isChannelsFirst,
  type Padding,
  paddings,
  refuse,
  samePadding,
  windowCount,
} from './windows.js';

/** Strides, padding, dilation, groups, layout of a convolution. */
export interface ConvOptions {
  /** Places between windows: a number, or one an axis. 1 if left out. */
  readonly strides?: number | readonly number[];
  /** 'valid' if left out. */
  readonly padding?: Padding;
  /** Places between elements of a window. 1 if left out. */
  readonly dilation?: number | readonly number[];
  /** Groups of channels that meet only each other. 1 if left out. */
  readonly groups?: number;
  /** 'NHWC' if left out. */
  readonly layout?: ConvLayout;
}
/** Those of a convolution, and `outputPadding`. */
export interface ConvTransposeOptions extends ConvOptions {
  /** Places after the last one that the extents are longer by. 0 if left out. */
  readonly outputPadding?: number | readonly number[];
}
interface Checked {
  readonly spec: Omit<ConvAttributes, 'input' | 'kernel' | 'output' | 'low'>;
  readonly places: readonly number[];
  readonly kernel: readonly number[];
  readonly rank: number;
}

/**
 * What both convolutions check: ranks, channels, options. `channels` are the axes of the filter that x has and that the result gets.
 * @throws ShapeError `CONV_RANK`, `CONV_CHANNELS`; OptionError `OPTIONS`, `UNKNOWN_OPTION`, `OPTION_RANGE`
 */
function checkConv(
  kind: 'conv' | 'convTranspose',
  name: string,
  rank: number,
  x: Expr,
  w: Expr,
  options: ConvOptions,
): Checked {
  const transposed = kind === 'convTranspose';
  const channelsFirst = isChannelsFirst(name, options.layout);
  const [data, filter] = [x.shape, w.shape];
  const named = channelsFirst
    ? { data: '[batch, channels, …places]', filter: transposed ? '[in, out/groups, …size]' : '[out, in/groups, …size]' }
    : {
        data: '[batch, …places, channels]',
        filter: transposed ? '[…size, in, out/groups]' : '[…size, in/groups, out]',
      };
  if (data.length !== rank + 2 || filter.length !== rank + 2)
    throw new ShapeError(
      'CONV_RANK',
      `${name} got ${x.aval.key} and the filter ${w.aval.key}; both have ${rank + 2} axes`,
      `The input is ${named.data}, the filter ${named.filter}.`,
    );
  const { groups = 1, strides: stride = 1, dilation: spacing = 1 } = options;
  if (!Number.isInteger(groups) || groups < 1) refuse(name, 'groups', groups, 'Give an integer of at least 1.');
  const strides = eachAxis(name, 'strides', stride, rank, 1);
  const dilation = eachAxis(name, 'dilation', spacing, rank, 1);
  const places = channelsFirst ? data.slice(2) : data.slice(1, -1);
  const kernel = channelsFirst ? filter.slice(2) : filter.slice(0, -2);
  const channels = channelsFirst ? data[1]! : data[rank + 1]!;
  const [first, second] = (channelsFirst ? filter.slice(0, 2) : filter.slice(-2)) as [number, number];
  // A convolution's filter has [in/groups, out] or [out, in/groups], a transposed one's [in, out/groups].
  const [own, other] = transposed || !channelsFirst ? [first, second] : [second, first];
  const expected = transposed ? channels : channels / groups;
  if (own !== expected || (transposed ? channels : other) % groups !== 0) {
    const wanted = transposed ? own : own * groups;
    const otherLayout = (channelsFirst ? data[rank + 1] : data[1]) === wanted;
    throw new ShapeError(
      'CONV_CHANNELS',
      `${name} got ${x.aval.key} with ${channels} channels and the filter ${w.aval.key} with ${own} and ${other}, in ${groups} group${groups > 1 ? 's' : ''}`,
      `The input is ${named.data}, the filter ${named.filter}; groups divide both numbers of channels.${otherLayout ? ` Channels ${channelsFirst ? "on the last axis are layout: 'NHWC'" : "on axis 1 are layout: 'NCHW'"}.` : ''}`,
    );
  }
  if (kernel.includes(0))
    throw new ShapeError('CONV_RANK', `${name} got the filter ${w.aval.key}`, 'A window has at least one element.');
  return { spec: { strides, dilation, groups, channelsFirst }, places, kernel, rank };
}

const promoted = (name: string, x: Operand, w: Operand): [Expr, Expr] =>
  mapEach(promoteOperands(name, [x, w]), asTensor);

function convolution(rank: number) {
  const name = `conv${rank}d`;
  return (left: Operand, right: Operand, options: ConvOptions): Expr => {
    const [x, w] = promoted(name, left, right);
    const { spec, places, kernel } = checkConv('conv', name, rank, x, w, options);
    const { strides, dilation, channelsFirst } = spec;
    const covers = kernel.map((size, axis) => covered(size, dilation[axis]!));
    const pairs = paddings(name, options.padding, rank, (axis) =>
      samePadding(places[axis]!, covers[axis]!, strides[axis]!),
    );
    const output = places.map((extent, axis) => {
      const [low, high] = pairs[axis]!;
      return windowCount(name, x.aval.key, extent + low + high, covers[axis]!, strides[axis]!);
    });
    const channels = channelsFirst ? w.shape[0]! : w.shape[rank + 1]!;
    checkShape(name, [x.shape[0]!, ...output, channels]);
    return conv(x, w, { ...spec, low: pairs.map(([low]) => low), input: places, kernel, output });
  };
}

function transposedConvolution(rank: number) {
  const name = `convTranspose${rank}d`;
  return (left: Operand, right: Operand, options: ConvTransposeOptions): Expr => {
    const [x, w] = promoted(name, left, right);
    const { spec, places, kernel } = checkConv('convTranspose', name, rank, x, w, options);
    const { strides, dilation, channelsFirst, groups } = spec;
    const { outputPadding = 0 } = options;
    const more = eachAxis(name, 'outputPadding', outputPadding, rank, 0);
    more.forEach((extra, axis) => {
      if (extra >= Math.max(strides[axis]!, dilation[axis]!))
        refuse(name, 'outputPadding', options.outputPadding, 'It is less than the stride, or the dilation.');
    });
    const whole = places.map((extent, axis) => (extent - 1) * strides[axis]! + covered(kernel[axis]!, dilation[axis]!));
    const same = (axis: number): number => whole[axis]! - places[axis]! * strides[axis]!;
    const pairs = paddings(name, options.padding, rank, same);
    const input = whole.map((extent, axis) => {
      const [low, high] = pairs[axis]!;
      // Windows smaller than their strides leave places at the end that none covers.
      const missing = options.padding === 'same' ? Math.max(0, -same(axis)) : 0;
      return extent - low - high + missing + more[axis]!;
    });
    if (input.some((extent) => extent < 1))
      throw new ShapeError(
        'WINDOW_TOO_LARGE',
        `${name} of ${x.aval.key} by ${w.aval.key} would have the places ${formatShape(input)}`,
        'Padding must leave something of the result.',
      );
    const channels = (channelsFirst ? w.shape[1]! : w.shape[rank + 1]!) * groups;
    checkShape(name, [x.shape[0]!, ...input, channels]);
    // A filter of the convolution of which this is the transpose: [in, out/groups, …] is [its out, its in/groups, …].
    const filter = channelsFirst ? w : transpose(w, [...range(rank), rank + 1, rank]);
    return convInput(x, filter, { ...spec, low: pairs.map(([low]) => low), input, kernel, output: places });
  };
}

type Operation<Options> = (x: Operand, w: Operand, options: Options) => Expr;
const CONV_OPTIONS = ['strides', 'padding', 'dilation', 'groups', 'layout'];

/** `op` of tensors, and of options that are known by name. */
const asFunction =
  <Options extends object>(name: string, known: readonly string[], op: Operation<Options>) =>
  (x: Tensor, w: Tensor, options: Options = {} as Options): Tensor => {
    checkOptions(name, options, known);
    return apply((a: Operand, b: Operand) => op(a, b, options), x, w);
  };
const convOf = (rank: number) => asFunction<ConvOptions>(`conv${rank}d`, CONV_OPTIONS, convolution(rank));
const convTransposeOf = (rank: number) =>
  asFunction<ConvTransposeOptions>(
    `convTranspose${rank}d`,
    [...CONV_OPTIONS, 'outputPadding'],
    transposedConvolution(rank),
  );

/**
 * Convolution (without turning the filter around, as everywhere in learning): x: [n, l, c], w: [k, c/groups, o] → [n, l′, o], or
 * with channels first [n, c, l], [o, c/groups, k] → [n, o, l′]; y[i] = Σ x[strides·i + dilation·r − before] · w[r],
 * l′ = ⌊(l + before + after − dilation·(k − 1) − 1) / strides⌋ + 1. Nothing is padded or unfolded in memory.
 * @throws ShapeError `CONV_RANK`, `CONV_CHANNELS`, `WINDOW_TOO_LARGE`; OptionError `UNKNOWN_OPTION`, `OPTION_RANGE`
 * @function
 * @example conv1d(tensor([[[1], [2], [4], [8]]]), ones([2, 1, 1])).ravel().arraySync(); // [3, 6, 12]
 */
export const conv1d = /* @__PURE__ */ convOf(1);
/**
 * As {@link conv1d}: x: [n, h, w, c], w: [kh, kw, c/groups, o] → [n, h′, w′, o], or [n, c, h, w], [o, c/groups, kh, kw].
 * @function
 * @example conv2d(ones([1, 3, 3, 1]), ones([2, 2, 1, 4])).shape; // [1, 2, 2, 4]
 */
export const conv2d = /* @__PURE__ */ convOf(2);
/**
 * As {@link conv1d}, over three axes.
 * @function
 * @example conv3d(ones([1, 3, 3, 3, 1]), ones([2, 2, 2, 1, 4])).shape; // [1, 2, 2, 2, 4]
 */
export const conv3d = /* @__PURE__ */ convOf(3);
/**
 * The transpose of a convolution: x: [n, l, c], w: [k, c, o/groups] → [n, l′, o], or [n, c, l], [c, o/groups, k]; adds
 * x[i] · w[r] at strides·i + dilation·r − before, l′ = (l − 1)·strides + dilation·(k − 1) + 1 − before − after + outputPadding;
 * 'same' gives l′ = l·strides.
 * @throws as {@link conv1d}
 * @function
 * @example convTranspose1d(tensor([[[1], [2]]]), ones([2, 1, 1]), { strides: 2 }).ravel().arraySync(); // [1, 1, 2, 2]
 */
export const convTranspose1d = /* @__PURE__ */ convTransposeOf(1);
/**
 * As {@link convTranspose1d}, over two axes.
 * @function
 * @example convTranspose2d(ones([1, 2, 2, 1]), ones([2, 2, 1, 4]), { strides: 2 }).shape; // [1, 4, 4, 4]
 */
export const convTranspose2d = /* @__PURE__ */ convTransposeOf(2);
/**
 * As {@link convTranspose1d}, over three axes.
 * @function
 * @example convTranspose3d(ones([1, 2, 2, 2, 1]), ones([2, 2, 2, 1, 4]), { strides: 2 }).shape; // [1, 4, 4, 4, 4]
 */
export const convTranspose3d = /* @__PURE__ */ convTransposeOf(3);
