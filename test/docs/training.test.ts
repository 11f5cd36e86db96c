/** The programs of the guide to training run, and print what their comments say. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, afterEach, expect, test, vi } from 'vitest';

const guide = readFileSync(new URL('../../docs/training.md', import.meta.url), 'utf8');
const programs = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);
// Inside the repository, where `lazuli` leads to its source.
const folder = mkdtempSync(join(fileURLToPath(new URL('.', import.meta.url)), '.training-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

test.each(programs.map((code, i) => [i, code] as const))('program %i', async (i, code) => {
  const file = join(folder, `program-${i}.ts`);
  writeFileSync(file, code);
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  await import(pathToFileURL(file).href);
  const said = [...code.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => comment);
  expect(said.length).toBeGreaterThan(0);
  const printed = log.mock.calls.map((values) => values.join(' '));
  expect(printed.filter((line) => !line.startsWith('epoch '))).toEqual(said);
});
