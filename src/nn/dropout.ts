/** Dropout. */
import { BELOW_ONE, checkRange } from '../core/ranges.js';
import { Module } from '../object/module.js';
import { where } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import { bernoulli } from './distributions.js';
import { split } from './keys.js';
import { checkLayer, checkTensor, layerKeys, type LayerOptions, nameIn } from './layer.js';

/** `x` with each element 0 with probability `rate`, else times 1/(1 − rate). */
export const dropped = (x: Tensor, rate: number, key: Tensor): Tensor =>
  where(bernoulli(key, x.shape, { p: 1 - rate }), x.mul(1 / (1 - rate)), 0);

/**
 * In training each element is 0 with probability `rate`, else times 1/(1 − rate) (Srivastava et al. 2014, JMLR 15); after
 * `eval()` nothing changes. The key is a Variable of its state: each call in training advances it, and a run that is loaded
 * from a file goes on with the same bits.
 * @throws OptionError `OPTION_RANGE` unless 0 ≤ rate < 1, `UNKNOWN_OPTION`, `NOT_A_KEY`
 * @example
 * const layer = new nn.Dropout(0.5);
 * layer.eval();
 * layer.call(tensor([1, 2])).arraySync(); // [1, 2]
 */
export class Dropout extends Module {
  static override name = 'Dropout';
  key: Variable;

  constructor(
    readonly rate: number,
    options: Omit<LayerOptions, 'dtype'> = {},
  ) {
    super(nameIn(options));
    checkLayer(this.name, options);
    checkRange(this.name, 'rate', rate, BELOW_ONE);
    this.key = new Variable(layerKeys(options, 1)[0]!);
  }

  /** The key of this call. */
  next(): Tensor {
    const [next, mine] = split(this.key.value) as [Tensor, Tensor];
    this.key.value = next;
    return mine;
  }
  /** Any shape → the same; in training the key of the state advances. */
  call(x: Tensor): Tensor {
    checkTensor(this, x);
    return this.training ? dropped(x, this.rate, this.next()) : x;
  }
}
