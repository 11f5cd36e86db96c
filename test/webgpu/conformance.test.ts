/** The public suites on the GPU: every case that f32 and integers can express, one program an op. */
import { describe, expect, test } from 'vitest';
import { readSuite } from '../conformance/read-suite.js';
import { casesOf } from '../support/runs.js';
import { failuresOf, narrowCases } from './cases.js';
import { describeOnGpu, gpu, IS_EXACT } from './support.js';

describeOnGpu('public suites', () => {
  describe.each(['special-cases', 'stablehlo', 'float-legal'])('%s', (suite) => {
    const narrow = narrowCases(readSuite(suite).cases);
    test.each(casesOf(`ops of ${suite} on the GPU`, narrow, narrow.length / 3))('%s', async (op, cases) => {
      expect(await failuresOf(suite, op, cases, gpu, IS_EXACT)).toEqual([]);
    });
  });
});
