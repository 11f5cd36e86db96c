/** Recurrent layers: one compiled loop over time for each layer and direction, whose products with the inputs stand before it. */
import type { Expr } from '../core/expr.js';
import { sameShape } from '../core/aval.js';
import { mapEach } from '../core/axes.js';
import { ShapeError } from '../core/errors.js';
import { checkFlag } from '../core/options.js';
import { NodeList } from '../object/containers.js';
import { Module } from '../object/module.js';
import * as movement from '../ops/movement.js';
import { scan } from '../trace/control/loops.js';
import { zeros } from '../trace/create.js';
import { concat, stack } from '../trace/functions.js';
import { apply, Tensor } from '../trace/tensor.js';
import type { TrainVar } from '../trace/variable.js';
import { uniform } from './distributions.js';
import { checkCounts, checkInput, checkLayer, layerKeys, type LayerOptions, nameIn, parameter } from './layer.js';
import { describe } from './reduction.js';

/** Of recurrent layers: how many, and in which directions. */
export interface RecurrentOptions extends LayerOptions {
  /** Layers on each other; 1 unless given. */
  readonly layers?: number;
  /** Whether a second loop runs backwards, its outputs after those of the first; false unless given. */
  readonly bidirectional?: boolean;
}

/** The next state, of which the first part is the output, from the state and what inputs and output give to the gates. */
type Step = (state: readonly Tensor[], fromInput: Tensor, fromHidden: Tensor) => Tensor[];

/** Gate `i`, of places in shapes, of what all gates get: [batch, gates·hidden] → [batch, hidden]. */
const gate = (x: Tensor, i: number, hidden: number): Tensor =>
  apply((node: Expr) => movement.slice(node, [0, i * hidden], [node.shape[0]!, (i + 1) * hidden]), x);

/** The parameters of one layer in one direction, uniform on ±1/√hidden at first: those of PyTorch, transposed. */
class Cell extends Module {
  static override name = 'Cell';
  inputWeight: TrainVar;
  hiddenWeight: TrainVar;
  inputBias: TrainVar;
  hiddenBias: TrainVar;

  constructor(inputs: number, hidden: number, gates: number, options: LayerOptions) {
    super();
    const keys = layerKeys(options, 4);
    const max = 1 / Math.sqrt(hidden);
    const begin = (i: number, shape: number[]): TrainVar =>
      parameter(uniform(keys[i]!, shape, { min: -max, max }), options);
    this.inputWeight = begin(0, [inputs, gates * hidden]);
    this.hiddenWeight = begin(1, [hidden, gates * hidden]);
    this.inputBias = begin(2, [gates * hidden]);
    this.hiddenBias = begin(3, [gates * hidden]);
  }

  /** x: [batch, time, inputs] from `init`, a state of [batch, hidden] each → the last state, and outputs [batch, time, hidden]. */
  call(x: Tensor, init: readonly Tensor[], step: Step, reverse: boolean): [state: Tensor[], outputs: Tensor] {
    const fromInputs = x.transpose([1, 0, 2]).matmul(this.inputWeight.value).add(this.inputBias.value);
    const [weight, bias] = [this.hiddenWeight.value, this.hiddenBias.value];
    const [state, outputs] = scan(
      (before: Tensor[], fromInput: Tensor) => {
        const next = step(before, fromInput, before[0]!.matmul(weight).add(bias));
        return [next, next[0]!] as const;
      },
      init.map((each) => each.cast(fromInputs.dtype)),
      fromInputs,
      { reverse },
    );
    return [state, outputs.transpose([1, 0, 2])];
  }
}

abstract class Recurrent extends Module {
  /** Those of layer 0, then of layer 0 backwards, of layer 1, … */
  readonly cells: NodeList<Cell>;
  readonly layers: number;
  readonly bidirectional: boolean;
  protected static readonly gates: number;
  protected static readonly step: Step;

  constructor(
    readonly inputs: number,
    readonly hidden: number,
    options: RecurrentOptions = {},
  ) {
    super(nameIn(options));
    checkLayer(this.name, options, ['layers', 'bidirectional']);
    const { layers = 1, bidirectional = false, dtype = 'f32' } = options;
    checkCounts(this.name, { inputs, hidden, layers });
    this.layers = layers;
    this.bidirectional = checkFlag(this.name, 'bidirectional', bidirectional);
    const { gates } = this.constructor as typeof Recurrent;
    const ways = bidirectional ? 2 : 1;
    const keys = layerKeys(options, layers * ways);
    this.cells = new NodeList(
      keys.map((key, i) => new Cell(i < ways ? inputs : hidden * ways, hidden, gates, { dtype, key })),
    );
  }

  /** The outputs and the last state, whose `parts` are [layers·directions, batch, hidden] each. @throws ShapeError `STATE_SHAPE` */
  protected run(x: Tensor, given: unknown, parts: number): [Tensor, Tensor[]] {
    checkInput(this, x, this.inputs, 3);
    const { cells, hidden, bidirectional } = this;
    const batch = x.shape[0]!;
    const shape = [cells.length, batch, hidden];
    const isState = (each: unknown): each is Tensor => each instanceof Tensor && sameShape(each.shape, shape);
    const states: unknown = given === undefined ? Array.from({ length: parts }, () => zeros(shape)) : given;
    if (!Array.isArray(states) || states.length !== parts || !states.every(isState))
      throw new ShapeError(
        'STATE_SHAPE',
        `${this.name} got the state ${Array.isArray(states) ? states.map(describe).join(', ') : describe(states)} with x ${describe(x)}`,
        `A state is ${parts === 1 ? '' : 'a pair of '}[layers · directions, batch, hidden], here [${shape.join(', ')}].`,
      );
    const at = (state: Tensor, i: number): Tensor =>
      apply((node: Expr) => movement.slice(node, [i, 0, 0], [i + 1, batch, hidden]), state).reshape([batch, hidden]);
    const { step } = this.constructor as typeof Recurrent;
    const last: Tensor[][] = [];
    let y = x;
    for (let layer = 0; layer < this.layers; layer++) {
      const outputs = (bidirectional ? [false, true] : [false]).map((reverse) => {
        const init = states.map((each) => at(each, last.length));
        const [state, output] = cells[last.length]!.call(y, init, step, reverse);
        last.push(state);
        return output;
      });
      y = bidirectional ? concat(outputs, -1) : outputs[0]!;
    }
    return [y, states.map((_, part) => stack(last.map((state) => state[part]!)))];
  }
}

/**
 * h ← tanh(x·Wᵢ + bᵢ + h·Wₕ + bₕ) (Elman 1990). `call(x: [batch, time, inputs], state?) → [outputs, state]` with outputs
 * [batch, time, hidden · directions] and state [layers · directions, batch, hidden], zeros at first. Each of `cells` has
 * `inputWeight` [inputs, hidden], `hiddenWeight` [hidden, hidden], `inputBias` and `hiddenBias`.
 * @throws OptionError `OPTION_RANGE`, `UNKNOWN_OPTION`; ShapeError `LAYER_INPUT`, `STATE_SHAPE` when it is called.
 * @example
 * const [outputs] = new nn.RNN(3, 4).call(ones([2, 5, 3]));
 * outputs.shape; // [2, 5, 4]
 */
export class RNN extends Recurrent {
  static override name = 'RNN';
  protected static override readonly gates = 1;
  protected static override readonly step: Step = (_, x, h) => [x.add(h).tanh()];

  /** [batch, time, inputs] → [batch, time, hidden], and the last state. */
  call(x: Tensor, state?: Tensor): [outputs: Tensor, state: Tensor] {
    const [y, [last]] = this.run(x, state === undefined ? undefined : [state], 1);
    return [y, last!];
  }
}

/**
 * As {@link RNN}, with gates r, z, n along the last axis of weights and biases (Cho et al. 2014, arXiv:1406.1078; reset after
 * the product, as PyTorch and cuDNN):
 *
 * ```
 * r = σ(x·Wᵢᵣ + bᵢᵣ + h·Wₕᵣ + bₕᵣ)     z = σ(x·Wᵢz + bᵢz + h·Wₕz + bₕz)
 * n = tanh(x·Wᵢₙ + bᵢₙ + r·(h·Wₕₙ + bₕₙ))     h ← n + z·(h − n)
 * ```
 * @example
 * const [outputs, state] = new nn.GRU(3, 4).call(ones([2, 5, 3]));
 * [outputs.shape, state.shape]; // [[2, 5, 4], [1, 2, 4]]
 */
export class GRU extends Recurrent {
  static override name = 'GRU';
  protected static override readonly gates = 3;
  protected static override readonly step: Step = ([h], fromInput, fromHidden) => {
    const { shape } = h!;
    const [x, y] = mapEach([fromInput, fromHidden], (all) => mapEach([0, 1, 2], (i) => gate(all, i, shape[1]!)));
    const r = x[0].add(y[0]).sigmoid();
    const z = x[1].add(y[1]).sigmoid();
    const n = x[2].add(r.mul(y[2])).tanh();
    return [n.add(z.mul(h!.sub(n)))];
  };

  /** [batch, time, inputs] → [batch, time, hidden], and the last state. */
  call(x: Tensor, state?: Tensor): [outputs: Tensor, state: Tensor] {
    const [y, [last]] = this.run(x, state === undefined ? undefined : [state], 1);
    return [y, last!];
  }
}

/**
 * As {@link RNN}, with gates i, f, g, o along the last axis of weights and biases, and a state of two, [h, c] (Hochreiter,
 * Schmidhuber 1997; Gers, Schmidhuber, Cummins 2000):
 *
 * ```
 * c ← σ(f)·c + σ(i)·tanh(g)     h ← σ(o)·tanh(c)
 * ```
 * @example
 * const [outputs, [h, c]] = new nn.LSTM(3, 4).call(ones([2, 5, 3]));
 * [outputs.shape, h.shape, c.shape]; // [[2, 5, 4], [1, 2, 4], [1, 2, 4]]
 */
export class LSTM extends Recurrent {
  static override name = 'LSTM';
  protected static override readonly gates = 4;
  protected static override readonly step: Step = ([, c], fromInput, fromHidden) => {
    const all = fromInput.add(fromHidden);
    const [i, f, g, o] = mapEach([0, 1, 2, 3], (each) => gate(all, each, c!.shape[1]!));
    const next = f.sigmoid().mul(c!).add(i.sigmoid().mul(g.tanh()));
    return [o.sigmoid().mul(next.tanh()), next];
  };

  /** [batch, time, inputs] → [batch, time, hidden], and the last state. */
  call(x: Tensor, state?: readonly [h: Tensor, c: Tensor]): [outputs: Tensor, state: [h: Tensor, c: Tensor]] {
    const [y, [h, c]] = this.run(x, state, 2);
    return [y, [h!, c!]];
  }
}
