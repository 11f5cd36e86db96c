/** An optimizer of any transformation. */
import { OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { Dict } from '../object/collector.js';
import { mul } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { checkOptions } from './options.js';
import { Optimizer, type OptimizerOptions } from './optimizer.js';
import { Constant, type Scheduler, withStandIns } from './scheduler.js';
import { checkTransformation, type GradientTransformation, mapLeaves, schedulersOf, update } from './transformation.js';

/** Of {@link ComposedOptimizer}. */
export interface ComposedOptimizerOptions extends Omit<OptimizerOptions, 'weightDecay'> {
  readonly transformation: GradientTransformation;
}

/** Stands as the rate of an optimizer whose rules have their own. */
class NoRate extends Constant {
  static override name = 'Constant';
  constructor(readonly owner: string) {
    super({ lr: 1 });
  }
  override setValue(lr: number): void {
    throw new OptionError(
      'NO_RATE',
      `${this.owner} has its rates in its rules and got lr = ${describeValue(lr)}`,
      'Make it with lr: 1 to scale updates later, or give a rule a Scheduler and set that.',
    );
  }
}

/** Schedulers that are the counters of an optimizer: another one that shares them counts for itself. */
const taken = new WeakSet<Scheduler>();

/**
 * Keeps the state of a composed transformation in Variables.
 *
 * ```
 * x ← x + lr · update
 * ```
 *
 * `lr` scales what the transformation gives; it is 1 unless given, since rules have rates of their own. A Scheduler here
 * counts with every update: not while gradients are accumulated, nor where they are skipped.
 *
 * Where a rule has a Scheduler (or a Variable as its rate), that is `lr`: `chain(clipByGlobalNorm(1), adam({ lr: schedule }))`
 * reads, assigns, saves and restores it, and steps it. Where several have, they are the modules `lr0`, `lr1`, …
 * State: `<key>_<path>`, as `w_1_cache` for the slot `cache` of the chain's second part.
 *
 * @example
 * const x = new TrainVar(tensor([1, 2]));
 * const opt = new ComposedOptimizer({ transformation: chain(clipByGlobalNorm(1), adadelta()), trainVars: { x } });
 * opt.update({ x: tensor([30, 40]) });
 */
export class ComposedOptimizer extends Optimizer {
  static override name = 'ComposedOptimizer';
  private readonly composed: GradientTransformation;
  private readonly scaled: boolean;
  /** The nodes of the Schedulers that are in rules, in order. */
  private readonly nodesOfRules: readonly string[];

  /** @throws OptionError `RATE_TWICE` for `lr` beside a Scheduler in a rule; `NOT_A_TRANSFORMATION`, and as all optimizers. */
  constructor(options: ComposedOptimizerOptions) {
    checkOptions('ComposedOptimizer', options, ['transformation', 'lr', 'trainVars', 'name']);
    checkTransformation('ComposedOptimizer', options.transformation);
    const { transformation, lr, trainVars } = options;
    const schedulers = schedulersOf(transformation);
    if (lr !== undefined && schedulers.length > 0)
      throw new OptionError(
        'RATE_TWICE',
        `ComposedOptimizer got lr beside a rule with ${schedulers.map(String).join(' and ')}`,
        'Give the rate to the rule or to the optimizer.',
      );
    const own = schedulers.length === 1 ? schedulers[0] : undefined;
    super(options, own ?? (lr === undefined ? new NoRate(new.target.name) : undefined));
    this.composed = transformation;
    this.scaled = lr !== undefined;
    this.nodesOfRules = schedulers.length === 1 ? ['lr'] : schedulers.map((_, i) => `lr${i}`);
    if (schedulers.length > 1)
      this.registerImplicitNodes(new Map(schedulers.map((each, i) => [this.nodesOfRules[i]!, each])));
    this.countedNodes = this.nodesOfRules.filter((_, i) => !taken.has(schedulers[i]!));
    for (const scheduler of schedulers) taken.add(scheduler);
    if (trainVars !== undefined && trainVars !== null) this.registerTrainVars(trainVars);
  }

  protected override countUpdate(applied: Tensor | undefined): void {
    if (this.scaled) super.countUpdate(applied);
  }

  override update(grads: Dict<Tensor>): void {
    const own = new Map(schedulersOf(this.composed).map((each, i) => [each, this.schedulerAt(this.nodesOfRules[i]!)]));
    withStandIns(own, () => {
      super.update(grads);
    });
  }

  protected override transformation(): GradientTransformation {
    if (!this.scaled) return this.composed;
    const { composed, lr } = this;
    return {
      init: (params) => composed.init(params),
      update: (grads, state, params) => {
        const { updates, ...rest } = update(composed, grads, state, params);
        const scaled = (each: Tensor): Tensor => mul(lr.at(undefined, { dtype: each.dtype }), each);
        return { ...rest, updates: mapLeaves(scaled, updates) };
      },
    };
  }
}
