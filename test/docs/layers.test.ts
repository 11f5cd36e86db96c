/** docs/layers.md: its blocks run, one after another, and give what the comments behind their lines say. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';
import * as lazuli from 'lazuli';
import ts from 'typescript';
import { expect, test, vi } from 'vitest';

const page = readFileSync(fileURLToPath(new URL('../../docs/layers.md', import.meta.url)), 'utf8');
const blocks = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);

test('the blocks', () => {
  const code = blocks
    .join('\n')
    .replace(/^import .*$/gm, '')
    .replace(/^(.*); \/\/ (\[.*\])$/gm, 'results.push([$1, $2]);');
  const names = Object.keys(lazuli);
  const wrapped = `(function (results, ${names.join(', ')}) {{\n${code}\n}})`;
  const plain = ts.transpile(wrapped, { target: ts.ScriptTarget.ES2022 });
  const results: [unknown, unknown][] = [];
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  (runInThisContext(plain) as (...values: unknown[]) => void)(results, ...Object.values(lazuli));
  expect(results.length).toBe(3);
  for (const [got, promised] of results) expect(got).toEqual(promised);
  const [printed] = log.mock.calls[0]! as [string];
  expect(Number(/^(\d+) % of layer/.exec(printed)![1])).toBeGreaterThan(90);
  expect(printed).toContain('layers.4');
  log.mockRestore();
});
