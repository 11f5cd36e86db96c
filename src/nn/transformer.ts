/** Attention with parameters, and the block of a transformer. */
import { OptionError } from '../core/errors.js';
import { checkFlag, checkOptions } from '../core/options.js';
import { Module } from '../object/module.js';
import type { Tensor } from '../trace/tensor.js';
import { attention, type MaskOptions } from './attention.js';
import { Dropout } from './dropout.js';
import { checkCounts, checkInput, checkLayer, layerKeys, type LayerOptions, nameIn } from './layer.js';
import { Linear } from './linear.js';
import { LayerNorm } from './normalisation.js';

/**
 * Attention in `heads` parts of the width, each between projections of its own (Vaswani et al. 2017, arXiv:1706.03762). Its
 * parameters are those of the Linears `query`, `key`, `value` and `out`, each [width, width].
 * `call(q: [batch, length, width], k = q: [batch, keys, width], v = k) → [batch, length, width]`.
 * @throws OptionError `OPTION_RANGE`, `HEADS` where they do not divide the width; ShapeError `LAYER_INPUT` when it is called.
 * @example new nn.MultiHeadAttention(8, 2).call(ones([1, 4, 8])).shape; // [1, 4, 8]
 */
export class MultiHeadAttention extends Module {
  static override name = 'MultiHeadAttention';
  query: Linear;
  key: Linear;
  value: Linear;
  out: Linear;

  constructor(
    readonly width: number,
    readonly heads: number,
    options: LayerOptions = {},
  ) {
    super(nameIn(options));
    checkLayer(this.name, options);
    checkCounts(this.name, { width, heads });
    if (width % heads !== 0)
      throw new OptionError('HEADS', `${this.name} got ${heads} heads of width ${width}`, 'Heads divide the width.');
    const { dtype = 'f32' } = options;
    const [query, key, value, out] = layerKeys(options, 4).map(
      (each) => new Linear(width, width, { dtype, key: each }),
    );
    this.query = query!;
    this.key = key!;
    this.value = value!;
    this.out = out!;
  }

  /** [batch, length, width] → the same. */
  call(q: Tensor, k: Tensor = q, v: Tensor = k, options: MaskOptions = {}): Tensor {
    const { width, heads } = this;
    checkOptions(`${this.name}.call`, options, ['mask', 'causal']);
    for (const each of [q, k, v]) checkInput(this, each, width, 3);
    const divided = (x: Tensor): Tensor =>
      x.reshape([...x.shape.slice(0, 2), heads, width / heads]).transpose([0, 2, 1, 3]);
    const mixed = attention(
      divided(this.query.call(q)),
      divided(this.key.call(k)),
      divided(this.value.call(v)),
      options,
    );
    return this.out.call(mixed.transpose([0, 2, 1, 3]).reshape(q.shape));
  }
}

/** Of {@link TransformerBlock}. */
export interface TransformerBlockOptions extends LayerOptions {
  /** The width between the two Linears; 4·width unless given. */
  readonly hidden?: number;
  /** The rate of dropout on both branches; 0 unless given. */
  readonly dropout?: number;
  /** Whether a position attends to none after it; false unless given. */
  readonly causal?: boolean;
}

/**
 * x + attention(norm x), then x + contract(gelu(expand(norm x))): normalised before (Xiong et al. 2020, arXiv:2002.04745).
 * `call(x: [batch, length, width], { mask? })`.
 * @throws as {@link MultiHeadAttention}
 * @example new nn.TransformerBlock(8, 2).call(ones([1, 4, 8])).shape; // [1, 4, 8]
 */
export class TransformerBlock extends Module {
  static override name = 'TransformerBlock';
  attentionNorm: LayerNorm;
  attention: MultiHeadAttention;
  hiddenNorm: LayerNorm;
  expand: Linear;
  contract: Linear;
  dropouts: readonly Dropout[];
  readonly causal: boolean;

  constructor(width: number, heads: number, options: TransformerBlockOptions = {}) {
    super(nameIn(options));
    checkLayer(this.name, options, ['hidden', 'dropout', 'causal']);
    checkCounts(this.name, { width, heads });
    const { dtype = 'f32', hidden = 4 * width, dropout = 0, causal = false } = options;
    this.causal = checkFlag(this.name, 'causal', causal);
    checkCounts(this.name, { hidden });
    const keys = layerKeys(options, 5) as [Tensor, Tensor, Tensor, Tensor, Tensor];
    this.attentionNorm = new LayerNorm(width, { dtype });
    this.attention = new MultiHeadAttention(width, heads, { dtype, key: keys[0] });
    this.hiddenNorm = new LayerNorm(width, { dtype });
    this.expand = new Linear(width, hidden, { dtype, key: keys[1] });
    this.contract = new Linear(hidden, width, { dtype, key: keys[2] });
    this.dropouts = dropout === 0 ? [] : keys.slice(3).map((key) => new Dropout(dropout, { key }));
  }

  /** [batch, length, width] → the same. */
  call(x: Tensor, options: Pick<MaskOptions, 'mask'> = {}): Tensor {
    checkOptions(`${this.name}.call`, options, ['mask']);
    const branch = (i: number, y: Tensor): Tensor => this.dropouts[i]?.call(y) ?? y;
    const normal = this.attentionNorm.call(x);
    const attended = this.attention.call(normal, normal, normal, { causal: this.causal, mask: options.mask });
    const middle = x.add(branch(0, attended));
    const hidden = this.expand.call(this.hiddenNorm.call(middle)).gelu();
    return middle.add(branch(1, this.contract.call(hidden)));
  }
}
