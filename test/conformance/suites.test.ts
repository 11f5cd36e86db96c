/** The public suites: 2,067 published values, inside `jit` on every backend; each a program of its own where all is tried. */
import { describe, expect, test } from 'vitest';
import { THREADED_BACKENDS } from '../support/backends.js';
import { THOROUGH } from '../support/runs.js';
import { failuresTogether, readSuite } from './suite.js';

const SUITES = { 'special-cases': 1181, stablehlo: 419, 'float-legal': 467 };
const TOGETHER = THOROUGH ? 1 : 8;

describe.each(Object.entries(SUITES))('%s', (name, count) => {
  const { cases, byOp } = readSuite(name);
  test(`has ${count} cases`, () => expect(cases).toHaveLength(count));
  describe.each([...THREADED_BACKENDS])('on %s', (backend) => {
    test.each([...byOp])('%s', (_, group) => {
      // Few programs of many cases are quick to make; alone, each case is a program of one kernel.
      for (let i = 0; i < group.length; i += TOGETHER)
        expect(failuresTogether(group.slice(i, i + TOGETHER), backend)).toEqual([]);
    });
  });
});
