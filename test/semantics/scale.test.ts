/** Long and wide graphs compile in time that grows with their size: every pass is iterative and near linear. */
import { grad, jit, setDefaultBackend, tensor, type Tensor, Variable } from 'lazuli';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { setVerification } from '../../src/lower/pipeline.js';
import { verifier } from '../../src/lower/verify.js';
import { BACKENDS } from '../support/backends.js';

const NODES = 50_000;
/** Runs `f` and says how long it took, for who reads; only a hang fails. */
function timed<T>(what: string, f: () => T): T {
  const start = performance.now();
  const result = f();
  console.log(`${what}: ${(performance.now() - start).toFixed(0)} ms`);
  return result;
}

const chain = (x: Tensor): Tensor => {
  let y = x;
  for (let i = 0; i < NODES / 2; i++) y = y.mul(0.999).add(0.001);
  return y;
};
const model = (x: number): number => {
  let y = x;
  for (let i = 0; i < NODES / 2; i++) y = Math.fround(Math.fround(y * Math.fround(0.999)) + Math.fround(0.001));
  return y;
};

describe.each(BACKENDS.filter((each) => each !== 'reference'))('a chain of 50,000 nodes on %s', (backend) => {
  beforeAll(() => setDefaultBackend(backend));
  afterAll(() => setDefaultBackend('js'));

  test('un-jitted', () => {
    expect([
      ...timed(`un-jitted chain of 50,000 on ${backend as string}`, () => chain(tensor([1, 2])).dataSync()),
    ]).toEqual([1, 2].map(model));
  });
  test('jitted, with verification between passes', () => {
    const f = jit(chain);
    expect([...timed(`jitted chain of 50,000 on ${backend as string}`, () => f(tensor([1, 2])).dataSync())]).toEqual(
      [1, 2].map(model),
    );
  });
});

describe('without verification', () => {
  beforeAll(() => {
    setDefaultBackend('js');
    setVerification(undefined);
  });
  afterAll(() => setVerification(verifier));

  test('a chain of 2,000 reductions, each read by what is reduced next', () => {
    const f = jit((x: Tensor) => {
      let y = x;
      for (let i = 0; i < 2000; i++) y = y.sub(y.sum(1, { keepDims: true }).mul(0.5));
      return y;
    });
    expect([...timed('2,000 reductions', () => f(tensor([[1, -1]])).dataSync())]).toEqual([1, -1]);
  });
  test('a chain of 3,000 products with epilogues', () => {
    const f = jit((x: Tensor) => {
      let y = x;
      for (let i = 0; i < 3000; i++) y = y.matmul(x).relu().transpose();
      return y;
    });
    expect([...timed('3,000 products', () => f(tensor([[0, 1], [1, 0]])).dataSync())]).toEqual([0, 1, 1, 0]); // prettier-ignore
  });
  test('2,000 Variables updated by one rule: one launch, in place', () => {
    const variables = Array.from({ length: 2000 }, (_, i) => new Variable([i, -i]));
    const step = jit(() => {
      for (const v of variables) v.value = v.value.mul(0.5).add(1);
    });
    timed('2,000 Variables', () => step());
    expect(variables.map((v) => v.value.dataSync()[0])).toEqual(variables.map((_, i) => i / 2 + 1));
    expect(step.inspect().launches).toBe(1);
  });
  test('differentiating 6,000 nodes', () => {
    const w = tensor([1, 2]);
    const f = (x: Tensor): Tensor => {
      let y = x;
      for (let i = 0; i < 2000; i++) y = y.mul(0.9999).square().sqrt();
      return y.sum();
    };
    const g = timed('gradient of a chain of 6,000', () => jit(grad(f))(w));
    for (const d of g.dataSync()) expect(d).toBeCloseTo(0.9999 ** 2000, 4);
  });
});
