/** docs/inspect.md shows what its example prints; here it is printed again. UPDATE_GOLDENS=1 rewrites it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { printed, ROOT } from '../support/processes.js';

const FILE = join(ROOT, 'docs/inspect.md');

/** A block of code and what it prints; in `times` numbers are another each time. */
const EXAMPLE = /```ts\n([\s\S]*?)```\n\n<!-- output(: times)? -->\n(?:\n```text\n([\s\S]*?)\n```\n)?/g;
const untimed = (text: string): string =>
  text
    .replaceAll(/±?\d[\d.e-]*/g, '#')
    .replaceAll(/ {2,}/g, '  ')
    .replaceAll('threads', 'thread');

test('docs/inspect.md shows what its examples print', async () => {
  const page = readFileSync(FILE, 'utf8');
  const SEPARATOR = '— next —\n';
  // One program: later examples go on with what earlier ones made.
  const source = [...page.matchAll(EXAMPLE)]
    .map(([, code]) => code!)
    .join(`console.log(${JSON.stringify(SEPARATOR.trim())});\n`);
  // Inside the repository, so that `lazuli` resolves as it does for the examples.
  const folder = mkdtempSync(join(ROOT, 'examples', '.inspect-'));
  try {
    writeFileSync(join(folder, 'train.ts'), source);
    const output = await printed(relative(ROOT, join(folder, 'train.ts')));
    const outputs = output.split(SEPARATOR).map((text) => text.trimEnd());
    const now = page.replace(EXAMPLE, (all, code: string, times: string | undefined, before: string | undefined) => {
      const text = outputs.shift()!;
      if (times !== undefined && before !== undefined && untimed(text) === untimed(before)) return all;
      return `\`\`\`ts\n${code}\`\`\`\n\n<!-- output${times ?? ''} -->\n\n\`\`\`text\n${text}\n\`\`\`\n`;
    });
    if (process.env.UPDATE_GOLDENS === '1') writeFileSync(FILE, now);
    else expect(page).toBe(now);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
