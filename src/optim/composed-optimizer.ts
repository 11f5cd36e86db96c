/** An optimizer of any transformation. */
import { mul } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { checkKeys } from './options.js';
import { Optimizer, type OptimizerOptions } from './optimizer.js';
import { checkTransformation, type GradientTransformation } from './transformation.js';

export interface ComposedOptimizerOptions extends Omit<OptimizerOptions, 'weightDecay'> {
  readonly transformation: GradientTransformation;
}

/**
 * Keeps the state of a composed transformation in Variables.
 *
 * ```
 * x ← x + lr · update
 * ```
 *
 * `lr` scales what the transformation gives; it is 1 unless given, since rules have rates of their own. A Scheduler here
 * counts with every update. State: `<key>_<path>`, as `w_1_cache` for the slot `cache` of the chain's second part.
 *
 * @example
 * const x = new TrainVar(tensor([1, 2]));
 * const opt = new ComposedOptimizer({ transformation: chain(clipByGlobalNorm(1), adadelta()), trainVars: { x } });
 * opt.update({ x: tensor([30, 40]) });
 */
export class ComposedOptimizer extends Optimizer {
  private readonly composed: GradientTransformation;
  private readonly scaled: boolean;

  constructor(options: ComposedOptimizerOptions) {
    super(options);
    checkKeys('ComposedOptimizer', options, ['transformation', 'lr', 'trainVars', 'name']);
    checkTransformation('ComposedOptimizer', options.transformation);
    this.composed = options.transformation;
    this.scaled = options.lr !== undefined;
    if (options.trainVars !== undefined && options.trainVars !== null) this.registerTrainVars(options.trainVars);
  }

  protected override transformation(): GradientTransformation {
    if (!this.scaled) return this.composed;
    const { composed, lr } = this;
    return {
      init: (params) => composed.init(params),
      update: (grads, state, params) => {
        const { updates, state: next } = composed.update(grads, state, params);
        const scaled = new Map(
          [...(updates as Map<string, Tensor>)].map(([key, update]) => [
            key,
            mul(lr.at(undefined, { dtype: update.dtype }), update),
          ]),
        );
        return { updates: scaled, state: next };
      },
    };
  }
}
