/** The example of an optimizer written as plain math: it learns, and shows its kernel. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

test('a rule of ten lines learns the digits, in one kernel', { timeout: 240_000 }, () => {
  const output = execFileSync(
    join(ROOT, 'node_modules/.bin/tsx'),
    ['--tsconfig', join(ROOT, 'tsconfig.json'), join(ROOT, 'examples/own-optimizer.ts'), '--epochs', '1'],
    { encoding: 'utf8', cwd: ROOT },
  );
  const [, error] = /^epoch 1: loss \d\.\d{4}, test error (\d+\.\d\d) %$/m.exec(output)!;
  expect(Number(error)).toBeLessThan(15);
  expect(output).toContain('the update of all weights: 1 kernel on js');
  // Its rule in the loop, both sides of its branch chosen by a comparison.
  expect(output).toMatch(
    /function s0_map[\s\S]*for \(let i0[\s\S]*max\(\w+, \w+\);[\s\S]*\w+ < 0;[\s\S]*\w+ \? \w+ : \w+;/,
  );
});
