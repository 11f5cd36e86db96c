/** The example of a layer of one's own: it learns, and its parts are found. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

test('a gated layer tells two spirals apart', { timeout: 240_000 }, () => {
  const output = execFileSync(
    join(ROOT, 'node_modules/.bin/tsx'),
    ['--tsconfig', join(ROOT, 'tsconfig.json'), join(ROOT, 'examples/own-layer.ts'), '--steps', '300'],
    { encoding: 'utf8', cwd: ROOT },
  );
  expect(output).toMatch(/^layers\.0\.gate +Linear +f32\[400,32\] +96 /m);
  const [, right] = /^told apart: (\d+\.\d) %$/m.exec(output)!;
  expect(Number(right)).toBeGreaterThan(95);
});
