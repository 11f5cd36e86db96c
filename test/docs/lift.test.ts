/**
 * docs/lift.md: its examples run and give what the comments behind them say, its error is the one that is thrown.
 * UPDATE_GOLDENS=1 rewrites the error.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';
import * as lazuli from 'lazuli';
import ts from 'typescript';
import { expect, test } from 'vitest';

const FILE = fileURLToPath(new URL('../../docs/lift.md', import.meta.url));
const page = readFileSync(FILE, 'utf8');
const blocks = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);
const refused = blocks.find((code) => code.includes('while'))!;

/** Runs the code with all exports in scope; what its lines gave, and what the comments behind them say. */
function run(code: string): (readonly [got: unknown, promised: unknown])[] {
  const checked = code.replace(/^(.*); \/\/ (\[.*\])$/gm, 'results.push([$1, $2]);');
  const names = Object.keys(lazuli);
  // In a block of its own, whose names may be those of exports.
  const wrapped = `(function (results, ${names.join(', ')}) {{\n${checked}\n}})`;
  // An error quotes the source as it stands: only its types go.
  const plain =
    code === refused ? wrapped.replaceAll(': number', '') : ts.transpile(wrapped, { target: ts.ScriptTarget.ES2022 });
  const results: [unknown, unknown][] = [];
  (runInThisContext(plain) as (...values: unknown[]) => void)(results, ...Object.values(lazuli));
  return results;
}

test.each(blocks.filter((code) => code !== refused))('%s', (code) => {
  const results = run(code);
  expect(results.length).toBeGreaterThan(0);
  for (const [got, promised] of results)
    expect((got as number[]).map((value) => Number(value.toPrecision(6)))).toEqual(promised);
});

test('the error', () => {
  let message = '';
  try {
    run(refused);
  } catch (error) {
    // The place of the call is that of this test.
    message = (error as Error).message.replace(/ \(\S+:\d+\)$/, ' (rules.ts:1)');
  }
  const text = message.replaceAll(/ +$/gm, '');
  const now = page.replace(
    /<!-- error -->\n(?:\n```text\n[\s\S]*?\n```\n)?/,
    () => `<!-- error -->\n\n\`\`\`text\n${text}\n\`\`\`\n`,
  );
  if (process.env.UPDATE_GOLDENS === '1') writeFileSync(FILE, now);
  else expect(page).toBe(now);
});
