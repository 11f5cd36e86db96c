/** Training on gpu.js: the golden steps, Adadelta as one call of the optimizer. */
import { Adadelta, jit, setDefaultBackend, tensor, type Tensor, TrainVar } from 'lazuli';
import { gpujs } from 'lazuli/gpujs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectClose, NAMED_CASES, run } from '../support/training-steps.js';

describe.each(['cpu', 'webasm'] as const)('in mode %s', (mode) => {
  const backend = gpujs({ mode });
  beforeAll(() => setDefaultBackend(backend));
  afterAll(() => {
    setDefaultBackend('js');
    backend.destroy();
  });

  test.each(NAMED_CASES)('%s', (_, golden) => {
    const { losses, first, final } = run(golden, 'f32', true);
    expectClose(losses, golden.losses, 1e-3, 'losses');
    golden.firstGrads.forEach(({ data }, i) => expectClose(first[i]!.dataSync(), data, 1e-3, `gradient ${i}`));
    golden.final.forEach(({ data }, i) => expectClose(final[i]!.dataSync(), data, 1e-3, `parameter ${i}`));
  });

  test('Adadelta has the bits of the reference', () => {
    const data = (seed: number): Float32Array => Float32Array.from({ length: 97 }, (_, i) => Math.sin(seed + i));
    const steps = (choice: typeof backend | 'reference'): Float32Array => {
      const w = new TrainVar(tensor(data(1)));
      const opt = new Adadelta({ lr: 0.7, weightDecay: 0.01, trainVars: { w } });
      const step = jit((g: Tensor) => opt.update({ w: g }), { backend: choice });
      for (let i = 0; i < 5; i++) step(tensor(data(2 + i)));
      return Float32Array.from(w.value.dataSync());
    };
    expect(steps(backend)).toEqual(steps('reference'));
  });
});
