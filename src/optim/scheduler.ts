/**
 * Scheduler: a learning rate that depends on counters. Counters and the base rate are Variables, so they live in the
 * compiled step: another epoch, call or rate needs no other program.
 */
import type { DType } from '../core/dtype.js';
import { OptionError } from '../core/errors.js';
import { Module } from '../object/module.js';
import type { Tensor } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import { checkKeys, checkRange, COUNTER, NOT_NEGATIVE, scalarTensor, scalarVariable, shown } from './options.js';

export interface SchedulerOptions {
  /** The rate that the schedule begins with; a Variable is used itself. */
  readonly lr: number | Variable;
  /** Epochs that have ended, minus one; −1 unless given. */
  readonly lastEpoch?: number;
  readonly name?: string;
}

/** An index as a number; a tensor of another dtype would have the formula rounded in its own. */
export const index = (i: number | Tensor): Tensor => {
  const given = scalarTensor(i);
  return given.expr.aval.weak ? given : given.cast('f64');
};

/** Base class: the rate depends on the epoch. */
export abstract class Scheduler extends Module {
  /** The rate that the schedule begins with. */
  lr: Variable;
  /** The last epoch that has ended; −1 before the first. */
  lastEpoch: Variable;

  protected constructor({ lr, lastEpoch = -1, name }: SchedulerOptions) {
    super(name);
    if (lr instanceof Variable) {
      if (lr.ndim !== 0)
        throw new OptionError(
          'OPTION_RANGE',
          `${this.constructor.name} got lr = ${lr.toString()}`,
          'A rate is a scalar.',
        );
    } else checkRange(this.constructor.name, 'lr', lr, NOT_NEGATIVE);
    this.lr = scalarVariable(lr);
    this.lr.name ??= `${this.name}.lr`;
    this.lastEpoch = Variable.number(
      checkRange(this.constructor.name, 'lastEpoch', lastEpoch, COUNTER),
      `${this.name}.lastEpoch`,
    );
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
  at(i?: number | Tensor, { dtype = 'f32' }: { readonly dtype?: DType } = {}): Tensor {
    return this.rate(i).cast(dtype);
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
  constructor(options: SchedulerOptions) {
    super(options);
    checkKeys(this.constructor.name, options, ['lr', 'lastEpoch', 'name']);
  }
  protected formula(): Tensor {
    return this.lr.value;
  }
}

/** A rate as a Scheduler: numbers and Variables are constant ones. */
export const asScheduler = (lr: number | Variable | Scheduler): Scheduler =>
  lr instanceof Scheduler ? lr : new Constant({ lr });
