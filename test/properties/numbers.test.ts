/** Random programs that use numbers: as literals outside `jit` and as arguments of one jitted function they give the same bits. */
import fc from 'fast-check';
import { jit, tensor, type Tensor } from 'lazuli';
import { test } from 'vitest';
import { BACKENDS, read } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { INPUTS, instructions, runAll } from './programs.js';
import { runs } from '../support/runs.js';

const RUNS = runs(20);
const options = { numRuns: RUNS };

const whole = fc.constantFrom(0, 1, 2, 3, -1, -2, 7, 40, 2147483647, 2147483648, -2147483649, 4294967295, 1e15);
const any = fc.oneof(whole, fc.constantFrom(-0, 0.5, -2.25, 0.1, 1e300, NaN, Infinity, -Infinity));
/** Those at odd places are whole. */
const numbers = fc.tuple(any, whole, any, whole, any, whole);

const inputs = INPUTS.map(({ data, shape, dtype }) => tensor(data, { shape, dtype }));

test.each([...BACKENDS])('numbers as arguments on %s', (backend) => {
  fc.assert(
    fc.property(instructions(1, 12), fc.array(numbers, { minLength: 2, maxLength: 3 }), (program, calls) => {
      const f = jit((xs: readonly Tensor[], ns: readonly Tensor[]) => runAll(program, xs, ns), { backend });
      // The first numbers once more: their program is still there.
      for (const ns of [...calls, calls[0]!]) {
        const want = runAll(program, inputs, ns);
        const got = f(inputs, ns);
        want.forEach((each, i) => expectSameBits(read(got[i]!), read(each), `${ns.join(', ')}: value ${i}`));
      }
    }),
    options,
  );
});
