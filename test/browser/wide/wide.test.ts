/**
 * In a page what Node's tests have in Node: the public suites on js, wasm and WebGPU, training with a falling loss; and a page
 * that Vite built, which needs nothing from anywhere.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { build, type Rolldown } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSuite, suiteFile } from '../../conformance/read-suite.js';
import { narrowCases } from '../../webgpu/cases.js';
import { launch, skip, visit } from '../chromium.js';
import { bundle, servePage } from '../server.js';
import type { SuitesReport } from './suites-page.js';
import type { TrainingReport } from './training-page.js';

const SUITES = ['special-cases', 'stablehlo', 'float-legal', 'numpy'];
const BACKENDS = ['js', 'wasm', 'webgpu'] as const;

const PAGES = [new URL('./suites-page.ts', import.meta.url), new URL('./training-page.ts', import.meta.url)];

describe.skipIf(skip)('in Chromium', () => {
  let browser: Browser;
  let files: Map<string, string>;
  /** One of the pages under the name that the server looks for. */
  const page = (name: string): Map<string, string> => new Map(files).set('page.js', files.get(`${name}.js`)!);
  beforeAll(async () => {
    [browser, files] = await Promise.all([launch('software'), bundle(PAGES, 'browser', false)]);
    for (const name of SUITES) files.set(`${name}.json`, readFileSync(suiteFile(name), 'utf8'));
  }, 240_000);
  afterAll(() => browser?.close());

  describe('the public suites', () => {
    test.each(BACKENDS)(
      'on %s',
      async (backend) => {
        // NumPy's are of f64 throughout.
        const suites = backend === 'webgpu' ? SUITES.slice(0, 3) : SUITES;
        const server = await servePage<SuitesReport>(page('suites-page'));
        const { report } = await visit(browser, server, { backend, suites });
        const all = suites.flatMap((name) => readSuite(name).cases);
        const tried = backend === 'webgpu' ? narrowCases(all).flatMap(([, cases]) => cases) : all;
        expect(report.failures).toEqual([]);
        expect(report.cases).toBe(tried.length);
        if (backend === 'webgpu') expect(report.adapter).not.toBe('');
      },
      1_800_000,
    );
  });

  test.each(BACKENDS)('fifty steps on %s show a loss that falls', async (backend) => {
    const server = await servePage<TrainingReport>(page('training-page'));
    const { report, complaints } = await visit(browser, server, { backend });
    const { losses, shown } = report;
    expect(losses).toHaveLength(50);
    const mean = (part: readonly number[]): number => part.reduce((a, b) => a + b, 0) / part.length;
    for (let from = 10; from < 50; from += 10)
      expect(mean(losses.slice(from, from + 10))).toBeLessThan(mean(losses.slice(from - 10, from)));
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
    expect(shown).toContain(losses.at(-1)!.toFixed(4));
    expect(complaints).toEqual([]);
  });

  test('a page that Vite built needs no polyfill and no network', async () => {
    const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
    const warnings: string[] = [];
    const built = (await build({
      root: path('./vite-page'),
      configFile: false,
      logLevel: 'silent',
      resolve: { alias: { lazuli: path('../../../src/index.ts') } },
      build: {
        write: false,
        rolldownOptions: {
          onLog: (level, { message }) => {
            if (level === 'warn') warnings.push(message);
          },
        },
      },
    })) as Rolldown.RolldownOutput;
    // Modules of Node that a page would need a polyfill for are warned of.
    expect(warnings).toEqual([]);
    const files = new Map(
      built.output.map((each) => [each.fileName, each.type === 'chunk' ? each.code : String(each.source)]),
    );
    const server = await servePage<{ loss: number[]; errors: string[] }>(files);
    const { report, requests, complaints } = await visit(browser, server);
    expect(report.loss[1]).toBeLessThan(report.loss[0]!);
    expect(complaints).toEqual([]);
    const names = new Set(['GET /', 'POST /report', ...[...files.keys()].map((name) => `GET /${name}`)]);
    expect(requests.filter((request) => !names.has(request))).toEqual([]);
  });
});
