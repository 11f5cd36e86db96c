/** The example of an optimizer written as plain math: it learns, and shows its kernel. */
import { expect, test } from 'vitest';
import { printed } from '../support/processes.js';

test('a rule of ten lines learns the digits, in one kernel', async () => {
  const output = await printed('examples/own-optimizer.ts', '--epochs', '1');
  const [, error] = /^epoch 1: loss \d\.\d{4}, test error (\d+\.\d\d) %$/m.exec(output)!;
  expect(Number(error)).toBeLessThan(15);
  expect(output).toContain('the update of all weights: 1 kernel on js');
  // Its rule in the loop, both sides of its branch chosen by a comparison.
  expect(output).toMatch(
    /function s0_map[\s\S]*for \(let i0[\s\S]*max\(\w+, \w+\);[\s\S]*\w+ < 0;[\s\S]*\w+ \? \w+ : \w+;/,
  );
});
