/** Rprop. */
import { where } from '../trace/functions.js';
import { POSITIVE, type Range, splitOption } from './options.js';
import type { OptimizerOptions } from './optimizer.js';
import { defineScalars, RuleOptimizer } from './rule-optimizer.js';
import { type Rule, type Slots, zerosOf } from './rule.js';

type RpropScalar = 'etaMinus' | 'etaPlus' | 'minStep' | 'maxStep';
const SHRINKS: Range = { holds: (v) => v > 0 && v < 1, text: 'between 0 and 1' };
const GROWS: Range = { holds: (v) => v > 1 && v < Infinity, text: 'finite and above 1' };

export const RPROP: Rule<RpropScalar, Slots<'size' | 'prev'>> = {
  name: 'Rprop',
  lr: 0.01,
  weightDecay: null,
  scalars: {
    etaMinus: { value: 0.5, range: SHRINKS },
    etaPlus: { value: 1.2, range: GROWS },
    minStep: { value: 1e-6, range: POSITIVE },
    maxStep: { value: 50, range: POSITIVE },
  },
  flags: ['etas', 'stepSizes'],
  counts: true,
  init: (x) => ({ size: zerosOf(x), prev: zerosOf(x) }),
  step: ({ g, slots: { size, prev }, h: { lr, etaMinus, etaPlus, minStep, maxStep }, t }) => {
    // The signs and not the gradients: their product could vanish.
    const turn = g.sign().mul(prev.sign());
    const before = where(t.equal(1), lr, size);
    const same = where(turn.less(0), before.mul(etaMinus), before);
    const next = where(turn.greater(0), before.mul(etaPlus), same).clip(minStep, maxStep);
    const taken = where(turn.less(0), 0, g);
    return { descent: taken.sign().mul(next), slots: { size: next, prev: taken } };
  },
};

/** Of {@link Rprop}, with their defaults. */
export interface RpropOptions extends OptimizerOptions {
  /** By how much a step shrinks where the sign turned, and grows where it stayed: [η₋, η₊]. */
  readonly etas?: readonly [number, number];
  /** The smallest and the largest step. */
  readonly stepSizes?: readonly [number, number];
}
/** `etas` and `stepSizes` as four scalars. @throws OptionError `OPTION_RANGE` */
export const splitRprop = (given: RpropOptions): OptimizerOptions & { readonly [K in RpropScalar]?: number } =>
  splitOption('Rprop', splitOption('Rprop', given, 'etas', ['etaMinus', 'etaPlus']), 'stepSizes', [
    'minStep',
    'maxStep',
  ]);

/**
 * Rprop: each element has a step of its own, which grows while its gradient keeps its sign and shrinks where it turns. For
 * gradients of the whole data: those of batches turn by chance.
 *
 * ```
 * s ← clip(s · η, minStep, maxStep)     η = η₊ where g·g₋₁ > 0, η₋ where it is < 0, else 1; s begins at lr
 * g ← 0 where g·g₋₁ < 0
 * x ← D(x) − s · sign(g)                D(x) = (1−λ)·x, or x where weightDecay is null
 * ```
 *
 * Defaults: the paper's `etas` [0.5, 1.2] and largest step 50; the smallest 1e-6 and `lr` 0.01, the first step, as
 * PyTorch. State: `<key>_size` (s), `<key>_prev` (g₋₁), and `step`.
 * Reference: Riedmiller and Braun 1993, "A direct adaptive method for faster backpropagation learning: the RPROP
 * algorithm".
 *
 * @example
 * const x = new TrainVar(tensor([1, 1]));
 * const opt = new Rprop({ lr: 0.25, etas: [0.5, 2], trainVars: { x } });
 * for (const g of [[1, -3], [2, 5]]) opt.update({ x: tensor(g) });
 * x.value.arraySync(); // [0.25, 1.25]
 */
export class Rprop extends RuleOptimizer<RpropScalar> {
  static override name = defineScalars(Rprop, RPROP);
  declare etaMinus: number;
  declare etaPlus: number;
  declare minStep: number;
  declare maxStep: number;
  constructor(options: RpropOptions = {}) {
    super(RPROP, splitRprop(options));
  }
}
