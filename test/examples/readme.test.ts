/** The README's example runs as printed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { printed, ROOT } from '../support/processes.js';

test('the example of the README learns the line', async () => {
  const [, source] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))!;
  // Inside the repository, so that `lazuli` resolves as it does for the examples.
  const folder = mkdtempSync(join(ROOT, 'examples', '.readme-'));
  try {
    writeFileSync(join(folder, 'example.ts'), source!);
    const output = await printed(relative(ROOT, join(folder, 'example.ts')));
    const lines = output.trim().split('\n');
    expect(lines[0]).toBe('y = 3.00·x + 2.00');
    expect(lines[1]).toMatch(/^\d+ kernels a step, 1 trace$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
