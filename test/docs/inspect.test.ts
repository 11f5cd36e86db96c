/** docs/inspect.md shows what its example prints; here it is printed again. UPDATE_GOLDENS=1 rewrites it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FILE = join(ROOT, 'docs/inspect.md');

test('docs/inspect.md shows what its example prints', () => {
  const page = readFileSync(FILE, 'utf8');
  const [, source] = /```ts\n([\s\S]*?)```/.exec(page)!;
  // Inside the repository, so that `lazuli` resolves as it does for the examples.
  const folder = mkdtempSync(join(ROOT, 'examples', '.inspect-'));
  try {
    writeFileSync(join(folder, 'train.ts'), source!);
    const output = execFileSync(
      join(ROOT, 'node_modules/.bin/tsx'),
      ['--tsconfig', join(ROOT, 'tsconfig.json'), join(folder, 'train.ts')],
      { encoding: 'utf8', cwd: ROOT },
    );
    const now = page.replace(
      /<!-- output -->\n(?:\n```text\n[\s\S]*?\n```\n)?/,
      () => `<!-- output -->\n\n\`\`\`text\n${output.trimEnd()}\n\`\`\`\n`,
    );
    if (process.env.UPDATE_GOLDENS === '1') writeFileSync(FILE, now);
    else expect(page).toBe(now);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
