/** The public suites: 2,067 published values, inside `jit` on every backend. */
import { describe, expect, test } from 'vitest';
import { THREADED_BACKENDS } from '../support/backends.js';
import { failureOf, readSuite } from './suite.js';

const SUITES = { 'special-cases': 1181, stablehlo: 419, 'float-legal': 467 };

describe.each(Object.entries(SUITES))('%s', (name, count) => {
  const { cases, byOp } = readSuite(name);
  test(`has ${count} cases`, () => expect(cases).toHaveLength(count));
  describe.each([...THREADED_BACKENDS])('on %s', (backend) => {
    test.each([...byOp])('%s', (_, group) => {
      const failures = group.flatMap((each) => {
        const failure = failureOf(each, backend);
        return failure === undefined ? [] : [`${each.call}: ${failure}`];
      });
      expect(failures).toEqual([]);
    });
  });
});
