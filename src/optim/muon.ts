/** Muon. */
import { OptionError } from '../core/errors.js';
import { map } from '../core/tree.js';
import { sub } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { BY_RATE } from './adam.js';
import { multiTransform } from './compose.js';
import { ComposedOptimizer } from './composed-optimizer.js';
import { asTransformation } from './lookahead.js';
import { globalNorm } from './norm.js';
import { BELOW_ONE, checkFlag, checkOptions, checkRange, optionOf, POSITIVE_INTEGER } from './options.js';
import type { Optimizer, OptimizerOptions } from './optimizer.js';
import { type Rule, type Slots, zerosOf } from './rule.js';
import { type RuleOptions, ruleTransformation } from './rule-transformation.js';
import { asScheduler } from './scheduler.js';
import type { GradientTransformation } from './transformation.js';

/** Of the quintic that takes singular values towards 1: the authors', fast and only near 1. */
const A = 3.4445;
const B = -4.775;
const C = 2.0315;
/** The authors'. */
const RATE = 0.02;

/**
 * A matrix with the singular vectors of `x` and singular values near 1 (0.7 to 1.2), by Newton and Schulz: x: f32[m, n] → f32[m, n].
 * Reference: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
 */
function orthogonalized(x: Tensor, steps: number): Tensor {
  const [rows, columns] = x.shape as [number, number];
  // The smaller square is squared.
  let o = rows > columns ? x.transpose() : x;
  o = o.div(globalNorm(o).add(1e-7));
  for (let i = 0; i < steps; i++) {
    const square = o.matmul(o.transpose());
    o = o.mul(A).add(square.mul(B).add(square.matmul(square).mul(C)).matmul(o));
  }
  return rows > columns ? o.transpose() : o;
}

const muonRule = (nesterov: boolean, steps: number): Rule<'momentum', Slots<'m'>> => ({
  name: 'Muon',
  lr: RATE,
  weightDecay: null,
  decay: BY_RATE,
  scalars: { momentum: { value: 0.95, range: BELOW_ONE } },
  flags: ['nesterov', 'steps'],
  init: (x) => ({ m: zerosOf(x) }),
  step: ({ x, g, slots, h: { lr, momentum } }) => {
    const [inputs, outputs] = x.shape as [number, number];
    const m = momentum.mul(slots.m).add(sub(1, momentum).mul(g));
    const ahead = nesterov ? momentum.mul(m).add(sub(1, momentum).mul(g)) : m;
    return {
      descent: lr.mul(Math.sqrt(Math.max(1, outputs / inputs))).mul(orthogonalized(ahead, steps)),
      slots: { m },
    };
  },
});

const OPTIONS = ['lr', 'weightDecay', 'momentum', 'nesterov', 'steps', 'fallback'];

/** What trains parameters that are no matrices: a transformation, or an optimizer made without variables. */
export interface MuonChoices {
  readonly nesterov?: boolean;
  /** Of Newton and Schulz. */
  readonly steps?: number;
  readonly fallback?: GradientTransformation | Optimizer;
}
/** Of {@link Muon}, with their defaults. */
export interface MuonOptions extends OptimizerOptions, MuonChoices {
  readonly momentum?: number;
}

/**
 * {@link Muon} as a transformation.
 * @example
 * const params = { w: eye(2) };
 * const tx = muon({ lr: 0.1 });
 * tx.update({ w: eye(2) }, tx.init(params), params).updates.w.shape; // [2, 2]
 */
export function muon(options: RuleOptions<'momentum'> & MuonChoices = {}): GradientTransformation {
  checkOptions('Muon', options, OPTIONS);
  const { fallback, ...rest } = options;
  const nesterov = checkFlag('Muon', 'nesterov', optionOf(options, 'nesterov', true));
  const steps = checkRange('Muon', 'steps', optionOf(options, 'steps', 5), POSITIVE_INTEGER);
  const label = (x: Tensor): string => {
    if (x.ndim !== 2 && fallback === undefined)
      throw new OptionError(
        'NO_FALLBACK',
        `Muon got a parameter of ${x.dtype}[${x.shape.join(',')}], and trains matrices`,
        'Pass { fallback: adamw({ lr }) } for the others.',
      );
    return x.ndim === 2 ? 'muon' : 'fallback';
  };
  return multiTransform(
    {
      muon: ruleTransformation(muonRule(nesterov, steps), rest),
      ...(fallback === undefined ? {} : { fallback: asTransformation('Muon', fallback) }),
    },
    (params: unknown) => map(label, params),
  );
}

/**
 * Muon: the momentum of each matrix, made orthogonal, so that all its directions move as far; other parameters are trained
 * by `fallback`.
 *
 * ```
 * m ← μ m + (1−μ) g
 * o = orthogonal(μ m + (1−μ) g)               orthogonal(m) without nesterov
 * x ← (1 − lr λ) x − lr · √max(1, outputs/inputs) · o        x: [inputs, outputs]
 *
 * orthogonal(z): z ← z/‖z‖, then `steps` times z ← 3.4445 z − 4.775 zzᵀz + 2.0315 (zzᵀ)²z
 * ```
 *
 * Defaults: the authors': `lr` 0.02, `momentum` 0.95, `nesterov`, 5 `steps`, no decay. Biases, gains, embeddings and filters
 * are no hidden layers' matrices: `fallback: adamw({ lr: 3e-4 })` takes what has not two axes; leave an embedding to another
 * optimizer. State: `<key>_muon_m`, and that of the fallback as `<key>_fallback_<slot>`.
 * Reference: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
 *
 * @example
 * const x = new TrainVar(zeros([1, 1]));
 * new Muon({ lr: 1, steps: 1, trainVars: { x } }).update({ x: tensor([[3]]) });
 * x.value.item().toFixed(3); // '-0.701': 3.4445 − 4.775 + 2.0315, downwards
 */
export class Muon extends ComposedOptimizer {
  static override name = 'Muon';
  constructor(given: MuonOptions = {}) {
    checkOptions('Muon', given, [...OPTIONS, 'trainVars', 'name']);
    const { trainVars = null, name, ...options } = given;
    // A Scheduler, so that it is `opt.lr`.
    const lr = asScheduler('Muon', optionOf(options, 'lr', RATE));
    super({ transformation: muon({ ...options, lr }), trainVars, ...(name === undefined ? {} : { name }) });
  }
}
