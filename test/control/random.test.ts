/**
 * Random programs of loops and branches nested in each other, with Variables, random keys and donated arguments: compiled on every
 * backend they have the bits of plain turns and choices. So have their derivatives on one backend and another, and batches a loop.
 */
import fc from 'fast-check';
import {
  grad,
  jit,
  jvp,
  random,
  setDefaultBackend,
  stack,
  type Tensor,
  tensor,
  valueAndGrad,
  Variable,
  vmap,
} from 'lazuli';
import { afterAll, describe, expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { describeOnNative, failures } from '../native/support.js';
import { chosen, INPUTS } from '../properties/programs.js';
import { noise } from '../support/arrays.js';
import { BACKENDS, THREADED_BACKENDS } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { traced } from '../support/graphs.js';
import { runs } from '../support/runs.js';
import { COMPILED, type Control, PLAIN, runBlock, type Statement, statements, type Store } from './random-programs.js';

const PURE = ['scan', 'for', 'while', 'cond', 'switch', 'checkpoint', 'custom', 'jit', 'vmap'] as const;
const KINDS = [...PURE, 'read', 'write', 'draw'] as const;
/** What has derivatives backwards, the derivatives of bodies too. */
const SMOOTH = [...PURE.filter((kind) => kind !== 'while'), 'grad', 'jvp'] as const;

const tensorOf = ({ data, shape, dtype }: HostArray): Tensor => tensor(data, { shape: [...shape], dtype });
const arrayOf = (x: Tensor): HostArray => ({ dtype: x.dtype, shape: x.shape, data: x.dataSync() });
function expectSame(got: readonly HostArray[], want: readonly HostArray[], what: string): void {
  expect(got.length).toBe(want.length);
  want.forEach((each, i) => expectSameBits(got[i]!, each, `${what}, value ${i} of ${want.length}`));
}
const nameOf = (backend: (typeof THREADED_BACKENDS)[number]): string =>
  typeof backend === 'string' ? backend : backend.name;

const VARIABLES = (): Tensor[] => [
  ...[noise('f32', [4, 3], 21), noise('f32', [3], 24), noise('f32', [], 25), noise('f64', [2], 26)].map(tensorOf),
  tensor([1, -2, 3, 4], { dtype: 'i32' }),
  random.key(7),
];
function storeOf(values: Tensor[]): Store & { readonly values: () => Tensor[] } {
  return { count: values.length, get: (i) => values[i]!, set: (i, value) => (values[i] = value), values: () => values };
}
function variablesOf(initial: Tensor[]): ReturnType<typeof storeOf> {
  const variables = initial.map((value) => new Variable(value));
  return {
    count: variables.length,
    get: (i) => variables[i]!.value,
    set: (i, value) => (variables[i]!.value = value),
    values: () => variables.map(({ value }) => value),
  };
}
const NONE = storeOf([]);

/** Inputs of the second call have other shapes. */
const CALLS = [INPUTS, INPUTS, [...INPUTS.slice(1), INPUTS[0]!]];
const DONATED = [2, 11];

/** What the calls return and leave in Variables. */
function run(
  block: readonly Statement[],
  bits: number,
  control: Control,
  store: ReturnType<typeof storeOf>,
  around: (f: (...inputs: Tensor[]) => Tensor[]) => (...inputs: Tensor[]) => Tensor[],
): HostArray[] {
  const f = around((...inputs) => chosen([inputs[0]!, ...runBlock(block, inputs, control, store)], bits));
  const calls = CALLS.map((inputs) => f(...inputs.map(tensorOf)).map(arrayOf));
  return [...calls.flat(), ...store.values().map(arrayOf)];
}

function onReference<T>(body: () => T): T {
  setDefaultBackend('reference');
  try {
    return body();
  } finally {
    setDefaultBackend('wasm');
  }
}
afterAll(() => setDefaultBackend('wasm'));

describe('random programs of loops and branches', () => {
  test('have the bits of plain turns and choices', () => {
    fc.assert(
      fc.property(statements(KINDS, 3), fc.nat(65535), fc.boolean(), (block, bits, donates) => {
        const want = onReference(() => run(block, bits, PLAIN, storeOf(VARIABLES()), (f) => f));
        for (const backend of THREADED_BACKENDS) {
          const options = { backend, ...(donates ? { donate: DONATED } : {}) };
          const got = run(block, bits, COMPILED, variablesOf(VARIABLES()), (f) => jit(f, options));
          expectSame(got, want, nameOf(backend));
        }
        expectSame(
          run(block, bits, COMPILED, variablesOf(VARIABLES()), (f) => f),
          want,
          'outside jit',
        );
      }),
      { numRuns: runs(6) },
    );
  });

  test('have derivatives of the same bits on every backend', () => {
    const floats = INPUTS.flatMap(({ dtype }, i) => (dtype === 'f32' || dtype === 'f64' ? [i] : []));
    fc.assert(
      fc.property(statements(SMOOTH, 2), (block) => {
        const f = (...inputs: Tensor[]): Tensor =>
          (runBlock(block, inputs, COMPILED, NONE).at(-1) ?? inputs[0]!).cast('f32').sum();
        const [want, ...others] = BACKENDS.map((backend) => {
          const [value, gradients] = jit(valueAndGrad(f, floats), { backend })(...INPUTS.map(tensorOf));
          return [value, ...gradients].map(arrayOf);
        });
        others.forEach((got, i) => expectSame(got, want!, nameOf(BACKENDS[i + 1]!)));
      }),
      { numRuns: runs(6) },
    );
  });

  test('have the same slopes forwards and backwards, and so have their slopes', () => {
    // A derivative of its own has no symmetric second one.
    const kinds = PURE.filter((kind) => kind !== 'custom' && kind !== 'while');
    const places = INPUTS.flatMap(({ dtype }, i) => (dtype[0] === 'f' ? [i] : []));
    const all = places.map((_, i) => i);
    const start = places.map((i) => tensorOf(INPUTS[i]!).cast('f64'));
    const along = start.map(({ shape }, i) => tensorOf(noise('f64', shape, 40 + i)));
    type Gradient = (...xs: Tensor[]) => Tensor[];
    fc.assert(
      fc.property(statements(kinds, 2), fc.nat(15), (block, which) => {
        const f = (...floats: Tensor[]): Tensor => {
          const inputs = INPUTS.map((input, i) => floats[places.indexOf(i)] ?? tensorOf(input));
          const made = runBlock(block, inputs, COMPILED, NONE).filter(({ dtype }) => dtype[0] === 'f');
          return (made[which % made.length] ?? floats[2]!).cast('f64').tanh().sum();
        };
        const gradient = grad(f, all) as Gradient;
        const slope = (...xs: Tensor[]): Tensor => jvp(f, xs, along)[1];
        const shares = (gradients: readonly Tensor[]): Tensor => stack(gradients.map((g, i) => g.mul(along[i]!).sum()));
        const [value, under, ...pairs] = jit(
          () => [
            f(...start),
            jvp(f, start, along)[0],
            slope(...start),
            shares(gradient(...start)),
            shares(jvp(gradient, start, along)[1]),
            shares((grad(slope, all) as Gradient)(...start)),
          ],
          { backend: 'js' },
        )() as [Tensor, Tensor, ...Tensor[]];
        expectSame([arrayOf(under)], [arrayOf(value)], 'value');
        for (const i of [0, 2]) {
          const [got, want] = [pairs[i]!, pairs[i + 1]!];
          const away = Math.abs(got.sum().item() - want.sum().item());
          const bound = 1e-6 * (1 + want.abs().sum().item());
          if (Number.isFinite(away + bound)) expect(away, `derivative ${1 + i / 2}`).toBeLessThan(bound);
        }
      }),
      { numRuns: runs(6) },
    );
  });

  test('by example have the bits of a loop over examples', () => {
    const examples = 3;
    const places = [2, 6, 9, 11];
    const stacked = places.map((place) => {
      const { dtype, shape } = INPUTS[place]!;
      if (dtype !== 'i32') return tensorOf(noise(dtype, [examples, ...shape], place));
      return tensor(Int32Array.from({ length: examples * 12 }, (_, i) => (i * 5) % 7)).reshape([examples, ...shape]);
    });
    const inputsOf = (given: readonly Tensor[]): Tensor[] =>
      INPUTS.map((input, i) => (places.includes(i) ? given[places.indexOf(i)]! : tensorOf(input)));
    fc.assert(
      fc.property(statements(PURE, 2), fc.nat(65535), (block, bits) => {
        const of =
          (control: Control) =>
          (...given: Tensor[]): Tensor[] =>
            chosen([given[0]!, ...runBlock(block, inputsOf(given), control, NONE)], bits);
        const want = onReference(() => {
          const each = Array.from({ length: examples }, (_, n) => of(PLAIN)(...stacked.map((x) => x.at(n))));
          return each[0]!.map((_, i) => arrayOf(stack(each.map((results) => results[i]!))));
        });
        for (const backend of ['js', 'wasm'] as const)
          expectSame(jit(vmap(of(COMPILED)), { backend })(...stacked).map(arrayOf), want, backend);
      }),
      { numRuns: runs(6) },
    );
  });
});

describeOnNative('random programs of loops and branches on native, many at a time', () => {
  test('have the bits of the interpreter', () => {
    const programs = fc.sample(fc.tuple(statements(SMOOTH, 2), fc.nat(65535)), { numRuns: runs(4) });
    const cases = programs.map(([block, bits], i) => {
      const { graph, captured } = traced(INPUTS, (...inputs) =>
        chosen([inputs[0]!, ...runBlock(block, inputs, COMPILED, NONE)], bits),
      );
      return { name: `program ${i}`, graph, inputs: [...INPUTS, ...captured.map(arrayOf)] };
    });
    expect(failures(cases)).toEqual([]);
  });
});
