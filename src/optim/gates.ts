/** Transformations that decide whether another one runs: accumulation, and skipping what is not finite. */
import { zeros } from '../trace/create.js';
import { where } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { checkOptions, checkRange, POSITIVE_INTEGER, type Range, scalarTensor } from './options.js';
import {
  advance,
  both,
  checkState,
  checkTransformation,
  choose,
  chooseUpdates,
  type GradientTransformation,
  mapLeaves,
  tensorsOf,
  type Tree,
  update,
} from './transformation.js';

type Transformation = GradientTransformation;

/** A transformation that decides when those that follow it in a chain run. */
export interface Gate extends Transformation {
  readonly over: (rest: Transformation) => Transformation;
}
export const isGate = (tx: Transformation): tx is Gate => 'over' in tx;

/** Passes updates through. */
export const identity = (): Transformation => ({
  init: () => null,
  update: (updates) => ({ updates, state: null }),
});

/**
 * `inner` on the gradients that `decide` gives, in the calls for which it says `open`; in the others nothing changes but the
 * gate's own state, of which `counter` is one.
 */
function gated<Own extends object>(
  inner: Transformation,
  counter: keyof Own & string,
  begin: (params: Tree) => Own,
  decide: <P>(grads: P, own: Own) => { readonly open: Tensor; readonly passed: P; readonly own: Own },
): Transformation {
  const tx: GradientTransformation<Own & { readonly inner: Tree }> = {
    schedulers: () => inner.schedulers?.() ?? [],
    init: (params) => ({ ...begin(params), inner: inner.init(params) }),
    update: (grads, state, params) => {
      const { inner: before } = checkState(state, counter);
      const { open, passed, own } = decide(grads, state);
      const result = update(inner, passed, before, params);
      return {
        updates: chooseUpdates(open, result.updates),
        state: { ...own, inner: choose(open, result.state, before) },
        applied: both(open, result.applied),
      };
    },
    advance: (grads, state, params) => {
      const { inner: before } = checkState(state, counter);
      const { open, passed, own } = decide(grads, state);
      const result = advance(inner, passed, before, params);
      return {
        params: choose(open, result.params, params),
        state: { ...own, inner: choose(open, result.state, before) },
        applied: both(open, result.applied),
      };
    },
  };
  return tx;
}

/**
 * Means of n gradients: the updates are 0 until the n-th call, which runs the transformation on the mean and begins anew.
 * All of it is recorded, so a compiled step accumulates by itself. In a chain, what follows `accumulate(n)` runs each n-th
 * call only. Counters, those of Schedulers among them, count updates and not calls.
 * @example chain(accumulate(4), clipByGlobalNorm(1), adam()); // the same as accumulate(4, chain(clipByGlobalNorm(1), adam()))
 */
export function accumulate(n: number, over?: Transformation): Transformation {
  checkRange('accumulate', 'n', n, POSITIVE_INTEGER);
  if (over !== undefined) checkTransformation('accumulate', over);
  const tx = gated(
    over ?? identity(),
    'count',
    (params) => ({
      count: scalarTensor(0),
      sum: mapLeaves((x) => zeros(x.shape, { dtype: x.dtype }), params),
    }),
    (grads, { count, sum }) => {
      const total = mapLeaves((g, a) => a.add(g), grads, sum);
      const next = count.add(1);
      const open = next.greaterEqual(n);
      return {
        open,
        passed: mapLeaves((each) => each.div(n), total),
        own: {
          count: where(open, 0, next),
          sum: mapLeaves((each) => where(open, 0, each), total),
        },
      };
    },
  );
  if (over !== undefined) return tx;
  const gate: Gate = { ...tx, over: (rest) => accumulate(n, rest) };
  return gate;
}

const COUNT: Range = {
  holds: (v) => v === Infinity || (Number.isSafeInteger(v) && v >= 0),
  text: 'an integer of at least 0, or Infinity',
};

/**
 * The transformation, but for gradients that hold a NaN or an infinity: then nothing changes, neither parameters nor state
 * nor counters. After `maxConsecutive` such calls in a row the next is let through, so that training that is lost shows it.
 * State: `consecutive`, how many there have been in a row. The checks of all leaves are one launch.
 * @param options `maxConsecutive` is Infinity unless given: none is let through.
 * @example applyIfFinite(chain(clipByGlobalNorm(1), adam()), { maxConsecutive: 10 })
 */
export function applyIfFinite(tx: Transformation, options: { readonly maxConsecutive?: number } = {}): Transformation {
  checkTransformation('applyIfFinite', tx);
  checkOptions('applyIfFinite', options, ['maxConsecutive']);
  const { maxConsecutive = Infinity } = options;
  checkRange('applyIfFinite', 'maxConsecutive', maxConsecutive, COUNT);
  return gated(
    tx,
    'consecutive',
    () => ({ consecutive: scalarTensor(0) }),
    (grads, own) => {
      const finite = tensorsOf(grads)[0]
        .map((g) => g.isFinite().all())
        .reduce((a, b) => a.logicalAnd(b), own.consecutive.greaterEqual(0));
      const consecutive = where(finite, 0, own.consecutive.add(1));
      // Of the state before: then nothing waits for the counter to be written.
      const open = finite.logicalOr(own.consecutive.greaterEqual(maxConsecutive));
      return { open, passed: grads, own: { consecutive } };
    },
  );
}
