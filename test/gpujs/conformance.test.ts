/** The public suites on gpu.js, within a tolerance; what it cannot express is one of the errors that are listed here. */
import { gpujs } from 'lazuli/gpujs';
import { describe, expect, test } from 'vitest';
import { type Case, failureOf, readSuite } from '../conformance/suite.js';

const TOLERANCE = 2e-5;

/** What an UnsupportedError names: dtypes that are none of gpu.js' floats, ops on bits, integers that f32 does not hold. */
const UNSUPPORTED =
  /UnsupportedError: (DTYPE_UNSUPPORTED: the backend gpujs \w+ has no (f64|u32)|GPUJS_OP: gpu\.js in mode '\w+' has no (bitwise\w+|\w+Shift|bitcast):|GPUJS_INTEGER: )|BackendUnavailableError: GPUJS_INTEGER: /;
/** How many cases of each suite run. The others are of f64 and u32, for the most part. */
const SUPPORTED = { 'special-cases': 581, stablehlo: 286, 'float-legal': 214 };
/** An integer on the way that f32 does not hold is none, so a NaN where it becomes a float again. */
const INEXACT = ["a.cast('i32').cast('f32')"];

describe.each(['cpu', 'webasm'] as const)('in mode %s', (mode) => {
  const backend = gpujs({ mode });
  test.each(Object.entries(SUPPORTED))('%s', (name, count) => {
    const { cases } = readSuite(name);
    const failures: string[] = [];
    let supported = 0;
    for (const each of cases) {
      const near: Case = { ...each, tolerance: Math.max(each.tolerance ?? 0, TOLERANCE) };
      const failure = failureOf(near, backend);
      if (failure === undefined) supported++;
      else if (!UNSUPPORTED.test(failure) && !INEXACT.includes(each.call)) failures.push(`${each.call}: ${failure}`);
    }
    expect(failures).toEqual([]);
    expect(supported).toBe(count);
  });
});
