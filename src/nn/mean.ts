/** A running mean, as one keeps of losses over an epoch. */
import { ShapeError } from '../core/errors.js';
import { checkRange, NOT_NEGATIVE } from '../core/ranges.js';
import { Module } from '../object/module.js';
import { zeros } from '../trace/create.js';
import { mul } from '../trace/functions.js';
import { Tensor, type TensorLike } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import { describe } from './reduction.js';

/**
 * The mean of all values since the last `reset`, each counted `count` times. It is kept in Variables, so that `update` may
 * stand inside a jitted step.
 * @example
 * const loss = new metrics.Mean();
 * loss.update(2, 3);
 * loss.update(6);
 * loss.result().item(); // 3
 */
export class Mean extends Module {
  static override name = 'Mean';
  total = new Variable(zeros([]));
  count = new Variable(zeros([]));

  /** @throws ShapeError `NOT_A_SCALAR` */
  update(value: TensorLike, count: TensorLike = 1): void {
    if (typeof count === 'number') checkRange(`${this.name}.update`, 'count', count, NOT_NEGATIVE);
    for (const each of [value, count])
      if (each instanceof Tensor && each.ndim > 0)
        throw new ShapeError(
          'NOT_A_SCALAR',
          `${this.name} got ${describe(each)}`,
          'Pass a mean as one number, and how many it is of as the count.',
        );
    this.total.value = this.total.value.add(mul(value, count));
    this.count.value = this.count.value.add(count);
  }
  /** f32[]; NaN before the first update. */
  result(): Tensor {
    return this.total.value.div(this.count.value);
  }
  /** Begins anew. */
  reset(): void {
    this.total.value = this.count.value = zeros([]);
  }
}
