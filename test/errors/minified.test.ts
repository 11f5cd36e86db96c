/** A bundle whose identifiers a minifier has renamed still calls errors, optimizers, modules and tensors by their names. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type * as Lazuli from 'lazuli';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'lazuli-minified-'));
afterAll(() => rmSync(folder, { recursive: true }));

const outfile = join(folder, 'lazuli.mjs');
await build({
  entryPoints: [fileURLToPath(new URL('../../src/index.ts', import.meta.url))],
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'node',
  logLevel: 'error',
  outfile,
});
const lazuli = (await import(outfile)) as typeof Lazuli;

test('classes keep the names that they are exported under', () => {
  const classes = Object.entries(lazuli).filter(
    ([name, value]) => typeof value === 'function' && /^class\b/.test(String(value)) && /^[A-Z]/.test(name),
  ) as [string, { readonly name: string }][];
  expect(classes.length).toBeGreaterThan(40);
  // What is abstract has no instances that would say its name.
  const abstract = ['Optimizer', 'Scheduler', 'CallScheduler'];
  for (const [name, value] of classes) if (!abstract.includes(name)) expect(value.name).toBe(name);
});

test('errors, unique names and messages say them', () => {
  const { Adam, add, Module, ShapeError, tensor, TrainVar, zeros } = lazuli;
  expect(() => add(zeros([2]), zeros([3]))).toThrow(
    expect.objectContaining({ name: 'ShapeError', code: 'SHAPE_MISMATCH' }) as Error,
  );
  expect(() => new Adam({ lr: -1 })).toThrow(/^OPTION_RANGE: Adam got lr = -1/);
  const opt = new Adam({ trainVars: { w: new TrainVar(zeros([2])) } });
  expect(opt.name).toMatch(/^Adam\d+$/);
  expect(String(opt)).toMatch(/^Adam\({/);
  expect(new Module().name).toMatch(/^Module\d+$/);
  expect(String(new TrainVar(tensor([1]), 'w'))).toMatch(/^TrainVar/);
  class OfMyOwn extends ShapeError {}
  expect(new OfMyOwn('CODE', 'facts', 'remedy').name).toBe('OfMyOwn');
});
