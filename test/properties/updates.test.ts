/**
 * Random programs that read and write Variables, called several times with values aliased in between: jitted on every
 * backend and un-jitted, all give the bits of the same program on plain values.
 */
import fc from 'fast-check';
import { jit, setDefaultBackend, tensor, type Tensor, Variable } from 'lazuli';
import { afterAll, describe, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { THREADED_BACKENDS } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { noise } from '../support/arrays.js';
import { chosen, INPUTS, type Instruction, instructions, step } from './programs.js';
import { runs } from '../support/runs.js';

/** Between two calls: one Variable takes another's value, an old value, or a new tensor that others share. */
interface Aliasing {
  readonly kind: number;
  readonly from: number;
  readonly to: number;
}
interface Scenario {
  readonly program: readonly Instruction[];
  /** After instruction i, the Variable `writes[i] − 1`, if there is one, is set to a value of its shape. */
  readonly writes: readonly number[];
  readonly outputs: number;
  readonly between: readonly Aliasing[];
  /** Variables that begin with one tensor. */
  readonly sameStart: boolean;
}

const VARIABLES = [
  noise('f32', [4, 3], 21),
  noise('f32', [4, 3], 22),
  noise('f32', [4, 3], 23),
  noise('f32', [3], 24),
  noise('f32', [], 25),
  noise('i32', [4], 26),
];
const CALLS = 3;

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  program: instructions(1, 25),
  writes: fc.array(fc.nat(VARIABLES.length + 2), { minLength: 1, maxLength: 25 }),
  outputs: fc.nat(65535),
  between: fc.array(fc.record({ kind: fc.nat(3), from: fc.nat(7), to: fc.nat(7) }), { maxLength: 6 }),
  sameStart: fc.boolean(),
});

/** Where values of Variables are kept: Variables, or an array of tensors. */
interface Store {
  get(i: number): Tensor;
  set(i: number, value: Tensor): void;
}

const fits = (x: Tensor, like: HostArray): boolean => x.dtype === like.dtype && x.shape.join() === like.shape.join();

/** The program once: reads all Variables first, then again after each write. */
function body({ program, writes, outputs }: Scenario, store: Store, inputs: readonly Tensor[]): Tensor[] {
  const pool = [...inputs, ...VARIABLES.map((_, i) => store.get(i))];
  const made: Tensor[] = [];
  program.forEach((instruction, i) => {
    const y = step(instruction, pool);
    if (y !== undefined) {
      pool.push(y);
      made.push(y);
    }
    const target = (writes[i % writes.length] ?? 0) - 1;
    const like = VARIABLES[target];
    if (like === undefined) return;
    const fitting = pool.filter((x) => fits(x, like));
    store.set(target, fitting[(instruction.a + i) % fitting.length]!);
    pool.push(store.get(target));
  });
  return made.length === 0 ? [pool[0]!] : chosen(made, outputs);
}

/** All calls with what happens between them; every result and, at the end, every Variable and every old value. */
function run(scenario: Scenario, store: Store, call: (inputs: readonly Tensor[]) => Tensor[]): HostArray[] {
  const inputs = INPUTS.slice(0, 12).map(({ shape, dtype, data }) => tensor(data, { shape: [...shape], dtype }));
  const kept: Tensor[] = [];
  for (let i = 0; i < CALLS; i++) {
    kept.push(...call(inputs));
    for (const { kind, from, to } of scenario.between) {
      const [a, b] = [from % VARIABLES.length, to % VARIABLES.length];
      if (kind === 0) kept.push(store.get(a));
      if (kind === 1 && fits(store.get(a), VARIABLES[b]!)) store.set(b, store.get(a));
      if (kind === 2) {
        const old = kept.filter((x) => fits(x, VARIABLES[b]!)).at(-1 - (from % 2));
        if (old !== undefined) store.set(b, old);
      }
      if (kind === 3) kept.push(store.get(a).add(1));
    }
  }
  return [...kept, ...VARIABLES.map((_, i) => store.get(i))].map((x) => ({
    dtype: x.dtype,
    shape: x.shape,
    data: x.dataSync(),
  }));
}

const start = ({ sameStart }: Scenario): Tensor[] => {
  const first = VARIABLES.map(({ shape, dtype, data }) => tensor(data, { shape: [...shape], dtype }));
  return sameStart ? first.map((x, i) => (i < 3 ? first[0]! : x)) : first;
};

function withVariables(scenario: Scenario, compiled: boolean): HostArray[] {
  const variables = start(scenario).map((x) => new Variable(x));
  const store: Store = {
    get: (i) => variables[i]!.value,
    set: (i, value) => (variables[i]!.value = value),
  };
  const f = (...inputs: Tensor[]): Tensor[] => body(scenario, store, inputs);
  const call = compiled ? jit(f) : f;
  return run(scenario, store, (inputs) => call(...inputs));
}

/** The oracle: values in an array, nothing is ever written in place, one interpreter. */
function withValues(scenario: Scenario): HostArray[] {
  setDefaultBackend('reference');
  const values = start(scenario);
  const store: Store = { get: (i) => values[i]!, set: (i, value) => (values[i] = value) };
  return run(scenario, store, (inputs) => body(scenario, store, inputs));
}

const RUNS = runs(20);

describe('Variables under random aliasing', () => {
  afterAll(() => setDefaultBackend('js'));

  test.each(THREADED_BACKENDS)('on %s, jitted and not', (backend) => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const want = withValues(scenario);
        setDefaultBackend(backend);
        for (const compiled of [true, false]) {
          const got = withVariables(scenario, compiled);
          want.forEach((each, i) =>
            expectSameBits(got[i]!, each, `${compiled ? 'jitted' : 'un-jitted'}, value ${i} of ${want.length}`),
          );
        }
      }),
      { numRuns: RUNS },
    );
  });
});
