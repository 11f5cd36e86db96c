/**
 * Random programs of loops and branches in each other, run in two ways: with `scan`, `cond` and the like, and as plain turns and
 * choices over values that are read where they decide. What stands in a body is a list of statements over a pool of values, all
 * that are there outside included; its result takes the shape and dtype that the place asks for.
 */
import fc from 'fast-check';
import * as L from 'lazuli';
import { type Tensor, tensor } from 'lazuli';
import { type Instruction, instructions, step } from '../properties/programs.js';

type Block = readonly Statement[];
export type Statement =
  | { readonly kind: 'op'; readonly instruction: Instruction }
  | {
      readonly kind: 'scan';
      readonly a: number;
      readonly b: number;
      readonly turns: number;
      readonly reverse: boolean;
      readonly body: Block;
    }
  | { readonly kind: 'for' | 'while'; readonly a: number; readonly turns: number; readonly body: Block }
  | { readonly kind: 'cond' | 'switch'; readonly a: number; readonly branches: readonly Block[] }
  | {
      readonly kind: 'checkpoint' | 'custom' | 'jit' | 'vmap' | 'grad' | 'jvp';
      readonly a: number;
      readonly body: Block;
    }
  | { readonly kind: 'read' | 'write'; readonly variable: number }
  | { readonly kind: 'draw' };

/** Statements of these kinds, nested up to `depth` deep. */
export function statements(kinds: readonly Statement['kind'][], depth: number): fc.Arbitrary<Block> {
  const has = <T>(kind: Statement['kind'], arbitrary: fc.Arbitrary<T>, weight = 1) =>
    kinds.includes(kind) ? [{ weight, arbitrary }] : [];
  const body =
    depth === 0
      ? fc.constant<Block>([])
      : fc.nat(1).chain((less) => statements(kinds, depth - 1 - less * (depth > 1 ? 1 : 0)));
  const a = fc.nat(255);
  const one = fc.oneof(
    {
      weight: 6,
      arbitrary: instructions(1, 1).map(([instruction]): Statement => ({ kind: 'op', instruction: instruction! })),
    },
    ...(depth === 0
      ? []
      : [
          ...has(
            'scan',
            fc.record({ kind: fc.constant('scan' as const), a, b: a, turns: fc.nat(4), reverse: fc.boolean(), body }),
            2,
          ),
          ...(['for', 'while'] as const).flatMap((kind) =>
            has(kind, fc.record({ kind: fc.constant(kind), a, turns: fc.nat(3), body })),
          ),
          ...has('cond', fc.record({ kind: fc.constant('cond' as const), a, branches: fc.tuple(body, body) })),
          ...has(
            'switch',
            fc.record({ kind: fc.constant('switch' as const), a, branches: fc.tuple(body, body, body) }),
          ),
          ...(['checkpoint', 'custom', 'jit', 'vmap', 'grad', 'jvp'] as const).flatMap((kind) =>
            has(kind, fc.record({ kind: fc.constant(kind), a, body })),
          ),
        ]),
    ...(['read', 'write'] as const).flatMap((kind) =>
      has(kind, fc.record({ kind: fc.constant(kind), variable: fc.nat(5) })),
    ),
    ...has('draw', fc.record({ kind: fc.constant('draw' as const) })),
  );
  return fc.array(one, { minLength: 1, maxLength: 5, size: 'max' });
}

/** Where values of Variables are kept; the last is a key of random numbers. */
export interface Store {
  readonly count: number;
  get(i: number): Tensor;
  set(i: number, value: Tensor): void;
}

/** How what is not straight on runs. */
export interface Control {
  scan(
    turn: (carry: Tensor[], x: Tensor) => [Tensor[], Tensor],
    init: Tensor[],
    xs: Tensor,
    reverse: boolean,
  ): [Tensor[], Tensor];
  forLoop(turns: number, body: (i: Tensor, carry: Tensor) => Tensor, init: Tensor): Tensor;
  whileLoop(limit: Tensor, body: (carry: Tensor) => Tensor, init: Tensor): Tensor;
  cond(predicate: Tensor, onTrue: (x: Tensor) => Tensor, onFalse: (x: Tensor) => Tensor, x: Tensor): Tensor;
  switchCase(index: Tensor, branches: readonly ((x: Tensor) => Tensor)[], x: Tensor): Tensor;
  checkpoint: Wrapped;
  custom: Wrapped;
  jit: Wrapped;
  vmap: Wrapped;
}
type Wrapped = (body: (x: Tensor) => Tensor, x: Tensor) => Tensor;

const isFloat = (x: Tensor): boolean => x.dtype === 'f32' || x.dtype === 'f64';
const i32 = (value: number): Tensor => tensor(value, { dtype: 'i32' });

export const COMPILED: Control = {
  scan: (turn, init, xs, reverse) => L.scan(turn, init, xs, { reverse }),
  forLoop: (turns, body, init) => L.forLoop(1, 1 + turns, body, init),
  whileLoop: (limit, body, init) =>
    L.whileLoop(
      ({ n }) => n.less(limit),
      ({ n, carry }) => ({ n: n.add(1), carry: body(carry) }),
      { n: i32(0), carry: init },
    ).carry,
  cond: (predicate, onTrue, onFalse, x) => L.cond(predicate, onTrue, onFalse, x),
  switchCase: (index, branches, x) => L.switchCase(index, branches, x),
  checkpoint: (body, x) => L.checkpoint(body)(x),
  custom: (body, x) =>
    L.customVjp(
      body,
      (y) => [body(y), y] as const,
      (y, g: Tensor) => [isFloat(g) ? g.mul(y.tanh()).add(g) : null],
    )(x),
  jit: (body, x) => L.jit(body)(x),
  vmap: (body, x) => L.vmap(body)(x),
};

/** One turn after the other; what decides is read. */
export const PLAIN: Control = {
  scan: (turn, init, xs, reverse) => {
    const ys: Tensor[] = [];
    let carry = init;
    const length = xs.shape[0]!;
    for (let i = 0; i < length; i++) {
      const at = reverse ? length - 1 - i : i;
      const x = xs.slice([at], [at + 1]).reshape(xs.shape.slice(1));
      [carry, ys[at]] = turn(carry, x);
    }
    const { shape, dtype } = init[0]!;
    return [carry, length === 0 ? L.zeros([0, ...shape], { dtype }) : L.stack(ys)];
  },
  forLoop: (turns, body, init) => {
    for (let i = 1; i <= turns; i++) init = body(i32(i), init);
    return init;
  },
  whileLoop: (limit, body, init) => {
    const turns = limit.item();
    for (let i = 0; i < turns; i++) init = body(init);
    return init;
  },
  cond: (predicate, onTrue, onFalse, x) => (predicate.item() ? onTrue(x) : onFalse(x)),
  switchCase: (index, branches, x) => branches[Math.min(Math.max(index.item(), 0), branches.length - 1)]!(x),
  checkpoint: (body, x) => body(x),
  custom: (body, x) => body(x),
  jit: (body, x) => body(x),
  vmap: (body, x) => L.stack(Array.from({ length: x.shape[0]! }, (_, i) => body(x.at(i)))),
};

/** The elements of `x`, again and again, in the shape and dtype of `target`; `target` itself where there are none. */
function like(x: Tensor, target: Tensor): Tensor {
  if (x.size === 0 || target.size === 0) return target;
  const flat = x.cast(target.dtype).reshape([-1]);
  if (x.size === target.size) return flat.reshape(target.shape);
  return flat.gather(L.arange(target.size).cast('i32').mod(x.size)).reshape(target.shape);
}
/** A number from 0 to 3. */
const choice = (x: Tensor): Tensor =>
  x.size === 0 ? i32(2) : x.reshape([-1]).gather(0).cast('f32').mul(3).cast('i32').mod(4);
/** Elements of a scan's turns: at most so many. */
const MOST_TURNS = 6;

/** Runs the statements, and gives all values that were made on this level. */
export function runBlock(block: Block, outside: readonly Tensor[], control: Control, store: Store): Tensor[] {
  const pool = [...outside];
  const at = (n: number): Tensor =>
    pool[pool.length - 1 - ((n >> 1) % (n % 2 === 0 ? Math.min(5, pool.length) : pool.length))]!;
  /** What a body of these arguments ends with, in the shape and dtype of `target`. */
  const inside = (body: Block, args: readonly Tensor[], target: Tensor, values = store): Tensor =>
    like(runBlock(body, [...pool, ...args], control, values).at(-1) ?? args[0]!, target);
  /** For bodies that may not write. */
  const readOnly: Store = { ...store, set: () => undefined };
  const run = (statement: Statement): Tensor | undefined => {
    switch (statement.kind) {
      case 'op':
        return step(statement.instruction, pool);
      case 'scan': {
        const [first, second] = [at(statement.a), at(statement.b)];
        const from = at(statement.a ^ statement.b);
        // What has an axis is scanned, else numbers are.
        const xs =
          from.ndim > 0 && statement.turns % 2 === 0
            ? from.slice([0], [Math.min(from.shape[0]!, MOST_TURNS)])
            : L.arange(statement.turns);
        const turn = ([a, b]: Tensor[], x: Tensor): [Tensor[], Tensor] => {
          const made = runBlock(statement.body, [...pool, b!, x, a!], control, store);
          const [last, before] = [made.at(-1) ?? x, made.at(-2) ?? a!];
          return [[like(last, a!), like(statement.b % 3 === 0 ? a! : before, b!)], like(before, a!)];
        };
        const [[one, other], ys] = control.scan(turn, [first, second], xs, statement.reverse);
        pool.push(one!, other!);
        return ys;
      }
      case 'for':
        return control.forLoop(
          statement.turns,
          (i, carry) => inside(statement.body, [i, carry], carry),
          at(statement.a),
        );
      case 'while': {
        const init = at(statement.a);
        return control.whileLoop(choice(at(statement.a + 3)), (carry) => inside(statement.body, [carry], carry), init);
      }
      case 'cond':
      case 'switch': {
        const [x, target] = [at(statement.a), at(statement.a + 7)];
        const branches = statement.branches.map((branch) => (y: Tensor) => inside(branch, [y], target));
        return statement.kind === 'cond'
          ? control.cond(
              at(statement.a + 5)
                .cast('bool')
                .any(),
              branches[0]!,
              branches[1]!,
              x,
            )
          : control.switchCase(choice(at(statement.a + 5)).sub(1), branches, x);
      }
      case 'checkpoint':
      case 'jit':
        return control[statement.kind]((x) => inside(statement.body, [x], x), at(statement.a));
      case 'custom':
        return control.custom((x) => inside(statement.body, [x], x, readOnly), at(statement.a));
      case 'vmap': {
        const x = at(statement.a);
        if (x.ndim === 0 || x.size === 0 || x.shape[0]! > MOST_TURNS) return undefined;
        return control.vmap((y) => inside(statement.body, [y], y, readOnly), x);
      }
      case 'grad':
      case 'jvp': {
        const x = at(statement.a);
        if (!isFloat(x)) return undefined;
        const f = (y: Tensor): Tensor => inside(statement.body, [y], x);
        return statement.kind === 'jvp' ? L.jvp(f, [x], [x.tanh()])[1] : L.grad((y: Tensor) => f(y).sum())(x);
      }
      case 'read':
        return store.get(statement.variable % (store.count - 1));
      case 'write': {
        const variable = statement.variable % (store.count - 1);
        store.set(variable, like(at(0), store.get(variable)));
        return store.get(variable);
      }
      case 'draw': {
        const [next, own] = L.random.split(store.get(store.count - 1)) as [Tensor, Tensor];
        store.set(store.count - 1, next);
        return L.random.uniform(own, [3]);
      }
    }
  };
  for (const statement of block) {
    const y = run(statement);
    if (y !== undefined) pool.push(y);
  }
  return pool.slice(outside.length);
}
