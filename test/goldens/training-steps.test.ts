/** Whole training steps against PyTorch's autograd in f64: every loss, the first gradients, the last parameters. */
import { type BackendChoice, setDefaultBackend } from 'lazuli';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cpu, describeOnNative } from '../native/support.js';
import { BACKENDS } from '../support/backends.js';
import { CASES, expectClose, NAMED_CASES, run } from '../support/training-steps.js';

const TOLERANCE = { f64: 1e-10, f32: 2e-4 } as const;

describe.each(BACKENDS)('on %s', (backend) => {
  beforeAll(() => setDefaultBackend(backend));
  afterAll(() => setDefaultBackend('js'));

  describe.each(NAMED_CASES)('%s', (_, golden) => {
    test.each(['f64', 'f32'] as const)('in %s, jitted and not', (dtype) => {
      const jitted = run(golden, dtype, true);
      const tolerance = TOLERANCE[dtype];
      expectClose(jitted.losses, golden.losses, tolerance, 'losses');
      golden.firstGrads.forEach(({ data }, i) =>
        expectClose(jitted.first[i]!.dataSync(), data, tolerance, `gradient ${i} of the first step`),
      );
      golden.final.forEach(({ data }, i) =>
        expectClose(jitted.final[i]!.dataSync(), data, tolerance, `parameter ${i} after the last step`),
      );
      const lazy = run(golden, dtype, false);
      expect(lazy.losses).toEqual(jitted.losses);
      expect(lazy.final.map((x) => [...x.dataSync()])).toEqual(jitted.final.map((x) => [...x.dataSync()]));
    });
  });
});

function bits(golden: (typeof CASES)[number], backend: BackendChoice, dtype: 'f32' | 'f64' = 'f32'): number[][] {
  setDefaultBackend(backend);
  const { losses, final } = run(golden, dtype, true);
  const all = [losses, ...final.map((x) => [...x.dataSync()])];
  setDefaultBackend('js');
  return all;
}

test('every backend gives the same bits', () => {
  for (const golden of CASES) {
    const [first, ...others] = BACKENDS.map((backend) => bits(golden, backend));
    for (const other of others) expect(other).toEqual(first);
  }
});

describeOnNative('on native', () => {
  test.each(['f32', 'f64'] as const)('the same bits in %s', (dtype) => {
    for (const golden of CASES) expect(bits(golden, cpu, dtype)).toEqual(bits(golden, 'js', dtype));
  });
});
