/** The README's example runs as printed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

test('the example of the README learns the line', () => {
  const [, source] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))!;
  // Inside the repository, so that `lazuli` resolves as it does for the examples.
  const folder = mkdtempSync(join(ROOT, 'examples', '.readme-'));
  try {
    writeFileSync(join(folder, 'example.ts'), source!);
    const output = execFileSync(
      join(ROOT, 'node_modules/.bin/tsx'),
      ['--tsconfig', join(ROOT, 'tsconfig.json'), join(folder, 'example.ts')],
      { encoding: 'utf8', cwd: ROOT },
    );
    const lines = output.trim().split('\n');
    expect(lines[0]).toBe('y = 3.00·x + 2.00');
    expect(lines[1]).toMatch(/^\d+ kernels a step, 1 trace$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
