/** What a turn packs of a factor that no turn changes stays packed until the loop ends, and no longer. */
import { describe, expect, test } from 'vitest';
import { cond, grad, jit, random, scan, stack, type Tensor, TrainVar, whileLoop, zeros } from 'lazuli';
import { BACKENDS, read, THREADED_BACKENDS } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';

const normal = (seed: number, shape: number[]): Tensor => random.normal(random.key(seed), shape);
/** More rows than are computed without packing. */
const [ROWS, WIDTH, TURNS] = [20, 24, 5];
const xs = normal(3, [TURNS, ROWS, WIDTH]);
const start = zeros([ROWS, WIDTH]);
type Turn = (h: Tensor, x: Tensor) => Tensor;
const last = (turn: Turn, h = start): Tensor => scan((c: Tensor, x: Tensor) => [turn(c, x), null] as const, h, xs)[0];
const KEPT = 'in the first turn';

const CASES: Readonly<Record<string, readonly [f: (w: Tensor) => Tensor, kept: boolean]>> = {
  'a factor from outside': [(w) => last((h, x) => h.matmul(w).add(x).tanh()), true],
  'the left one': [(w) => last((h, x) => w.transpose().matmul(h.transpose()).transpose().add(x).tanh()), true],
  'forwards and backwards': [grad((w: Tensor) => last((h, x) => h.matmul(w).add(x).tanh()).sum()), true],
  'two factors, neither in the place of the other': [
    (w) => last((h, x) => h.matmul(w).add(x).tanh().matmul(w.mul(0.5))),
    true,
  ],
  'a factor that is carried': [
    (w) =>
      scan(
        ([h, v]: [Tensor, Tensor], x: Tensor) => [[h.matmul(v).add(x).tanh(), v.mul(0.5)], null] as const,
        [start, w] as [Tensor, Tensor],
        xs,
      )[0][0],
    false,
  ],
  'an element of a sequence': [
    (w) =>
      scan(
        (h: Tensor, v: Tensor) => [h.matmul(v).tanh(), null] as const,
        xs.at(0),
        stack([w, w.mul(0.5), w.transpose()]),
      )[0],
    false,
  ],
  'what a loop in the loop gives, row by row': [
    (w) =>
      last((h, x) => {
        const [, rows] = scan((c: Tensor, row: Tensor) => [c.add(row), c.mul(row)] as const, h.at(0), w);
        return h.matmul(rows).add(x).tanh();
      }, xs.at(0)),
    false,
  ],
  'a loop in a loop whose turns change it': [
    (w) =>
      scan(
        ([h, v]: [Tensor, Tensor], _: Tensor) =>
          [[last((c, x) => c.matmul(v).add(x).tanh(), h), v.mul(0.5)], null] as const,
        [start, w] as [Tensor, Tensor],
        xs,
      )[0][0],
    true,
  ],
  'a branch that some turns take': [
    (w) => last((h, x) => cond(x.sum().greater(0), (c: Tensor) => c.matmul(w).add(x), (c: Tensor) => c.add(x), h).tanh()), // prettier-ignore
    true,
  ],
  'turns that nobody has counted': [
    (w) => whileLoop((h: Tensor) => h.abs().sum().less(300), (h: Tensor) => h.matmul(w).add(xs.slice([0], [1]).squeeze(0)), start), // prettier-ignore
    true,
  ],
};

describe.for(Object.entries(CASES))('%s', ([, [f, kept]]) => {
  test('has the bits of the interpreter, whatever came before', () => {
    const weights = [normal(1, [WIDTH, WIDTH]), normal(2, [WIDTH, WIDTH])];
    const want = weights.map((w) => read(jit(f, { backend: 'reference' })(w)));
    for (const backend of THREADED_BACKENDS) {
      const compiled = jit(f, { backend });
      for (const i of [0, 1, 0]) expectSameBits(read(compiled(weights[i]!)), want[i]!);
    }
    const { loops } = jit(f, { backend: 'wasm' }).inspect(weights[0]!);
    expect(loops.includes(KEPT)).toBe(kept);
  });
});

test('a Variable that turns read and write is packed in each', () => {
  const results = BACKENDS.map((backend) => {
    const w = new TrainVar(normal(1, [WIDTH, WIDTH]));
    const f = jit(
      () =>
        last((h, x) => {
          const next = h.matmul(w.value).add(x).tanh();
          w.value = w.value.mul(0.5);
          return next;
        }),
      { backend },
    );
    if (backend === 'wasm') expect(f.inspect().loops).not.toContain(KEPT);
    return read(f());
  });
  for (const each of results) expectSameBits(each, results[0]!);
});

test('a profile, whose kernels run alone, is that of the same program', async () => {
  const [f] = CASES['a factor from outside']!;
  const { kernels } = await jit(f, { backend: 'wasm' }).profile(2, normal(1, [WIDTH, WIDTH]));
  expect(kernels.every(({ medianMs }) => medianMs > 0)).toBe(true);
});
