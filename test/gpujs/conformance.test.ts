/** The public suites on gpu.js, within a tolerance; what it cannot express is one of the errors that are listed here. */
import { jit } from 'lazuli';
import { gpujs, type GpujsBackend } from 'lazuli/gpujs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSuite } from '../conformance/read-suite.js';
import { callOf, type Case, failureOf, makeInput, mismatch } from '../conformance/suite.js';
import { casesOf } from '../support/runs.js';
import { describeOnGpu } from '../webgpu/support.js';
import { openOnGpu } from './support.js';

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
    const all = readSuite(name).cases;
    const cases = mode === 'cpu' ? all : casesOf(`${name} on gpu.js, ${mode}`, all, all.length / 4);
    const failures: string[] = [];
    let supported = 0;
    for (const each of cases) {
      const near: Case = { ...each, tolerance: Math.max(each.tolerance ?? 0, TOLERANCE) };
      const failure = failureOf(near, backend);
      if (failure === undefined) supported++;
      else if (!UNSUPPORTED.test(failure) && !INEXACT.includes(each.call)) failures.push(`${each.call}: ${failure}`);
    }
    expect(failures).toEqual([]);
    if (cases === all) expect(supported).toBe(count);
  });
});

/** WGSL promises nothing of NaN, infinities and subnormals ("Differences from IEEE-754"). */
const isPlain = ({ inputs, output }: Case): boolean =>
  [...inputs.map(({ data }) => data), 'data' in output ? output.data : []]
    .flat(2)
    .every((x) => Number(x) === 0 || (Number.isFinite(Number(x)) && Math.abs(Number(x)) >= 2 ** -126));
const SUPPORTED_ON_GPU = { 'special-cases': 63, stablehlo: 242 };

describeOnGpu('in mode webgpu', () => {
  let backend: GpujsBackend;
  beforeAll(async () => {
    backend = await openOnGpu();
  });
  afterAll(() => backend.destroy());
  test.each(Object.entries(SUPPORTED_ON_GPU))('%s, of plain numbers', async (name, count) => {
    const all = readSuite(name).cases.filter((each) => isPlain(each) && !('throws' in each.output));
    const cases = casesOf(`${name} on gpu.js, webgpu`, all, all.length / 4);
    const failures: string[] = [];
    let supported = 0;
    for (const each of cases) {
      const near: Case = { ...each, tolerance: Math.max(each.tolerance ?? 0, TOLERANCE) };
      let failure: string | undefined;
      try {
        const got = jit(callOf(each), { backend })(...each.inputs.map(makeInput));
        failure = mismatch(near, got, await got.data());
      } catch (error) {
        failure = String(error);
      }
      if (failure === undefined) supported++;
      else if (!UNSUPPORTED.test(failure) && !INEXACT.includes(each.call)) failures.push(`${each.call}: ${failure}`);
    }
    expect(failures).toEqual([]);
    if (cases === all) expect(supported).toBe(count);
  });
});
