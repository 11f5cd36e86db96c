/** Layers that multiply by a matrix, or look up a row of one. */
import { isInteger } from '../core/dtype.js';
import { DTypeError } from '../core/errors.js';
import { checkFlag } from '../core/options.js';
import { Module } from '../object/module.js';
import { Tensor } from '../trace/tensor.js';
import type { TrainVar } from '../trace/variable.js';
import { normal, uniform } from './distributions.js';
import { checkCounts, checkInput, checkLayer, layerKeys, type LayerOptions, nameIn, parameter } from './layer.js';
import { describe } from './reduction.js';

/** Of {@link Linear}. */
export interface LinearOptions extends LayerOptions {
  /** Whether something is added; true unless given. */
  readonly bias?: boolean;
}

/**
 * x·W + b. `weight: [inputs, outputs]`, `bias: [outputs]`, both uniform on ±1/√inputs at first, as PyTorch's.
 * `call(x: [..., inputs]) → [..., outputs]`.
 * @example
 * const layer = new nn.Linear(2, 3);
 * layer.call(ones([4, 2])).shape; // [4, 3]
 * @throws OptionError `OPTION_RANGE`, `UNKNOWN_OPTION`; ShapeError `LAYER_INPUT` when it is called.
 */
export class Linear extends Module {
  static override name = 'Linear';
  weight: TrainVar;
  bias: TrainVar | null;

  constructor(
    readonly inputs: number,
    readonly outputs: number,
    options: LinearOptions = {},
  ) {
    super(nameIn(options));
    checkLayer(this.name, options, ['bias']);
    checkCounts(this.name, { inputs, outputs });
    const { bias = true } = options;
    const hasBias = checkFlag(this.name, 'bias', bias);
    const [first, second] = layerKeys(options, 2) as [Tensor, Tensor];
    const max = 1 / Math.sqrt(inputs);
    this.weight = parameter(uniform(first, [inputs, outputs], { min: -max, max }), options);
    this.bias = hasBias ? parameter(uniform(second, [outputs], { min: -max, max }), options) : null;
  }

  /** [batch, …, inputs] → [batch, …, outputs]. */
  call(x: Tensor): Tensor {
    checkInput(this, x, this.inputs);
    const product = x.matmul(this.weight.value);
    return this.bias === null ? product : product.add(this.bias.value);
  }
}

/**
 * Rows of a table. `weight: [count, width]`, standard normal at first. `call(i: i32[...]) → [..., width]`; an index that is
 * none of 0 … count − 1 gives NaN.
 * @throws OptionError `OPTION_RANGE`, `UNKNOWN_OPTION`; DTypeError `DTYPE_UNSUPPORTED` when it is called.
 * @example new nn.Embedding(10, 4).call(tensor([1, 5], { dtype: 'i32' })).shape; // [2, 4]
 */
export class Embedding extends Module {
  static override name = 'Embedding';
  weight: TrainVar;

  constructor(
    readonly count: number,
    readonly width: number,
    options: LayerOptions = {},
  ) {
    super(nameIn(options));
    checkLayer(this.name, options);
    checkCounts(this.name, { count, width });
    this.weight = parameter(normal(layerKeys(options, 1)[0]!, [count, width]), options);
  }

  /** Integers of any shape → [...shape, width]. */
  call(indices: Tensor): Tensor {
    if (!(indices instanceof Tensor && isInteger(indices.dtype)))
      throw new DTypeError(
        'DTYPE_UNSUPPORTED',
        `${this.name} got ${describe(indices)}`,
        "Indices are integers: cast('i32').",
      );
    return this.weight.value.gather(indices);
  }
}
