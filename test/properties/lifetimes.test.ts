/**
 * Random programs that give handles up: `dispose`, `using`, arguments that are donated, beside Variables, captures, numbers
 * and shapes that change. Whatever is left has the bits that it has where nothing is ever given up.
 */
import fc from 'fast-check';
import {
  DisposedError,
  DonatedError,
  jit,
  type JitOptions,
  setDefaultBackend,
  tensor,
  type Tensor,
  Variable,
} from 'lazuli';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { noise } from '../support/arrays.js';
import { read, THREADED_BACKENDS } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { type Instruction, instructions, step } from './programs.js';
import { runs } from '../support/runs.js';

interface Action {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
  readonly steps: readonly Instruction[];
}

/** Few shapes, so that functions meet each of them again. */
const START = [
  noise('f32', [4, 3], 1),
  noise('f32', [4, 3], 2),
  noise('f32', [4, 3], 3),
  noise('f32', [3], 4),
  noise('f32', [3], 5),
  noise('i32', [3], 6),
  noise('f64', [4, 3], 7),
];

const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.record({ kind: fc.nat(99), a: fc.nat(255), b: fc.nat(255), steps: instructions(1, 3) }),
  { minLength: 5, maxLength: 30, size: 'max' },
);

/** What arguments are given to. */
function functions(options: JitOptions<readonly []>, variables: readonly Variable[], count: Variable) {
  return {
    /** In place: each element depends on its own former value. */
    update: jit((x: Tensor, n: Tensor) => x.mul(2).add(n.mul(0).add(1).cast(x.dtype)), options),
    /** In turns: elements change places. A number is an input, and a Variable is written. */
    mirror: jit((x: Tensor, n: Tensor) => {
      count.value = count.value.add(1);
      return [x.flip().add(x), x.flip().mul(n.cast(x.dtype)), count.value];
    }, options),
    /** Two that change places, or are one. */
    swap: jit((pair: { x: Tensor; y: Tensor }) => ({ x: pair.y.add(pair.x), y: pair.x }), options),
    train: jit((g: Tensor) => {
      for (const w of variables.slice(0, 2)) w.value = w.value.mul(0.5).add(g);
      return g.mul(2);
    }, options),
  };
}

/** A program in progress. With `gives`, handles are really given up. */
class World {
  readonly pool: Tensor[] = START.map(({ shape, dtype, data }) => tensor(data, { shape: [...shape], dtype }));
  readonly variables = [0, 0, 3].map((i) => new Variable(this.pool[i]!));
  readonly count = new Variable(0);
  readonly integers = tensor([2, 0, 1], { dtype: 'i32' });
  readonly seen: HostArray[] = [];
  readonly capturing: ((x: Tensor) => Tensor)[] = [];

  readonly compiled: ReturnType<typeof functions>;

  constructor(readonly gives: boolean) {
    this.compiled = functions(gives ? { donate: [0] } : {}, this.variables, this.count);
  }

  pick(n: number, fits: (x: Tensor) => boolean = () => true): Tensor | undefined {
    const fitting = this.pool.filter(fits);
    return fitting[n % fitting.length];
  }

  /** Some instructions want integers, which may all have gone. */
  step(instruction: Instruction): Tensor | undefined {
    return step(instruction, [this.integers, ...this.pool]);
  }

  /** The handle is not used again. */
  giveUp(x: Tensor, donated: boolean): void {
    this.pool.splice(this.pool.indexOf(x), 1);
    if (!this.gives) return;
    if (!donated) x.dispose();
    expect(() => x.dataSync()).toThrow(donated ? DonatedError : DisposedError);
  }

  act({ kind, a, b, steps }: Action): void {
    const x = this.pick(a)!;
    const isNumber = (y: Tensor): boolean => y.dtype !== 'bool';
    if (kind < 30) {
      const y = this.step(steps[0]!);
      if (y !== undefined) this.pool.push(y);
    } else if (kind < 45) {
      // What it is computed from is computed, and not stored.
      const y = this.step(steps[0]!);
      if (y !== undefined) this.seen.push(read(y));
    } else if (kind < 55) {
      if (this.pool.length > 4) this.giveUp(x, false);
    } else if (kind < 65) this.block(steps, b);
    else if (kind < 72) this.donate(this.pick(a, isNumber), (y, call) => [this.compiled.update(y, (b + call) % 7)]);
    else if (kind < 79) this.donate(this.pick(a, isNumber), (y, call) => this.compiled.mirror(y, ((b + call) % 5) - 1));
    else if (kind < 84) {
      const y = this.pick(a, isNumber)!;
      const other = this.pick(b, (z) => z.dtype === y.dtype && z.shape.join() === y.shape.join())!;
      const results = this.compiled.swap({ x: y, y: other });
      this.giveUp(y, true);
      if (other !== y) this.giveUp(other, true);
      this.pool.push(results.x, results.y);
    } else if (kind < 88)
      this.donate(
        this.pick(a, (y) => y.dtype === 'f32' && y.shape.join() === '4,3'),
        (y) => [this.compiled.train(y)],
      );
    else if (kind < 92) this.pool.push(this.variables[a % 3]!.value);
    else if (kind < 96) {
      const w = this.variables[a % 3]!;
      w.value = this.pick(b, (y) => y.dtype === 'f32' && y.shape.join() === w.shape.join()) ?? w.value.neg();
    } else {
      // Always called with one shape: a function that is traced again needs its captured handle.
      this.capturing.push(jit((y: Tensor) => y.add(x.cast('f32').sum())));
      this.pool.push(...this.callCapturing());
    }
  }

  callCapturing(): Tensor[] {
    return this.capturing.map((f) => f(tensor([1, 2])));
  }

  /** Passes a tensor, then others like it, to a function, whose program each call after the first finds bound. */
  donate(x: Tensor | undefined, f: (x: Tensor, call: number) => readonly Tensor[]): void {
    const alike = this.pool.filter((y) => y !== x && y.dtype === x?.dtype && y.shape.join() === x.shape.join());
    for (const [call, each] of (x === undefined ? [] : [x, ...alike.slice(0, 2)]).entries()) {
      const results = f(each, call);
      this.giveUp(each, true);
      this.pool.push(...results);
    }
  }

  /** What `using` holds in a block goes at its end; what was made of it stays. */
  block(steps: readonly Instruction[], bits: number): void {
    const made = steps.map((instruction) => {
      const y = this.step(instruction);
      if (y !== undefined) this.pool.push(y);
      return y;
    });
    const [first, second] = made.filter((y) => y !== undefined);
    if (first === undefined) return;
    const kept = (scoped: Tensor): void => {
      const sum = scoped.cast('f32').sum();
      if ((bits & 1) === 1) this.seen.push(read(sum));
      this.pool.push(sum, scoped.cast('f32').add(sum));
    };
    if (this.gives) {
      using scoped = first;
      using other = second;
      kept(scoped);
      if (other !== undefined && (bits & 2) === 2) this.seen.push(read(other));
    } else {
      kept(first);
      if (second !== undefined && (bits & 2) === 2) this.seen.push(read(second));
    }
    for (const y of [first, second]) if (y !== undefined) this.pool.splice(this.pool.indexOf(y), 1);
  }

  /** Everything that was read on the way, and everything that is left. */
  run(program: readonly Action[]): HostArray[] {
    for (const action of program) this.act(action);
    this.pool.push(...this.callCapturing());
    return [...this.seen, ...this.pool.map(read), ...[...this.variables, this.count].map(({ value }) => read(value))];
  }
}

const RUNS = runs(15);

describe('handles that are given up at random', () => {
  beforeAll(() => void vi.spyOn(console, 'warn').mockReturnValue());
  afterAll(() => {
    vi.restoreAllMocks();
    setDefaultBackend('js');
  });

  test.each(THREADED_BACKENDS)('on %s', (backend) => {
    fc.assert(
      fc.property(actions, (program) => {
        setDefaultBackend('reference');
        const want = new World(false).run(program);
        setDefaultBackend(backend);
        const got = new World(true).run(program);
        expect(got.length).toBe(want.length);
        want.forEach((each, i) => expectSameBits(got[i]!, each, `value ${i} of ${want.length}`));
      }),
      { numRuns: RUNS },
    );
  });
});
