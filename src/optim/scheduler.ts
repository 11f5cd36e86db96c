/**
 * Scheduler: a learning rate that depends on counters. Counters and the base rate are Variables, so they live in the
 * compiled step: another epoch, call or rate needs no other program.
 */
import type { DType } from '../core/dtype.js';
import { Module } from '../object/module.js';
import { where } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import {
  ANY,
  checkOptions,
  checkRange,
  checkScalar,
  COUNTER,
  NOT_NEGATIVE,
  otherwise,
  RATE,
  type Range,
  scalarTensor,
  scalarVariable,
  shown,
} from './options.js';

/** What every schedule takes: the rate that it begins with. */
export interface SchedulerOptions {
  /** The rate that the schedule begins with; a Variable is used itself. */
  readonly lr: number | Variable;
  /** Epochs that have ended, minus one; −1 unless given. */
  readonly lastEpoch?: number;
  readonly name?: string;
}

/** An index as a number, not NaN; a tensor of another dtype would have the formula rounded in its own. */
export const index = (i: number | Tensor): Tensor => {
  const given = scalarTensor(typeof i === 'object' ? i : checkRange('at', 'i', i, ANY));
  return given.expr.aval.weak ? given : given.cast('f64');
};

/** @throws OptionError `OPTION_RANGE` unless it is a rate: a number, or a Variable of one. */
export function checkRate(owner: string, lr: unknown, range: Range = RATE): void {
  if (lr instanceof Variable) checkScalar(owner, 'lr', lr, range);
  else checkRange(owner, 'lr', lr, range);
}

const OPTIONS = ['lr', 'lastEpoch', 'name'];

/** π·x, halved cosine: 1 at x = 0, 0 at x = 1. */
export const halfCosine = (x: Tensor): Tensor => x.mul(Math.PI).cos().add(1).div(2);

/**
 * Base class: the rate depends on the epoch.
 * @example new StepLR({ lr: 0.1, stepSize: 10 }) instanceof Scheduler; // true
 */
export abstract class Scheduler extends Module {
  /** The rate that the schedule begins with. */
  lr: Variable;
  /** The last epoch that has ended; −1 before the first. */
  lastEpoch: Variable;

  /** @param known the options of the class beside those of all; any unless given. */
  protected constructor(options: SchedulerOptions, known?: readonly string[]) {
    checkOptions(new.target.name, options, known === undefined ? Object.keys(options) : [...OPTIONS, ...known]);
    super(options.name);
    const { lr, lastEpoch = -1 } = options;
    checkRate(this.constructor.name, lr, NOT_NEGATIVE);
    this.lr = scalarVariable(lr);
    this.lr.name ??= `${this.name}.lr`;
    this.lastEpoch = Variable.number(
      checkRange(this.constructor.name, 'lastEpoch', lastEpoch, COUNTER),
      `${this.name}.lastEpoch`,
    );
  }

  /** What a call advances; undefined where only epochs count. */
  get callCounter(): Variable | undefined {
    return undefined;
  }

  /** The rate at index `i`, as the formula of the class says. */
  protected abstract formula(i: Tensor): Tensor;

  /** The index of the next step. */
  protected next(): Tensor {
    return this.lastEpoch.value.add(1);
  }

  /** As {@link at}, unrounded: a number that takes the dtype of the tensor it meets. */
  rate(i?: number | Tensor): Tensor {
    return this.formula(i === undefined ? this.next() : index(i));
  }

  /** The rate at epoch or call `i`, the next one unless given, as a scalar; computed in f64 and rounded once. */
  at(i?: number | Tensor, options: { readonly dtype?: DType } = {}): Tensor {
    checkOptions('at', options, ['dtype']);
    return this.rate(i).cast(otherwise(options.dtype, 'f32'));
  }

  /** Ends an epoch. */
  stepEpoch(): void {
    this.lastEpoch.value = this.lastEpoch.value.add(1);
  }

  /** Ends a call. An optimizer's `update` calls it once. Only schedules by calls count calls. */
  stepCall(): void {}

  /** Shows the class and its options, without the counters. */
  override toString(): string {
    const own = Object.entries(this).flatMap(([option, value]: [string, unknown]) =>
      typeof value === 'number' || typeof value === 'boolean'
        ? [`${option}: ${value}`]
        : Array.isArray(value)
          ? [`${option}: [${value.join(', ')}]`]
          : [],
    );
    return `${this.constructor.name}({ ${[...(this.hasBaseRate ? [`lr: ${shown(this.lr)}`] : []), ...own].join(', ')} })`;
  }

  /** Whether `lr` is an option: the formula uses it. */
  protected get hasBaseRate(): boolean {
    return true;
  }

  /** Makes `lr` the rate that the schedule begins with. */
  setValue(lr: number): void {
    this.lr.value = checkRange(this.constructor.name, 'lr', lr, NOT_NEGATIVE);
  }
}

/**
 * The same rate always.
 * @example new Constant({ lr: 0.1 }).at(7).item(); // 0.1, as f32
 */
export class Constant extends Scheduler {
  static override name = 'Constant';
  constructor(options: SchedulerOptions) {
    super(options, []);
  }
  protected formula(): Tensor {
    return this.lr.value;
  }
}

/** A rate as a Scheduler: numbers and Variables are constant ones. @throws OptionError `OPTION_RANGE` */
export function asScheduler(owner: string, lr: number | Variable | Scheduler): Scheduler {
  if (lr instanceof Scheduler) return lr;
  checkRate(owner, lr);
  return new Constant({ lr });
}

/** Ends a call where `applied` is true, or there is no condition. */
export function countCall(scheduler: Scheduler, applied: Tensor | undefined): void {
  if (applied === undefined) {
    scheduler.stepCall();
    return;
  }
  const before = [...scheduler.vars().values()].map((variable) => [variable, variable.value] as const);
  scheduler.stepCall();
  for (const [variable, value] of before)
    if (variable.value.expr !== value.expr) variable.value = where(applied, variable.value, value);
}

/** The Schedulers whose counters are tensors of states that rules made. */
export const counted = new WeakMap<Tensor, Scheduler>();

/**
 * How transformations read a Scheduler: one by calls counts in their state, from its own counter on; one by epochs stands
 * where `stepEpoch()` brought it.
 */
export const scheduled = {
  begin(scheduler: Scheduler): { readonly lastCall?: Tensor } {
    const lastCall = scheduler.callCounter?.value;
    if (lastCall === undefined) return {};
    counted.set(lastCall, scheduler);
    return { lastCall };
  },
  rate: (scheduler: Scheduler, lastCall: Tensor | undefined): Tensor => standIn(scheduler).rate(lastCall?.add(1)),
  next: (lastCall: Tensor | undefined): { readonly lastCall?: Tensor } =>
    lastCall === undefined ? {} : { lastCall: lastCall.add(1) },
};

let standIns: ReadonlyMap<Scheduler, Scheduler> = new Map();
/** The Scheduler that takes the place of the one that a rule was made with. */
const standIn = (scheduler: Scheduler): Scheduler => standIns.get(scheduler) ?? scheduler;
/** What `run` gives while others take the places of Schedulers: a copy of an optimizer has its own. */
export function withStandIns<T>(others: ReadonlyMap<Scheduler, Scheduler>, run: () => T): T {
  const before = standIns;
  standIns = others;
  try {
    return run();
  } finally {
    standIns = before;
  }
}
