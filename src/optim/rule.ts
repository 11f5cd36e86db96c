/**
 * Rules: what an optimizer does to one parameter, written once. `leafwise` makes a transformation over trees of it.
 *
 * Scalars (rates, decays) arrive as numbers that take the dtype of the tensor they meet, so `1 − ρ` is computed in f64 and
 * rounded once, and is computed once for all parameters.
 */
import { flatten, flattenUpTo, type TreeDef, unflatten } from '../core/tree.js';
import { zeros } from '../trace/create.js';
import { sub } from '../trace/functions.js';
import { Tensor } from '../trace/tensor.js';
import { type Range, type Scalar, scalarTensor } from './options.js';
import { type GradientTransformation, leavesUpTo, type Tree } from './transformation.js';

/** The state of one parameter, by slot. */
export type Slots = Readonly<Record<string, Tensor>>;

/** A rule's scalars by name; `weightDecay` is absent where nothing decays. */
export type Scalars<H extends string> = Readonly<Record<H | 'lr', Tensor>> & { readonly weightDecay?: Tensor };

export interface RuleStep<H extends string> {
  /** Parameter and gradient. */
  readonly x: Tensor;
  readonly g: Tensor;
  readonly slots: Slots;
  readonly h: Scalars<H>;
  /** The number of this update, from 1, for rules that count. */
  readonly t: Tensor;
  /** The rule's own numbers after this update. */
  readonly shared?: Readonly<Record<string, Tensor>>;
}

/** A number that all parameters share: what it is before the first update, and after the t-th. */
export interface Shared<H extends string> {
  readonly begin: number;
  readonly next: (before: Tensor, h: Scalars<H>, t: Tensor) => Tensor;
}

/** What is taken from the parameter, and its next state. */
export interface RuleResult {
  readonly descent: Tensor;
  readonly slots: Slots;
}

/** How weight decay and descent make the next parameter. `update` is the same as what is added. */
export interface Decay {
  next(x: Tensor, descent: Tensor, decay: Tensor, lr: Tensor): Tensor;
  update(x: Tensor, descent: Tensor, decay: Tensor, lr: Tensor): Tensor;
}

/** One optimizer's rule. */
export interface Rule<H extends string> {
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
  init(x: Tensor): Slots;
  step(step: RuleStep<H>): RuleResult;
}

/** x ← (1 − λ)·x − descent */
export const DECOUPLED: Decay = {
  next: (x, descent, decay) => sub(1, decay).mul(x).sub(descent),
  update: (x, descent, decay) => descent.neg().sub(decay.mul(x)),
};

/** A scalar that is no number joins a parameter in the parameter's dtype. */
const fitted = <T extends Readonly<Record<string, Tensor>>>(scalars: T, x: Tensor): T =>
  Object.fromEntries(
    Object.entries(scalars).map(([key, scalar]) => [
      key,
      scalar.expr.aval.weak || scalar.dtype === x.dtype ? scalar : scalar.cast(x.dtype),
    ]),
  ) as T;

/** Shaped like the parameter, all 0. */
export const zerosOf = (x: Tensor): Tensor => zeros(x.shape, { dtype: x.dtype });

/** State of a rule over a tree: each slot is a tree shaped as the parameters, `step` counts updates. */
export interface RuleState {
  readonly step?: Tensor;
  /** The counter of a Scheduler by calls. */
  readonly lastCall?: Tensor;
  readonly [slot: string]: Tree;
}

/** The rule over trees, with these scalars. `weightDecay` null means none. */
export function leafwise<H extends string>(
  rule: Rule<H>,
  given: Readonly<Record<H | 'lr', Scalar>> & { readonly weightDecay: Scalar | null },
): GradientTransformation<RuleState> {
  const decay = rule.decay === undefined ? DECOUPLED : rule.decay;
  const shared = Object.entries<Shared<H>>(rule.shared ?? {});
  const isSlot = (name: string): boolean => name !== 'step' && !(name in (rule.shared ?? {}));

  const run = <P>(
    grads: P,
    state: RuleState,
    params: P,
    combine: (x: Tensor, descent: Tensor, h: Scalars<H>) => Tensor,
  ): { tree: P; state: RuleState } => {
    const [xs, treedef] = flatten(params);
    const gs = flattenUpTo(treedef, grads, 'parameters and gradients') as Tensor[];
    const { weightDecay, ...rest } = given;
    const h = Object.fromEntries(
      Object.entries({ ...rest, ...(weightDecay === null ? {} : { weightDecay }) }).map(([key, value]) => [
        key,
        scalarTensor(value),
      ]),
    ) as Scalars<H>;
    const t = rule.counts === true ? state.step!.add(1) : scalarTensor(1);
    const own = Object.fromEntries(shared.map(([name, { next }]) => [name, next(state[name] as Tensor, h, t)]));
    const names = Object.keys(state).filter(isSlot);
    const columns = names.map((name) => leavesUpTo(treedef, state[name]));
    const next = names.map((): unknown[] => []);
    const results = (xs as Tensor[]).map((x, i) => {
      const scalars = fitted(h, x);
      const slots: Record<string, Tensor> = {};
      names.forEach((name, n) => {
        const value = columns[n]![i];
        if (value instanceof Tensor) slots[name] = value;
      });
      const result = rule.step({ x, g: gs[i]!, slots, h: scalars, t, shared: own });
      names.forEach((name, n) => next[n]!.push(result.slots[name] ?? null));
      // A counter that went through an array is no weak number any more, and must not widen the parameter.
      const { descent } = result;
      return combine(x, descent.dtype === x.dtype ? descent : descent.cast(x.dtype), scalars);
    });
    return {
      tree: unflatten(treedef as TreeDef, results) as P,
      state: {
        ...(rule.counts === true ? { step: t } : {}),
        ...own,
        ...Object.fromEntries(names.map((name, n) => [name, unflatten(treedef, next[n]!)])),
      },
    };
  };

  return {
    init: (params) => {
      const [xs, treedef] = flatten(params);
      const slots = (xs as Tensor[]).map((x) => rule.init(x));
      const names = [...new Set(slots.flatMap((each) => Object.keys(each)))];
      return {
        ...(rule.counts === true ? { step: scalarTensor(0) } : {}),
        ...Object.fromEntries(shared.map(([name, { begin }]) => [name, scalarTensor(begin)])),
        ...Object.fromEntries(
          names.map((name) => [
            name,
            unflatten(
              treedef,
              slots.map((each) => each[name] ?? null),
            ),
          ]),
        ),
      };
    },
    update: (grads, state, params) => {
      const { tree, state: next } = run(grads, state, params, (x, descent, h) =>
        h.weightDecay === undefined || decay === null ? descent.neg() : decay.update(x, descent, h.weightDecay, h.lr),
      );
      return { updates: tree, state: next };
    },
    advance: (grads, state, params) => {
      const { tree, state: next } = run(grads, state, params, (x, descent, h) =>
        h.weightDecay === undefined || decay === null ? x.sub(descent) : decay.next(x, descent, h.weightDecay, h.lr),
      );
      return { params: tree, state: next };
    },
  };
}
