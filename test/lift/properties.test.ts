/** A lifted function is the plain one, element by element: random programs in f64, bit for bit. */
import fc from 'fast-check';
import { jit, lift, LiftError, type Tensor, tensor, tree } from 'lazuli';
import { runInThisContext } from 'node:vm';
import { expect, test } from 'vitest';
import { TRANSCENDENTALS } from '../../src/ops/transcendental/table.js';
import { sameBits, show } from '../support/bits.js';
import { BACKENDS } from '../support/backends.js';
import { runs } from '../support/runs.js';
import { programs } from './programs.js';

const SPECIAL = [0, -0, 1, -1, 0.5, -0.5, 2.5, -2.5, 7, 1e-310, 4294967297.5, -1e20, NaN, Infinity, -Infinity];
const XS = [...SPECIAL, ...SPECIAL];
const YS = [...SPECIAL.slice(3), ...SPECIAL, ...SPECIAL.slice(0, 3)];

type Plain = (x: number, y: number) => unknown;

/** The first difference between the lifted and the plain function; undefined if there is none. */
export function differenceFromPlain(fn: Plain, backend: string): string | undefined {
  const lifted = jit(lift(fn), { backend: backend as 'js' });
  const [x, y] = [XS, YS].map((data) => tensor(new Float64Array(data)));
  const results = (tree.leaves(lifted(x!, y!)) as Tensor[]).map((each) => each.broadcastTo([XS.length]).dataSync());
  for (const [i, each] of XS.entries()) {
    const wanted = (tree.leaves(fn(each, YS[i]!)) as (number | boolean)[]).map(Number);
    for (const [leaf, want] of wanted.entries()) {
      const got = results[leaf]![i]!;
      if (!sameBits(got, want))
        return `f(${show(each)}, ${show(YS[i]!)})[${leaf}] is ${show(want)}, lifted ${show(got)}`;
    }
  }
  return undefined;
}

/** Whether it is refused, since it tells a boolean of some elements from a number of others. */
function comparesMixed(fn: Plain): boolean {
  try {
    lift(fn);
    return false;
  } catch (error) {
    if (error instanceof LiftError && error.facts.includes('a boolean or a number')) return true;
    throw error;
  }
}

test.each(BACKENDS)('random programs on %s', (backend) => {
  fc.assert(
    fc.property(programs, (text) => {
      const fn = runInThisContext(text) as Plain;
      fc.pre(!comparesMixed(fn));
      expect(differenceFromPlain(fn, backend as string)).toBeUndefined();
    }),
    { numRuns: runs(25) },
  );
});

const FUNCTIONS = ['exp', 'expm1', 'log', 'log1p', 'sin', 'cos', 'tanh'] as const;
test.each(FUNCTIONS)('Math.%s is within its bound of the plain one', (name) => {
  const fn = runInThisContext(`(x) => Math.${name}(x)`) as (x: number) => number;
  const xs = Array.from({ length: 2001 }, (_, i) => (i - 1000) * 0.37 + 0.001);
  const got = lift(fn)(tensor(new Float64Array(xs))).dataSync();
  // The host's own function is within an ulp of the true value.
  const bound = TRANSCENDENTALS[name].ulp.f64 + 1;
  for (const [i, x] of xs.entries()) {
    const want = fn(x);
    if (sameBits(got[i]!, want)) continue;
    expect(Math.abs(got[i]! - want) / (2 ** -52 * Math.abs(want)), `${name}(${x})`).toBeLessThanOrEqual(bound);
  }
});
