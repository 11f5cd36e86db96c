/** Batch normalisation. */
import { ShapeError } from '../core/errors.js';
import { checkRange, POSITIVE, UNIT } from '../core/ranges.js';
import { Module } from '../object/module.js';
import { ones, zeros } from '../trace/create.js';
import type { Tensor } from '../trace/tensor.js';
import { type TrainVar, Variable } from '../trace/variable.js';
import { checkCounts, checkInput, checkLayer, nameIn, parameter } from './layer.js';
import type { NormOptions } from './normalisation.js';
import { describe } from './reduction.js';

/** Of {@link BatchNorm}. */
export interface BatchNormOptions extends NormOptions {
  /** The part of the running statistics that a batch leaves as it is; 0.9 unless given. */
  readonly momentum?: number;
}

/**
 * γ(x − mean) / √(variance + ε) + β for each feature over the batch and all axes between (Ioffe, Szegedy 2015,
 * arXiv:1502.03167). `weight: [features]` is γ, ones at first, `bias: [features]` β, zeros. `call(x: [batch, ..., features])`.
 *
 * In training the batch gives mean and variance (divided by n), and the running ones move:
 *
 * ```
 * runningMean     ← momentum · runningMean     + (1 − momentum) · mean
 * runningVariance ← momentum · runningVariance + (1 − momentum) · variance · n / (n − 1)
 * ```
 *
 * After `eval()` it takes these. They are Variables, no TrainVars, and begin at 0 and 1.
 * @throws OptionError `OPTION_RANGE`, `UNKNOWN_OPTION`; ShapeError `LAYER_INPUT`, and `BATCH_TOO_SMALL` for one element in
 * training, when it is called.
 * @example new nn.BatchNorm(2).call(tensor([[1, 5], [1, 5]])).arraySync(); // [[0, 0], [0, 0]]
 */
export class BatchNorm extends Module {
  static override name = 'BatchNorm';
  weight: TrainVar;
  bias: TrainVar;
  runningMean: Variable;
  runningVariance: Variable;
  readonly momentum: number;
  readonly epsilon: number;

  constructor(
    readonly features: number,
    options: BatchNormOptions = {},
  ) {
    super(nameIn(options));
    checkLayer(this.name, options, ['momentum', 'epsilon']);
    checkCounts(this.name, { features });
    const { momentum = 0.9, epsilon = 1e-5 } = options;
    this.momentum = checkRange(this.name, 'momentum', momentum, UNIT);
    this.epsilon = checkRange(this.name, 'epsilon', epsilon, POSITIVE);
    const { dtype = 'f32' } = options;
    this.weight = parameter(ones([features]), options);
    this.bias = parameter(zeros([features]), options);
    this.runningMean = new Variable(zeros([features], { dtype }));
    this.runningVariance = new Variable(ones([features], { dtype }));
  }

  /** […, features] → the same shape; in training the running statistics are written. */
  call(x: Tensor): Tensor {
    checkInput(this, x, this.features, 2);
    const [mean, variance] = this.training ? this.ofBatch(x) : [this.runningMean.value, this.runningVariance.value];
    const scale = variance.add(this.epsilon).rsqrt().mul(this.weight.value);
    return x.sub(mean).mul(scale).add(this.bias.value);
  }

  /** Mean and variance of the batch; the running ones move. */
  private ofBatch(x: Tensor): [mean: Tensor, variance: Tensor] {
    const n = x.size / this.features;
    if (n < 2)
      throw new ShapeError(
        'BATCH_TOO_SMALL',
        `${this.name} got ${describe(x)} in training, one element for each feature`,
        'Train with larger batches, or call eval() first.',
      );
    const axes = Array.from({ length: x.ndim - 1 }, (_, axis) => axis);
    const mean = x.mean(axes);
    const squares = x.sub(mean).square().sum(axes);
    const variance = squares.div(n);
    const move = (running: Variable, to: Tensor): void => {
      running.value = running.value.mul(this.momentum).add(to.stopGradient().mul(1 - this.momentum));
    };
    move(this.runningMean, mean);
    // By n − 1, not times n / (n − 1): a jitted function may hold what is linear in the number of rows.
    move(this.runningVariance, squares.div(n - 1));
    return [mean, variance];
  }
}
