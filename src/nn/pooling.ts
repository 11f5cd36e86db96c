/** Pooling as layers, which have nothing to learn. */
import { checkFlag, checkOptions } from '../core/options.js';
import { Module } from '../object/module.js';
import { avgPool1d, avgPool2d, type AvgPoolOptions, maxPool1d, maxPool2d, type PoolOptions } from '../trace/pooling.js';
import type { Tensor } from '../trace/tensor.js';
import { checkPadding, eachAxis, isChannelsFirst } from '../trace/windows.js';

type Size = number | readonly number[];

type Pool = (x: Tensor, size: Size, options: PoolOptions) => Tensor;

abstract class Pooling<Options extends PoolOptions> extends Module {
  protected static readonly rank: number;
  protected static readonly pool: Pool;
  /** Flags beside the options of all. */
  protected static readonly known: readonly string[] = [];

  constructor(
    readonly size: Size,
    readonly options: Options = {} as Options,
  ) {
    super();
    const { rank, known } = new.target;
    checkOptions(this.name, options, ['strides', 'padding', 'layout', ...known]);
    eachAxis(this.name, 'size', size, rank, 1);
    if (options.strides !== undefined) eachAxis(this.name, 'strides', options.strides, rank, 1);
    checkPadding(this.name, options.padding, rank);
    isChannelsFirst(this.name, options.layout);
    for (const [option, value] of Object.entries(options))
      if (value !== undefined && known.includes(option)) checkFlag(this.name, option, value);
  }
  /** [batch, …places, channels] → fewer places. */
  call(x: Tensor): Tensor {
    return (this.constructor as typeof Pooling).pool(x, this.size, this.options);
  }
}

/**
 * `maxPool1d` as a layer. @throws OptionError `OPTION_RANGE`, `UNKNOWN_OPTION`; ShapeError `POOL_RANK` when it is called.
 * @example new nn.MaxPool1d(2).call(ones([1, 4, 3])).shape; // [1, 2, 3]
 */
export class MaxPool1d extends Pooling<PoolOptions> {
  static override name = 'MaxPool1d';
  protected static override readonly rank = 1;
  protected static override readonly pool: Pool = maxPool1d;
}
/**
 * `maxPool2d` as a layer.
 * @example new nn.MaxPool2d(2).call(ones([1, 4, 4, 3])).shape; // [1, 2, 2, 3]
 */
export class MaxPool2d extends Pooling<PoolOptions> {
  static override name = 'MaxPool2d';
  protected static override readonly rank = 2;
  protected static override readonly pool: Pool = maxPool2d;
}
/**
 * `avgPool1d` as a layer.
 * @example new nn.AvgPool1d(2).call(ones([1, 4, 3])).shape; // [1, 2, 3]
 */
export class AvgPool1d extends Pooling<AvgPoolOptions> {
  static override name = 'AvgPool1d';
  protected static override readonly rank = 1;
  protected static override readonly known = ['countPadding'];
  protected static override readonly pool: Pool = avgPool1d;
}
/**
 * `avgPool2d` as a layer.
 * @example new nn.AvgPool2d(2).call(ones([1, 4, 4, 3])).shape; // [1, 2, 2, 3]
 */
export class AvgPool2d extends Pooling<AvgPoolOptions> {
  static override name = 'AvgPool2d';
  protected static override readonly rank = 2;
  protected static override readonly known = ['countPadding'];
  protected static override readonly pool: Pool = avgPool2d;
}
