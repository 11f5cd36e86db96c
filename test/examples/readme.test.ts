/** The README's example runs, and prints what stands behind it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { printed, ROOT } from '../support/processes.js';

test('the example of the README learns the line', async () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, source, shown] = /```ts\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/.exec(readme)!;
  // Inside the repository, so that `lazuli` resolves as it does for the examples.
  const folder = mkdtempSync(join(ROOT, 'examples', '.readme-'));
  try {
    writeFileSync(join(folder, 'example.ts'), source!);
    const output = await printed(relative(ROOT, join(folder, 'example.ts')));
    expect(output.trim()).toBe(shown!.trim());
    expect(output).toContain('y = 3.00·x + 2.00');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
