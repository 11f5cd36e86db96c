/** Layers of convolutions and their transposes, over one to three axes. */
import { sizeOf } from '../core/aval.js';
import { OptionError } from '../core/errors.js';
import { checkFlag } from '../core/options.js';
import { Module } from '../object/module.js';
import {
  conv1d,
  conv2d,
  conv3d,
  type ConvOptions,
  convTranspose1d,
  convTranspose2d,
  type ConvTransposeOptions,
} from '../trace/convolution.js';
import type { Tensor } from '../trace/tensor.js';
import type { TrainVar } from '../trace/variable.js';
import { checkPadding, eachAxis, isChannelsFirst } from '../trace/windows.js';
import { uniform } from './distributions.js';
import { checkCounts, checkLayer, layerKeys, type LayerOptions, nameIn, parameter } from './layer.js';

/** Of convolutions as layers: those of {@link conv2d}, and `bias`. */
export interface ConvLayerOptions extends ConvOptions, LayerOptions {
  /** Whether something is added to each channel; true unless given. */
  readonly bias?: boolean;
}
/** Of transposed convolutions as layers: those of {@link convTranspose2d}, and `bias`. */
export interface ConvTransposeLayerOptions extends ConvTransposeOptions, ConvLayerOptions {}

/** The extents of a window: one for all axes, or one each. */
type Size = number | readonly number[];
type Convolve = (x: Tensor, w: Tensor, options: ConvTransposeOptions) => Tensor;

const OPTIONS = ['strides', 'padding', 'dilation', 'groups', 'layout'] as const;

/** A convolution, or its transpose; weight and bias are uniform on ±1/√(window · inputs/groups) at first. */
abstract class Convolution extends Module {
  weight: TrainVar;
  bias: TrainVar | null;
  /** What the convolution gets. */
  readonly options: ConvTransposeOptions;
  protected static readonly rank: number;
  protected static readonly transposed: boolean = false;
  protected static readonly convolve: Convolve;

  constructor(
    readonly inputs: number,
    readonly outputs: number,
    size: Size,
    options: ConvLayerOptions = {},
  ) {
    super(nameIn(options));
    const { rank, transposed } = this.constructor as typeof Convolution;
    const known = transposed ? [...OPTIONS, 'outputPadding' as const] : OPTIONS;
    checkLayer(this.name, options, [...known, 'bias']);
    const given = options as ConvTransposeOptions;
    const { groups = 1, strides = 1, dilation = 1, outputPadding = 0 } = given;
    checkCounts(this.name, { inputs, outputs, groups });
    if (inputs % groups !== 0 || outputs % groups !== 0)
      throw new OptionError(
        'GROUPS',
        `${this.name} got ${groups} groups of ${inputs} inputs and ${outputs} outputs`,
        'The number of groups divides both.',
      );
    const window = eachAxis(this.name, 'size', size, rank, 1);
    eachAxis(this.name, 'strides', strides, rank, 1);
    eachAxis(this.name, 'dilation', dilation, rank, 1);
    eachAxis(this.name, 'outputPadding', outputPadding, rank, 0);
    checkPadding(this.name, given.padding, rank);
    const channelsFirst = isChannelsFirst(this.name, given.layout);
    const { bias = true } = options;
    const hasBias = checkFlag(this.name, 'bias', bias);
    this.options = Object.fromEntries(known.flatMap((key) => (given[key] === undefined ? [] : [[key, given[key]]])));

    const channels = transposed
      ? [inputs, outputs / groups]
      : channelsFirst
        ? [outputs, inputs / groups]
        : [inputs / groups, outputs];
    const max = 1 / Math.sqrt((sizeOf(window) * inputs) / groups);
    const [first, second] = layerKeys(options, 2) as [Tensor, Tensor];
    const begin = (key: Tensor, shape: number[]): TrainVar =>
      parameter(uniform(key, shape, { min: -max, max }), options);
    this.weight = begin(first, channelsFirst ? [...channels, ...window] : [...window, ...channels]);
    this.bias = hasBias ? begin(second, [outputs]) : null;
  }

  /** [batch, …places, inputs] → [batch, …places, outputs]; with `layout: 'NCHW'` channels stand after the batch. */
  call(x: Tensor): Tensor {
    const { rank, convolve } = this.constructor as typeof Convolution;
    const y = convolve(x, this.weight.value, this.options);
    if (this.bias === null) return y;
    const bias = this.bias.value;
    return y.add(this.options.layout === 'NCHW' ? bias.reshape([-1, ...Array<number>(rank).fill(1)]) : bias);
  }
}

/**
 * Convolution over one axis: `conv1d`, plus a bias. `weight: [size, inputs/groups, outputs]`, or with layout `'NCHW'`
 * [outputs, inputs/groups, size]; `bias: [outputs]`. `call(x: [batch, places, inputs]) → [batch, places′, outputs]`, or with
 * channels first.
 * @throws OptionError `OPTION_RANGE`, `UNKNOWN_OPTION`, `GROUPS`; ShapeError `CONV_RANK`, `CONV_CHANNELS`,
 * `WINDOW_TOO_LARGE` when it is called.
 * @example new nn.Conv1d(2, 4, 3).call(ones([1, 8, 2])).shape; // [1, 6, 4]
 */
export class Conv1d extends Convolution {
  static override name = 'Conv1d';
  protected static override readonly rank = 1;
  protected static override readonly convolve: Convolve = conv1d;
}
/**
 * As {@link Conv1d}, over two axes. `call(x: [batch, h, w, inputs]) → [batch, h′, w′, outputs]`.
 * @example
 * const layer = new nn.Conv2d(3, 8, 3, { strides: 2, padding: 'same' });
 * layer.call(zeros([1, 32, 32, 3])).shape; // [1, 16, 16, 8]
 */
export class Conv2d extends Convolution {
  static override name = 'Conv2d';
  protected static override readonly rank = 2;
  protected static override readonly convolve: Convolve = conv2d;
}
/**
 * As {@link Conv1d}, over three axes.
 * @example new nn.Conv3d(1, 2, 2).call(ones([1, 3, 3, 3, 1])).shape; // [1, 2, 2, 2, 2]
 */
export class Conv3d extends Convolution {
  static override name = 'Conv3d';
  protected static override readonly rank = 3;
  protected static override readonly convolve: Convolve = conv3d;
}

abstract class Transposed extends Convolution {
  protected static override readonly transposed: boolean = true;

  constructor(inputs: number, outputs: number, size: Size, options: ConvTransposeLayerOptions = {}) {
    super(inputs, outputs, size, options);
  }
}
/**
 * The transpose of a convolution over one axis: `convTranspose1d`, plus a bias. `weight: [size, inputs, outputs/groups]`, or
 * with layout `'NCHW'` [inputs, outputs/groups, size]. Takes `outputPadding`, too.
 * @throws as {@link Conv1d}
 * @example new nn.ConvTranspose1d(2, 4, 2, { strides: 2 }).call(ones([1, 8, 2])).shape; // [1, 16, 4]
 */
export class ConvTranspose1d extends Transposed {
  static override name = 'ConvTranspose1d';
  protected static override readonly rank = 1;
  protected static override readonly convolve: Convolve = convTranspose1d;
}
/**
 * As {@link ConvTranspose1d}, over two axes.
 * @example new nn.ConvTranspose2d(2, 4, 2, { strides: 2 }).call(ones([1, 3, 3, 2])).shape; // [1, 6, 6, 4]
 */
export class ConvTranspose2d extends Transposed {
  static override name = 'ConvTranspose2d';
  protected static override readonly rank = 2;
  protected static override readonly convolve: Convolve = convTranspose2d;
}
