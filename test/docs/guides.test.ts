/**
 * The blocks of the guides run. One that imports is a program of its own, and prints what the comments behind its lines of
 * `console.log` say; the others run with all exports and with what the text speaks of in scope. Guides whose blocks go on with
 * one another, or show what they print, have tests beside this one; those of devices are only type-checked.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as lazuli from 'lazuli';
import ts from 'typescript';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));
const ELSEWHERE = ['inspect.md', 'layers.md', 'lift.md', 'backends.md', 'webgpu.md'];
const pages = readdirSync(DOCS).filter((name) => name.endsWith('.md') && !ELSEWHERE.includes(name));
const blocksOf = (page: string): string[] =>
  [...readFileSync(join(DOCS, page), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);

// Inside the repository, where `lazuli` leads to its source.
const folder = mkdtempSync(join(fileURLToPath(new URL('.', import.meta.url)), '.training-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

/** What lines of the code say that they print. */
const promised = (code: string): (string | undefined)[] =>
  [...code.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => comment);

/** What the text around the blocks speaks of: `types.test.ts` has its types. */
function context(): Record<string, unknown> {
  const { jit, Module, nn, random, tensor, TrainVar, zeros, ones } = lazuli;
  class Named extends Module {
    readonly inner = new nn.Linear(1, 1, { key: random.key(0) });
    call(x: lazuli.Tensor): lazuli.Tensor {
      return this.inner.call(x);
    }
  }
  return {
    model: new Named(),
    loss: (output: lazuli.Tensor, target: lazuli.Tensor) => output.sub(target).square().mean(),
    x: ones([4, 1]),
    y: zeros([4, 1]),
    w: new TrainVar([1]),
    b: new TrainVar([0]),
    params: { w: tensor([1]), b: tensor([0]) },
    step: jit((x: lazuli.Tensor, y: lazuli.Tensor) => x.sub(y).square().mean()),
  };
}

async function run(code: string, name: string): Promise<void> {
  if (/^import /m.test(code)) {
    const file = join(folder, `${name}.ts`);
    writeFileSync(file, code);
    await import(pathToFileURL(file).href);
    return;
  }
  const scope = { ...lazuli, ...context() };
  const plain = ts.transpile(`async function block() {\n${code}\n}`, { target: ts.ScriptTarget.ES2022 });
  // The page's own code, with names for what the text speaks of.
  const body = new Function(...Object.keys(scope), `${plain}\nreturn block();`) as (
    ...values: unknown[]
  ) => Promise<void>;
  await body(...Object.values(scope));
}

describe.each(pages.filter((page) => blocksOf(page).length > 0))('%s', (page) => {
  test.each(blocksOf(page).map((code, i) => [i, code] as const))('block %i', async (i, code) => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    await run(code, `${page.replace('.md', '')}-${i}`);
    const printed = log.mock.calls.map((values) => values.join(' ')).filter((line) => !line.startsWith('epoch '));
    const said = promised(code);
    // Comments of the others explain.
    if (/^import /m.test(code) && said.length > 0) expect(printed).toEqual(said);
  });
});
