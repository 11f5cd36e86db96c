/**
 * Rules: what an optimizer does to one parameter, written once. `leafwise` makes a transformation over trees of it.
 *
 * Scalars (rates, decays) arrive as numbers that take the dtype of the tensor they meet, so `1 − ρ` is computed in f64 and
 * rounded once, and is computed once for all parameters.
 */
import { mapValues } from '../core/records.js';
import { unflatten } from '../core/tree.js';
import { zeros } from '../trace/create.js';
import { sub } from '../trace/functions.js';
import { Tensor } from '../trace/tensor.js';
import { type Range, type Scalar, scalarTensor } from './options.js';
import {
  type GradientTransformation,
  leavesUpTo,
  rebuilt,
  tensorsOf,
  tensorsUpTo,
  type Tree,
  wrongState,
} from './transformation.js';

/** The state of one parameter, by slot. */
export type Slots<S extends string = string> = Readonly<Record<S, Tensor>>;

/** A rule's scalars by name. */
export type Scalars<H extends string> = Readonly<Record<H | 'lr', Tensor>>;

/** What a rule gets for one parameter. */
export interface RuleStep<H extends string, S extends Slots = Slots> {
  /** Parameter and gradient. */
  readonly x: Tensor;
  readonly g: Tensor;
  readonly slots: S;
  readonly h: Scalars<H>;
  /** Absent where nothing decays. */
  readonly weightDecay: Tensor | undefined;
  /** The number of this update, from 1, for rules that count. */
  readonly t: Tensor;
  /** The rule's own numbers after this update. */
  readonly shared: Readonly<Record<string, Tensor>>;
}

/** A number that all parameters share: what it is before the first update, and after the t-th. */
export interface Shared<H extends string> {
  readonly begin: number;
  readonly next: (before: Tensor, h: Scalars<H>, t: Tensor) => Tensor;
}

/** What is taken from the parameter, and its next state. */
export interface RuleResult<S extends Slots = Slots> {
  readonly descent: Tensor;
  readonly slots: S;
}

/** How weight decay and descent make the next parameter. `update` is the same as what is added. */
export interface Decay {
  next(x: Tensor, descent: Tensor, decay: Tensor, lr: Tensor): Tensor;
  update(x: Tensor, descent: Tensor, decay: Tensor, lr: Tensor): Tensor;
}

/** One optimizer's rule, with the scalars `H`. Where all parameters have the same slots, `S` says which. */
export interface Rule<H extends string, S extends Slots = Slots> {
  readonly name: string;
  /** Scalar options other than the rate: what they are unless given, and their range. */
  readonly scalars: Readonly<Record<H, { readonly value: number; readonly range: Range }>>;
  readonly lr: number;
  /** The decay unless given; null for none. */
  readonly weightDecay: number | null;
  /** {@link DECOUPLED} unless given; null where the step itself uses `weightDecay`. */
  readonly decay?: Decay | null;
  /** Options that choose between rules. */
  readonly flags?: readonly string[];
  /** Whether it counts its updates. */
  readonly counts?: boolean;
  /** Numbers that change with each update, by the name under which the state has them. */
  readonly shared?: Readonly<Record<string, Shared<H>>>;
  /** The state before the first update. */
  init(x: Tensor): S;
  step(step: RuleStep<H, S>): RuleResult<S>;
}

/** x ← (1 − λ)·x − descent */
export const DECOUPLED: Decay = {
  next: (x, descent, decay) => sub(1, decay).mul(x).sub(descent),
  update: (x, descent, decay) => descent.neg().sub(decay.mul(x)),
};

/** A scalar that is no number joins a parameter in the parameter's dtype. */
const fitted = (scalar: Tensor, { dtype }: Tensor): Tensor =>
  scalar.expr.aval.weak || scalar.dtype === dtype ? scalar : scalar.cast(dtype);

/** Shaped like the parameter, all 0. */
export const zerosOf = (x: Tensor): Tensor => zeros(x.shape, { dtype: x.dtype });

/** State of a rule over a tree: each slot is a tree shaped as the parameters, `step` counts updates. */
export interface RuleState {
  readonly step?: Tensor;
  /** The counter of a Scheduler by calls. */
  readonly lastCall?: Tensor;
  readonly [slot: string]: Tree;
}

/** The scalars with which a rule is applied. */
export interface GivenScalars<H extends string> {
  readonly scalars: Readonly<Record<H, Scalar>>;
  /** null for none. */
  readonly weightDecay: Scalar | null;
  /** Asked when an update does: the initial state needs no rate, and a pending one would be compiled for nothing. */
  readonly lr: () => Scalar;
}

/** A rule over trees; it has an order of rounding of its own. */
export type RuleTransformation = GradientTransformation<RuleState> &
  Required<Pick<GradientTransformation<RuleState>, 'advance'>>;

/** The rule over trees, with these scalars. */
export function leafwise<H extends string>(rule: Rule<H>, given: GivenScalars<H>): RuleTransformation {
  const decay = rule.decay === undefined ? DECOUPLED : rule.decay;
  return {
    init: (params) => initialState(rule, params),
    update: (grads, state, params) => {
      const next = stepTree(rule, given, grads, state, params, ({ x, h, weightDecay }, descent) =>
        weightDecay === undefined || decay === null ? descent.neg() : decay.update(x, descent, weightDecay, h.lr),
      );
      return { updates: next.tree, state: next.state };
    },
    advance: (grads, state, params) => {
      const next = stepTree(rule, given, grads, state, params, ({ x, h, weightDecay }, descent) =>
        weightDecay === undefined || decay === null ? x.sub(descent) : decay.next(x, descent, weightDecay, h.lr),
      );
      return { params: next.tree, state: next.state };
    },
  };
}

function initialState<H extends string>(rule: Rule<H>, params: Tree): RuleState {
  const [xs, treedef] = tensorsOf(params);
  const slots = xs.map((x) => rule.init(x));
  const names = [...new Set(slots.flatMap((each) => Object.keys(each)))];
  // What has no such slot has null in its place.
  const column = (name: string): Tree =>
    unflatten(
      treedef,
      slots.map((each) => each[name] ?? null),
    );
  return {
    ...(rule.counts === true ? { step: scalarTensor(0) } : {}),
    ...mapValues(rule.shared ?? {}, ({ begin }) => scalarTensor(begin)),
    ...Object.fromEntries(names.map((name) => [name, column(name)])),
  };
}

/** What a parameter has in its slots. One that the rule reads and the state lacks is a TreeError `TREE_MISMATCH`. */
const present = (slots: Slots, state: RuleState): Slots =>
  new Proxy(slots, {
    get: (all, name: string) => {
      const slot = all[name];
      if (slot === undefined) throw wrongState(state, name);
      return slot;
    },
  });

/** The rule for each parameter: the tree of what `combine` makes of its step and its descent, and the next state. */
function stepTree<H extends string, P>(
  rule: Rule<H>,
  given: GivenScalars<H>,
  grads: P,
  state: RuleState,
  params: P,
  combine: (step: RuleStep<H>, descent: Tensor) => Tensor,
): { tree: P; state: RuleState } {
  const [xs, treedef] = tensorsOf(params);
  const gs = tensorsUpTo(treedef, grads, 'parameters and gradients');
  const lr = scalarTensor(given.lr());
  const h: Scalars<H> = { ...mapValues(given.scalars, scalarTensor), lr };
  const decay = given.weightDecay === null ? undefined : scalarTensor(given.weightDecay);
  const t = rule.counts === true ? numberIn(state, 'step').add(1) : scalarTensor(1);
  const shared = mapValues(rule.shared ?? {}, ({ next }, name) => next(numberIn(state, name), h, t));
  const names = Object.keys(state).filter((name) => name !== 'step' && !(name in shared));
  const columns = names.map((name) => leavesUpTo(treedef, state[name]));
  const next = names.map((): unknown[] => []);
  const results = xs.map((x, i) => {
    const slots: Record<string, Tensor> = {};
    names.forEach((name, n) => {
      const value = columns[n]![i];
      if (value instanceof Tensor) slots[name] = value;
      else if (value !== null) throw wrongState(state);
    });
    const step: RuleStep<H> = {
      x,
      g: gs[i]!,
      slots: present(slots, state),
      h: mapValues(h, (scalar) => fitted(scalar, x)),
      weightDecay: decay && fitted(decay, x),
      t,
      shared,
    };
    const result = rule.step(step);
    names.forEach((name, n) => next[n]!.push(result.slots[name] ?? null));
    // A counter that went through an array is no weak number any more, and must not widen the parameter.
    const { descent } = result;
    return combine(step, descent.dtype === x.dtype ? descent : descent.cast(x.dtype));
  });
  return {
    tree: rebuilt(treedef, results),
    state: {
      ...(rule.counts === true ? { step: t } : {}),
      ...shared,
      ...Object.fromEntries(names.map((name, n) => [name, unflatten(treedef, next[n]!)])),
    },
  };
}

/** A number of the state. @throws TreeError `TREE_MISMATCH` */
function numberIn(state: RuleState, name: string): Tensor {
  const value = state[name];
  if (value instanceof Tensor) return value;
  throw wrongState(state);
}
