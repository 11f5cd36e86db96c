/** Schedules of the learning rate. The first four go by epochs, the rest by calls. */
import type { DType } from '../core/dtype.js';
import { OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { add, pow, where } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import {
  checkAscending,
  checkFlag,
  checkOptions,
  checkRange,
  COUNTER,
  FACTOR,
  NOT_NEGATIVE,
  otherwise,
  POSITIVE,
  POSITIVE_INTEGER,
  type Range,
  scalarTensor,
} from './options.js';
import { halfCosine, index, Scheduler, type SchedulerOptions } from './scheduler.js';

/** At least 1. */
const GROWTH: Range = { holds: (v) => v >= 1 && v < Infinity, text: 'finite and at least 1' };

/** Calls that a period may end late by and still end at a call: `0.07 · 100` and sums of periods are rounded. */
const LATE = 1e-6;

/** How many periods, of whole or other numbers of calls, have ended at call `i`. */
const periodsAt = (i: Tensor, period: number): Tensor => i.add(LATE).div(period).floor();

/** Of {@link StepLR}. */
export interface StepLROptions extends SchedulerOptions {
  readonly stepSize: number;
  readonly gamma?: number;
}
/**
 * `lr · γ^⌊epoch / stepSize⌋`. `gamma` 0.1 unless given, one order of magnitude a step.
 * @example new StepLR({ lr: 0.1, stepSize: 30 }).at(30).item(); // 0.01, as f32
 */
export class StepLR extends Scheduler {
  static override name = 'StepLR';
  readonly stepSize: number;
  readonly gamma: number;
  constructor(options: StepLROptions) {
    super(options, ['stepSize', 'gamma']);
    const owner = this.constructor.name;
    this.stepSize = checkRange(owner, 'stepSize', options.stepSize, POSITIVE_INTEGER);
    this.gamma = checkRange(owner, 'gamma', otherwise(options.gamma, 0.1), FACTOR);
  }
  protected formula(i: Tensor): Tensor {
    return this.lr.value.mul(pow(this.gamma, i.div(this.stepSize).floor()));
  }
}

/** Of {@link MultiStepLR}. */
export interface MultiStepLROptions extends SchedulerOptions {
  readonly milestones: readonly number[];
  readonly gamma?: number;
}
/**
 * `lr · γⁿ`, where n milestones are below the epoch. `gamma` 0.1 unless given.
 * @example new MultiStepLR({ lr: 0.1, milestones: [2, 5] }).at(3).item(); // 0.01, as f32
 */
export class MultiStepLR extends Scheduler {
  static override name = 'MultiStepLR';
  readonly milestones: readonly number[];
  readonly gamma: number;
  constructor(options: MultiStepLROptions) {
    super(options, ['milestones', 'gamma']);
    const owner = this.constructor.name;
    this.milestones = checkAscending(owner, 'milestones', options.milestones);
    this.gamma = checkRange(owner, 'gamma', otherwise(options.gamma, 0.1), FACTOR);
  }
  protected formula(i: Tensor): Tensor {
    const passed = this.milestones.reduce(
      (count, milestone) => count.add(where(i.greater(milestone), 1, 0)),
      scalarTensor(0),
    );
    return this.lr.value.mul(pow(this.gamma, passed));
  }
}

/** Of {@link CosineAnnealingLR}. */
export interface CosineAnnealingLROptions extends SchedulerOptions {
  readonly tMax: number;
  readonly etaMin?: number;
}
/**
 * `etaMin + (lr − etaMin) · (1 + cos(π epoch / tMax)) / 2`. `etaMin` 0 unless given.
 * Reference: Loshchilov and Hutter 2017, "SGDR", arXiv:1608.03983, without its restarts.
 * @example new CosineAnnealingLR({ lr: 0.1, tMax: 8 }).at(4).item(); // 0.05, as f32
 */
export class CosineAnnealingLR extends Scheduler {
  static override name = 'CosineAnnealingLR';
  readonly tMax: number;
  readonly etaMin: number;
  constructor(options: CosineAnnealingLROptions) {
    super(options, ['tMax', 'etaMin']);
    const owner = this.constructor.name;
    this.tMax = checkRange(owner, 'tMax', options.tMax, POSITIVE);
    this.etaMin = checkRange(owner, 'etaMin', otherwise(options.etaMin, 0), NOT_NEGATIVE);
  }
  protected formula(i: Tensor): Tensor {
    return add(this.etaMin, this.lr.value.sub(this.etaMin).mul(halfCosine(i.div(this.tMax))));
  }
}

/** Of {@link ExponentialLR}. */
export interface ExponentialLROptions extends SchedulerOptions {
  readonly gamma: number;
}
/**
 * `lr · γ^epoch`.
 * @example new ExponentialLR({ lr: 0.1, gamma: 0.5 }).at(2).item(); // 0.025, as f32
 */
export class ExponentialLR extends Scheduler {
  static override name = 'ExponentialLR';
  readonly gamma: number;
  constructor(options: ExponentialLROptions) {
    super(options, ['gamma']);
    this.gamma = checkRange(this.constructor.name, 'gamma', options.gamma, FACTOR);
  }
  protected formula(i: Tensor): Tensor {
    return this.lr.value.mul(pow(this.gamma, i));
  }
}

/** Of schedules that are stepped by calls. */
export interface CallSchedulerOptions extends SchedulerOptions {
  /** Calls that have ended, minus one; −1 unless given. */
  readonly lastCall?: number;
}

/**
 * Base class: the rate depends on the number of calls.
 * @example new ExponentialDecayLR({ lr: 1, decaySteps: 10, decayRate: 0.5 }) instanceof CallScheduler; // true
 */
export abstract class CallScheduler extends Scheduler {
  /** The last call that has ended; −1 before the first. */
  lastCall: Variable;
  /** @param known as that of a Scheduler. */
  protected constructor(options: CallSchedulerOptions, known?: readonly string[]) {
    super(options, known && [...known, 'lastCall']);
    this.lastCall = Variable.number(
      checkRange(this.constructor.name, 'lastCall', otherwise(options.lastCall, -1), COUNTER),
      `${this.name}.lastCall`,
    );
  }
  override get callCounter(): Variable {
    return this.lastCall;
  }
  protected override next(): Tensor {
    return this.lastCall.value.add(1);
  }
  override stepCall(): void {
    this.lastCall.value = this.next();
  }
}

/** Of {@link CosineAnnealingWarmRestarts}. */
export interface CosineAnnealingWarmRestartsOptions extends CallSchedulerOptions {
  readonly numCallPerEpoch: number;
  /** Epochs of the first period. */
  readonly t0: number;
  /** Each period is so many times as long as the one before. */
  readonly tMult?: number;
  readonly etaMin?: number;
}
/**
 * Cosine annealing that begins anew after t0, t0·tMult, t0·tMult², … epochs of `numCallPerEpoch` calls. Periods are
 * counted in calls, so those of a part of an epoch begin at a call as well.
 * `tMult` 1 and `etaMin` 0 unless given.
 * Reference: Loshchilov and Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", arXiv:1608.03983.
 * @example new CosineAnnealingWarmRestarts({ lr: 0.1, numCallPerEpoch: 2, t0: 2 }).at(4).item(); // 0.1, as f32
 */
export class CosineAnnealingWarmRestarts extends CallScheduler {
  static override name = 'CosineAnnealingWarmRestarts';
  readonly numCallPerEpoch: number;
  readonly t0: number;
  readonly tMult: number;
  readonly etaMin: number;
  constructor(options: CosineAnnealingWarmRestartsOptions) {
    super(options, ['numCallPerEpoch', 't0', 'tMult', 'etaMin']);
    const owner = this.constructor.name;
    this.numCallPerEpoch = checkRange(owner, 'numCallPerEpoch', options.numCallPerEpoch, POSITIVE_INTEGER);
    this.t0 = checkRange(owner, 't0', options.t0, POSITIVE);
    this.tMult = checkRange(owner, 'tMult', otherwise(options.tMult, 1), GROWTH);
    this.etaMin = checkRange(owner, 'etaMin', otherwise(options.etaMin, 0), NOT_NEGATIVE);
  }

  /** The epoch, with its fraction, at call `i`, the next one unless given. */
  currentEpoch(i?: number | Tensor, options: { readonly dtype?: DType } = {}): Tensor {
    checkOptions('currentEpoch', options, ['dtype']);
    const call = i === undefined ? this.next() : index(i);
    return call.div(this.numCallPerEpoch).cast(otherwise(options.dtype, 'f32'));
  }

  /** When the n-th period begins, and how long it is, in calls. */
  private period(n: Tensor): { start: Tensor; length: Tensor } {
    const first = this.t0 * this.numCallPerEpoch;
    const growth = pow(this.tMult, n);
    return {
      start: this.tMult === 1 ? n.mul(first) : growth.sub(1).mul(first / (this.tMult - 1)),
      length: growth.mul(first),
    };
  }

  protected formula(i: Tensor): Tensor {
    const { tMult } = this;
    const first = this.t0 * this.numCallPerEpoch;
    let n = periodsAt(i, first);
    if (tMult !== 1) {
      // A logarithm rounds, so the period that it names may be one off where one begins.
      const guess = i
        .mul((tMult - 1) / first)
        .log1p()
        .div(Math.log(tMult))
        .round();
      n = where(this.period(guess).start.greater(i.add(LATE)), guess.sub(1), guess);
    }
    const { start, length } = this.period(n);
    const share = i.sub(start).maximum(0).div(length);
    return add(this.etaMin, this.lr.value.sub(this.etaMin).mul(halfCosine(share)));
  }
}

/** Of {@link ExponentialDecayLR}. */
export interface ExponentialDecayLROptions extends CallSchedulerOptions {
  readonly decaySteps: number;
  readonly decayRate: number;
}
/**
 * `lr · decayRate^(call / decaySteps)`.
 * @example new ExponentialDecayLR({ lr: 0.1, decaySteps: 4, decayRate: 0.5 }).at(4).item(); // 0.05, as f32
 */
export class ExponentialDecayLR extends CallScheduler {
  static override name = 'ExponentialDecayLR';
  readonly decaySteps: number;
  readonly decayRate: number;
  constructor(options: ExponentialDecayLROptions) {
    super(options, ['decaySteps', 'decayRate']);
    const owner = this.constructor.name;
    this.decaySteps = checkRange(owner, 'decaySteps', options.decaySteps, POSITIVE);
    this.decayRate = checkRange(owner, 'decayRate', options.decayRate, FACTOR);
  }
  protected formula(i: Tensor): Tensor {
    return this.lr.value.mul(pow(this.decayRate, i.div(this.decaySteps)));
  }
}

/** Of {@link InverseTimeDecayLR}. */
export interface InverseTimeDecayLROptions extends CallSchedulerOptions {
  readonly decaySteps: number;
  readonly decayRate: number;
  /** Whole multiples of decaySteps only. */
  readonly staircase?: boolean;
}
/**
 * `lr / (1 + decayRate · call / decaySteps)`, with `staircase` `lr / (1 + decayRate · ⌊call / decaySteps⌋)`.
 * @example new InverseTimeDecayLR({ lr: 0.1, decaySteps: 3, decayRate: 1 }).at(3).item(); // 0.05, as f32
 */
export class InverseTimeDecayLR extends CallScheduler {
  static override name = 'InverseTimeDecayLR';
  readonly decaySteps: number;
  readonly decayRate: number;
  readonly staircase: boolean;
  constructor(options: InverseTimeDecayLROptions) {
    super(options, ['decaySteps', 'decayRate', 'staircase']);
    const owner = this.constructor.name;
    this.decaySteps = checkRange(owner, 'decaySteps', options.decaySteps, POSITIVE);
    this.decayRate = checkRange(owner, 'decayRate', options.decayRate, NOT_NEGATIVE);
    this.staircase = checkFlag(owner, 'staircase', otherwise(options.staircase, false));
  }
  protected formula(i: Tensor): Tensor {
    const steps = this.staircase ? periodsAt(i, this.decaySteps) : i.div(this.decaySteps);
    return this.lr.value.div(steps.mul(this.decayRate).add(1));
  }
}

/** Of {@link PolynomialDecayLR}. */
export interface PolynomialDecayLROptions extends CallSchedulerOptions {
  readonly decaySteps: number;
  readonly finalLr: number;
  readonly power?: number;
}
/**
 * `(lr − finalLr) · (1 − i / decaySteps)^power + finalLr` with i = min(call, decaySteps). `power` 1 unless given: a line.
 * @example new PolynomialDecayLR({ lr: 0.1, decaySteps: 6, finalLr: 0.01 }).at(9).item(); // 0.01, as f32
 */
export class PolynomialDecayLR extends CallScheduler {
  static override name = 'PolynomialDecayLR';
  readonly decaySteps: number;
  readonly finalLr: number;
  readonly power: number;
  constructor(options: PolynomialDecayLROptions) {
    super(options, ['decaySteps', 'finalLr', 'power']);
    const owner = this.constructor.name;
    this.decaySteps = checkRange(owner, 'decaySteps', options.decaySteps, POSITIVE);
    this.finalLr = checkRange(owner, 'finalLr', options.finalLr, NOT_NEGATIVE);
    this.power = checkRange(owner, 'power', otherwise(options.power, 1), POSITIVE);
  }
  protected formula(i: Tensor): Tensor {
    const left = i.minimum(this.decaySteps).div(this.decaySteps).neg().add(1);
    return this.lr.value.sub(this.finalLr).mul(left.pow(this.power)).add(this.finalLr);
  }
}

/** Of {@link PiecewiseConstantLR}. */
export interface PiecewiseConstantLROptions extends Omit<CallSchedulerOptions, 'lr'> {
  readonly boundaries: readonly number[];
  /** One more than boundaries. */
  readonly values: readonly number[];
}
/**
 * `values[n]`, where n boundaries are below the call. Boundaries may repeat.
 * @example new PiecewiseConstantLR({ boundaries: [2, 5], values: [0.1, 0.05, 0.01] }).at(3).item(); // 0.05, as f32
 */
export class PiecewiseConstantLR extends CallScheduler {
  static override name = 'PiecewiseConstantLR';
  readonly boundaries: readonly number[];
  readonly values: readonly number[];
  constructor(options: PiecewiseConstantLROptions) {
    checkOptions(new.target.name, options, ['boundaries', 'values', 'lastEpoch', 'lastCall', 'name']);
    const values: unknown = options.values;
    if (!Array.isArray(values))
      throw new OptionError(
        'OPTION_RANGE',
        `${new.target.name} got values = ${describeValue(values)}`,
        'values is a list of rates, one more than boundaries.',
      );
    // A list of none fails below.
    super({ ...options, lr: 0 });
    const owner = this.constructor.name;
    this.boundaries = checkAscending(owner, 'boundaries', options.boundaries);
    if (values.length !== this.boundaries.length + 1)
      throw new OptionError(
        'OPTION_RANGE',
        `${owner} got ${this.boundaries.length} boundaries and ${values.length} values`,
        'Pass one value more than boundaries.',
      );
    this.values = options.values.map((value, i) => checkRange(owner, `values[${i}]`, value, NOT_NEGATIVE));
  }
  protected formula(i: Tensor): Tensor {
    return this.boundaries.reduce(
      (rate, boundary, n) => where(i.greater(boundary), this.values[n + 1]!, rate),
      scalarTensor(this.values[0]!),
    );
  }
  protected override get hasBaseRate(): boolean {
    return false;
  }
  /** @throws OptionError `NO_BASE_RATE`: its rates are its `values`. */
  override setValue(lr: number): void {
    throw new OptionError(
      'NO_BASE_RATE',
      `${this.name} was set to ${lr}, and has only its values`,
      'Make another one.',
    );
  }
}
