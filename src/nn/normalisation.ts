/** Layers that give features mean 0 and variance 1, or square mean 1, then a scale and a shift of their own. */
import { sizeOf } from '../core/aval.js';
import { OptionError } from '../core/errors.js';
import { checkRange, POSITIVE } from '../core/ranges.js';
import { Module } from '../object/module.js';
import { ones, zeros } from '../trace/create.js';
import type { Tensor } from '../trace/tensor.js';
import type { TrainVar } from '../trace/variable.js';
import { checkCounts, checkInput, checkLayer, type LayerOptions, nameIn, parameter } from './layer.js';

/** Of normalising layers. */
export interface NormOptions extends LayerOptions {
  /** Added to the variance; 10⁻⁵ unless given. */
  readonly epsilon?: number;
}

/** (x − mean) / √(variance + ε), both over `axes`. */
function standardized(x: Tensor, axes: number | readonly number[], epsilon: number): Tensor {
  const centred = x.sub(x.mean(axes, { keepDims: true }));
  return centred.mul(centred.square().mean(axes, { keepDims: true }).add(epsilon).rsqrt());
}

/** A norm of features on the last axis, with a weight of ones. */
abstract class Norm extends Module {
  weight: TrainVar;
  readonly epsilon: number;

  protected constructor(
    readonly features: number,
    options: NormOptions,
  ) {
    super(nameIn(options));
    checkLayer(this.name, options, ['epsilon']);
    checkCounts(this.name, { features });
    const { epsilon = 1e-5 } = options;
    this.epsilon = checkRange(this.name, 'epsilon', epsilon, POSITIVE);
    this.weight = parameter(ones([features]), options);
  }
}

/**
 * γ(x − mean) / √(variance + ε) + β over the features of each element of the batch (Ba, Kiros, Hinton 2016,
 * arXiv:1607.06450). `weight: [features]` is γ, ones at first, `bias: [features]` β, zeros. `call(x: [..., features])`.
 * @throws OptionError `OPTION_RANGE`, `UNKNOWN_OPTION`; ShapeError `LAYER_INPUT` when it is called.
 * @example new nn.LayerNorm(2).call(tensor([[3, 3]])).arraySync(); // [[0, 0]]
 */
export class LayerNorm extends Norm {
  static override name = 'LayerNorm';
  bias: TrainVar;

  constructor(features: number, options: NormOptions = {}) {
    super(features, options);
    this.bias = parameter(zeros([features]), options);
  }
  /** Any shape whose last axis is the features → the same. */
  call(x: Tensor): Tensor {
    checkInput(this, x, this.features);
    return standardized(x, -1, this.epsilon).mul(this.weight.value).add(this.bias.value);
  }
}

/**
 * γx / √(mean x² + ε) over the features (Zhang, Sennrich 2019, arXiv:1910.07467). `weight: [features]` is γ, ones at first.
 * `call(x: [..., features])`.
 * @throws as {@link LayerNorm}
 * @example new nn.RMSNorm(2).call(zeros([1, 2])).arraySync(); // [[0, 0]]
 */
export class RMSNorm extends Norm {
  static override name = 'RMSNorm';

  constructor(features: number, options: NormOptions = {}) {
    super(features, options);
  }
  /** Any shape whose last axis is the features → the same. */
  call(x: Tensor): Tensor {
    checkInput(this, x, this.features);
    const inverse = x.square().mean(-1, { keepDims: true }).add(this.epsilon).rsqrt();
    return x.mul(inverse).mul(this.weight.value);
  }
}

/**
 * As {@link LayerNorm}, over groups of features and all axes between the batch and them (Wu, He 2018, arXiv:1803.08494).
 * `call(x: [batch, ..., features])`.
 * @throws OptionError `OPTION_RANGE`, `UNKNOWN_OPTION`, `GROUPS` where groups do not divide features; ShapeError `LAYER_INPUT`.
 * @example new nn.GroupNorm(2, 4).call(ones([1, 3, 4])).shape; // [1, 3, 4]
 */
export class GroupNorm extends Norm {
  static override name = 'GroupNorm';
  bias: TrainVar;

  constructor(
    readonly groups: number,
    features: number,
    options: NormOptions = {},
  ) {
    super(features, options);
    checkCounts(this.name, { groups });
    if (features % groups !== 0)
      throw new OptionError(
        'GROUPS',
        `${this.name} got ${groups} groups of ${features} features`,
        'The number of groups divides that of features.',
      );
    this.bias = parameter(zeros([features]), options);
  }
  /** Any shape whose last axis is the features → the same. */
  call(x: Tensor): Tensor {
    const { features, groups } = this;
    checkInput(this, x, features, 2);
    const places = sizeOf(x.shape.slice(1, -1));
    const grouped = x.reshape([x.shape[0]!, places, groups, features / groups]);
    const normal = standardized(grouped, [1, 3], this.epsilon).reshape(x.shape);
    return normal.mul(this.weight.value).add(this.bias.value);
  }
}
