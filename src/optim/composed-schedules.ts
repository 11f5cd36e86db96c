/** Schedules made of others, and those that follow a whole run or its measure: Warmup, SequentialLR, OneCycle, ReduceLROnPlateau. */
import { OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { add, where } from '../trace/functions.js';
import { Tensor } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import {
  ANY,
  BELOW_ONE,
  BETWEEN,
  checkAscending,
  checkOptions,
  checkRange,
  COUNT,
  NOT_NEGATIVE,
  otherwise,
  POSITIVE,
  POSITIVE_INTEGER,
} from './options.js';
import { asScheduler, halfCosine, Scheduler, type SchedulerOptions } from './scheduler.js';
import { CallScheduler, type CallSchedulerOptions } from './schedules.js';

type Followed = Omit<CallSchedulerOptions, 'lr'>;
const FOLLOWED = ['lastEpoch', 'lastCall', 'name'];

/** Of {@link Warmup}. */
export interface WarmupOptions extends Followed {
  /** Calls until the rate is that of `then`. */
  readonly steps: number;
  /** What follows: a schedule, or a rate. */
  readonly then: Scheduler | Variable | number;
  /** The rate at call 0. */
  readonly from?: number;
}
/**
 * A line from `from` (0 unless given) to the first rate of `then`, over `steps` calls; then `then` at the number of calls
 * since, whatever it counts by itself. `setValue` sets the base rate of `then`.
 * Reference: Goyal et al. 2017, "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", arXiv:1706.02677.
 * @example new Warmup({ steps: 4, then: 0.1 }).at(1).item(); // 0.025, as f32
 */
export class Warmup extends CallScheduler {
  static override name = 'Warmup';
  readonly steps: number;
  readonly from: number;
  /** What follows. */
  readonly schedule: Scheduler;
  constructor(options: WarmupOptions) {
    const owner = new.target.name;
    checkOptions(owner, options, ['steps', 'then', 'from', ...FOLLOWED]);
    const { then, steps, from, ...rest } = options;
    const follower = asScheduler(owner, then);
    super({ ...rest, lr: follower.lr });
    this.steps = checkRange(owner, 'steps', steps, POSITIVE_INTEGER);
    this.from = checkRange(owner, 'from', otherwise(from, 0), NOT_NEGATIVE);
    this.schedule = follower;
  }
  protected formula(i: Tensor): Tensor {
    const target = this.schedule.rate(0);
    const line = add(this.from, target.sub(this.from).mul(i.div(this.steps)));
    return where(i.less(this.steps), line, this.schedule.rate(i.sub(this.steps).maximum(0)));
  }
  override toString(): string {
    return `Warmup({ steps: ${this.steps}, from: ${this.from}, then: ${String(this.schedule)} })`;
  }
}

/** Of {@link SequentialLR}. */
export interface SequentialLROptions extends Followed {
  readonly schedules: readonly (Scheduler | Variable | number)[];
  /** The calls at which all but the first begin, ascending. */
  readonly boundaries: readonly number[];
}
/**
 * One schedule after another: the n-th counts from the (n−1)-th boundary, in calls, whatever it counts by itself.
 * @example new SequentialLR({ schedules: [0.1, new ExponentialDecayLR({ lr: 0.2, decaySteps: 1, decayRate: 0.5 })], boundaries: [3] }).at(4).item(); // 0.1, as f32
 */
export class SequentialLR extends CallScheduler {
  static override name = 'SequentialLR';
  readonly schedules: readonly Scheduler[];
  readonly boundaries: readonly number[];
  constructor(options: SequentialLROptions) {
    const owner = new.target.name;
    checkOptions(owner, options, ['schedules', 'boundaries', ...FOLLOWED]);
    const { schedules: given, boundaries, ...rest } = options;
    if (!Array.isArray(given) || given.length === 0)
      throw new OptionError(
        'OPTION_RANGE',
        `${owner} got schedules = ${describeValue(given)}`,
        'schedules is a list of Schedulers, one more than boundaries.',
      );
    const schedules = given.map((each: Scheduler | Variable | number) => asScheduler(owner, each));
    super({ ...rest, lr: schedules[0]!.lr });
    this.boundaries = checkAscending(owner, 'boundaries', boundaries);
    if (schedules.length !== this.boundaries.length + 1)
      throw new OptionError(
        'OPTION_RANGE',
        `${owner} got ${this.boundaries.length} boundaries and ${schedules.length} schedules`,
        'Pass one schedule more than boundaries.',
      );
    this.schedules = schedules;
  }
  protected formula(i: Tensor): Tensor {
    return this.boundaries.reduce(
      (rate, boundary, n) => where(i.less(boundary), rate, this.schedules[n + 1]!.rate(i.sub(boundary).maximum(0))),
      this.schedules[0]!.rate(i),
    );
  }
  protected override get hasBaseRate(): boolean {
    return false;
  }
  /** @throws OptionError `NO_BASE_RATE`: its rates are those of its `schedules`. */
  override setValue(lr: number): void {
    throw new OptionError('NO_BASE_RATE', `${this.name} was set to ${lr}`, 'Set one of its schedules.');
  }
}

/** Of {@link OneCycle}. */
export interface OneCycleOptions extends CallSchedulerOptions {
  /** Calls of the whole cycle. */
  readonly totalSteps: number;
  /** The part of them in which the rate rises. */
  readonly pctStart?: number;
  readonly divFactor?: number;
  readonly finalDivFactor?: number;
}
/**
 * A cycle over a whole run: half a cosine from `lr / divFactor` up to the peak `lr`, another down to
 * `lr / divFactor / finalDivFactor`, where it stays. The peak is at call `pctStart · totalSteps − 1`, the end at
 * `totalSteps − 1`. `pctStart` 0.3, `divFactor` 25, `finalDivFactor` 1e4 unless given, as in PyTorch.
 * Reference: Smith and Topin 2018, "Super-Convergence", arXiv:1708.07120.
 * @example new OneCycle({ lr: 0.1, totalSteps: 10 }).at(2).item(); // 0.1, as f32
 */
export class OneCycle extends CallScheduler {
  static override name = 'OneCycle';
  readonly totalSteps: number;
  readonly pctStart: number;
  readonly divFactor: number;
  readonly finalDivFactor: number;
  constructor(options: OneCycleOptions) {
    super(options, ['totalSteps', 'pctStart', 'divFactor', 'finalDivFactor']);
    const owner = this.constructor.name;
    this.totalSteps = checkRange(owner, 'totalSteps', options.totalSteps, POSITIVE_INTEGER);
    this.pctStart = checkRange(owner, 'pctStart', otherwise(options.pctStart, 0.3), BELOW_ONE);
    this.divFactor = checkRange(owner, 'divFactor', otherwise(options.divFactor, 25), POSITIVE);
    this.finalDivFactor = checkRange(owner, 'finalDivFactor', otherwise(options.finalDivFactor, 1e4), POSITIVE);
  }
  protected formula(i: Tensor): Tensor {
    const peak = this.lr.value;
    const [top, end] = [this.pctStart * this.totalSteps - 1, this.totalSteps - 1];
    const between = (from: Tensor, to: Tensor, share: Tensor): Tensor =>
      to.add(from.sub(to).mul(halfCosine(share.clip(0, 1))));
    const first = peak.div(this.divFactor);
    // One call has neither rise nor fall.
    const fall = between(peak, first.div(this.finalDivFactor), end > top ? i.sub(top).div(end - top) : i.add(1));
    return top > 0 ? where(i.lessEqual(top), between(first, peak, i.div(top)), fall) : fall;
  }
}

/** Of {@link ReduceLROnPlateau}. */
export interface ReduceLROnPlateauOptions extends SchedulerOptions {
  readonly factor?: number;
  /** Measures without progress that are borne. */
  readonly patience?: number;
  /** What counts as progress: a part of the best measure so far. */
  readonly threshold?: number;
  /** Measures after a reduction that do not count. */
  readonly cooldown?: number;
  readonly minLr?: number;
  /** Whether small measures are good ones, as losses are, or large ones. */
  readonly mode?: 'min' | 'max';
}
/**
 * A rate that is multiplied by `factor` where a measure, a validation loss for instance, makes no more progress:
 * `stepMetric(value)` tells it, outside `jit`. Progress is a measure below `best · (1 − threshold)`, with `mode: 'max'` above
 * `best · (1 + threshold)`; after more than `patience` measures without it the rate falls, not below `minLr`, and the next
 * `cooldown` measures do not count. `factor` 0.1, `patience` 10, `threshold` 1e-4, `cooldown` 0, `minLr` 0 unless given. Rules
 * as PyTorch's, but that it has no smallest change of the rate. All of it is state, saved and restored.
 * @example
 * const lr = new ReduceLROnPlateau({ lr: 0.5, factor: 0.5, patience: 1 });
 * for (const loss of [3, 2, 2, 2]) lr.stepMetric(loss);
 * lr.at().item(); // 0.25
 */
export class ReduceLROnPlateau extends Scheduler {
  static override name = 'ReduceLROnPlateau';
  readonly factor: number;
  readonly patience: number;
  readonly threshold: number;
  readonly cooldown: number;
  readonly minLr: number;
  readonly mode: 'min' | 'max';
  /** The best measure so far, measures in a row without progress, and measures of the cooldown that are left. */
  readonly best: Variable;
  readonly badMetrics: Variable;
  readonly resting: Variable;
  constructor(options: ReduceLROnPlateauOptions) {
    super(options, ['factor', 'patience', 'threshold', 'cooldown', 'minLr', 'mode']);
    const owner = this.constructor.name;
    this.factor = checkRange(owner, 'factor', otherwise(options.factor, 0.1), BETWEEN);
    this.patience = checkRange(owner, 'patience', otherwise(options.patience, 10), COUNT);
    this.threshold = checkRange(owner, 'threshold', otherwise(options.threshold, 1e-4), BELOW_ONE);
    this.cooldown = checkRange(owner, 'cooldown', otherwise(options.cooldown, 0), COUNT);
    this.minLr = checkRange(owner, 'minLr', otherwise(options.minLr, 0), NOT_NEGATIVE);
    this.mode = otherwise(options.mode, 'min');
    if (this.mode !== 'min' && this.mode !== 'max')
      throw new OptionError(
        'OPTION_RANGE',
        `${owner} got mode = ${describeValue(this.mode)}`,
        "mode is 'min' or 'max'.",
      );
    this.best = Variable.number(this.mode === 'min' ? Infinity : -Infinity, `${this.name}.best`);
    this.badMetrics = Variable.number(0, `${this.name}.badMetrics`);
    this.resting = Variable.number(0, `${this.name}.resting`);
  }
  protected formula(): Tensor {
    return this.lr.value;
  }
  /**
   * Tells a measure; NaN is no progress.
   * @throws OptionError `OPTION_RANGE` for what is no number
   */
  stepMetric(value: number | Tensor): void {
    const measure = value instanceof Tensor ? value.item() : value;
    if (!Number.isNaN(measure)) checkRange(this.name, 'value', measure, ANY);
    const [best, rest] = [this.best.value.item(), this.resting.value.item()];
    const better = this.mode === 'min' ? measure < best * (1 - this.threshold) : measure > best * (1 + this.threshold);
    if (better) this.best.value = measure;
    const bad = better || rest > 0 ? 0 : this.badMetrics.value.item() + 1;
    this.resting.value = bad > this.patience ? this.cooldown : Math.max(0, rest - 1);
    this.badMetrics.value = bad > this.patience ? 0 : bad;
    if (bad > this.patience)
      this.lr.value = Math.min(this.lr.value.item(), Math.max(this.lr.value.item() * this.factor, this.minLr));
  }
}
