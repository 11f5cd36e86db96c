/**
 * Lazuli in a page as in Node: the same programs, the same bits, on every CPU backend, whether or not the page may share
 * memory among threads, and whether or not its security policy allows code from strings. Also in a Worker, and in a Node
 * process that allows no code from strings.
 * Whole suites are in `wide/`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sizeOf } from '../../src/core/aval.js';
import { viewArray } from '../../src/core/dtype.js';
import { expectSameBits } from '../support/bits.js';
import { casesOf } from '../support/runs.js';
import { launch, skip, visit, type Visit } from './chromium.js';
import { type Elements, type Observation, observe, type ObserveOptions, type Outcome } from './observe.js';
import type { PageReport } from './page.js';
import { largePrograms, smallPrograms } from './programs.js';
import { bundle, servePage } from './server.js';

const BACKENDS = ['reference', 'js', 'wasm'] as const;
const THREADS = 2;
const PAGE = new URL('./page.ts', import.meta.url);
const WORKER = new URL('./worker.ts', import.meta.url);
const CHILD = new URL('./child.ts', import.meta.url);
/** The thread pool's worker as a file, which a page may serve. */
const POOL_WORKER = new URL('../../backends/wasm/worker-entry.ts', import.meta.url);

/** `vitest --mode dist` runs on what was built. */
const dist = process.env['MODE'] === 'dist';

/** What Node gives, in this process. */
let expected: Observation;
beforeAll(async () => {
  expected = await observe({ backends: BACKENDS, threads: THREADS });
}, 120_000);

const programsOf = (outcome: Outcome): Readonly<Record<string, readonly Elements[]>> => {
  if ('refused' in outcome) throw new Error(`refused: ${outcome.refused}`);
  return outcome.programs;
};

const arrayOf = ({ dtype, shape, bytes }: Elements): Parameters<typeof expectSameBits>[0] => {
  const { buffer } = Uint8Array.from(Buffer.from(bytes, 'base64'));
  return { dtype, shape, data: viewArray(dtype, buffer, 0, sizeOf(shape)) };
};

/** Every backend that ran gave what the interpreter gives in Node; for large programs, what generated JavaScript gives. */
function expectSameElements({ backends }: Observation): void {
  const wanted = { ...programsOf(expected.backends.js!), ...programsOf(expected.backends.reference!) };
  for (const [backend, outcome] of Object.entries(backends)) {
    if ('refused' in outcome) continue;
    const titles = Object.keys({ ...smallPrograms, ...(backend === 'reference' ? {} : largePrograms) });
    expect(Object.keys(outcome.programs)).toEqual(titles);
    for (const title of titles) {
      const got = outcome.programs[title]!;
      expect(got.length).toBe(wanted[title]!.length);
      got.forEach((each, i) => {
        const want = wanted[title]![i]!;
        if (each.bytes !== want.bytes || each.shape.join() !== want.shape.join())
          expectSameBits(arrayOf(each), arrayOf(want), `${backend}, ${title}, result ${i}`);
      });
    }
  }
}

const refusedBackends = ({ backends }: Observation): Record<string, string> =>
  Object.fromEntries(
    Object.entries(backends).flatMap(([name, outcome]) => ('refused' in outcome ? [[name, outcome.refused]] : [])),
  );

test('Node gives the same elements on every backend', () => {
  expect(refusedBackends(expected)).toEqual({});
  expect(expected.threads).toEqual({ count: THREADS });
  expect(expected.unchosen).toBe('wasm');
  expectSameElements(expected);
});

describe.skipIf(skip)('in Chromium', () => {
  let browser: Browser;
  let files: ReadonlyMap<string, string>;

  beforeAll(async () => {
    [browser, files] = await Promise.all([launch('none'), bundle([PAGE, WORKER, POOL_WORKER], 'browser', dist)]);
  }, 120_000);
  afterAll(() => browser?.close());

  const visitWith = async (isolated: boolean, strict: boolean, options: ObserveOptions): Promise<Visit<PageReport>> =>
    visit(browser, await servePage<PageReport>(files, { isolated, strict }), options);

  const modes = [
    { isolated: true, strict: true },
    { isolated: false, strict: true },
    { isolated: false, strict: false },
    { isolated: true, strict: false },
  ];
  test.each(casesOf('modes of a page', modes, 2))(
    'isolated: $isolated, no code from strings: $strict',
    async ({ isolated, strict }) => {
      const { report, requests, complaints } = await visitWith(isolated, strict, {
        backends: strict ? BACKENDS : ['js', 'wasm'],
        // A policy that forbids code from strings forbids workers from strings too.
        ...(strict ? { threads: THREADS, workerUrl: '/worker-entry.js' } : {}),
      });
      // Who asks for threads is told that there are none, the page and its worker each; who does not, is not.
      const warning = expect.stringMatching(/fewer threads: .*cross-origin isolated/) as string;
      expect(complaints).toEqual(strict && !isolated ? [warning, warning] : []);
      for (const observation of [report.page!, report.worker!]) {
        expect(observation.isolated).toBe(isolated);
        expect(observation.unchosen).toBe('wasm');
        expect(refusedBackends(observation)).toEqual(strict ? { js: 'JS_CODE_GENERATION' } : {});
        const { count, reason, refused } = observation.threads;
        if (isolated) expect(count).toBe(strict ? THREADS : Math.min(16, observation.cores));
        else expect({ count, reason }).toEqual({ count: 1, reason: expect.stringContaining('cross-origin isolated') });
        expect(refused).toBeUndefined();
        expectSameElements(observation);
      }
      const shared = requests.filter((request) => /^GET \/chunk-\w+\.js$/.test(request));
      const own = ['GET /', 'GET /page.js', 'GET /worker.js', 'POST /report'];
      if (isolated && strict) own.push('GET /worker-entry.js');
      expect(new Set(requests)).toEqual(new Set([...own, ...shared]));
    },
  );

  test('a policy that forbids the pool its workers leaves one thread, and says so once', async () => {
    const { report, complaints } = await visitWith(true, true, { backends: ['wasm'] });
    for (const observation of [report.page!, report.worker!]) {
      expect(observation.threads).toEqual({
        count: 1,
        reason: expect.stringMatching(/did not start.*workerUrl/) as string,
      });
      expectSameElements(observation);
    }
    const own = complaints.filter((each) => each.includes('lazuli'));
    expect(own).toEqual(
      Array(2).fill(expect.stringMatching(/^console.warning: lazuli: wasm goes on with fewer threads/)),
    );
  });
});

describe('node --disallow-code-generation-from-strings', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lazuli-no-eval-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('runs the same programs on wasm and the interpreter, and ends by itself', async () => {
    for (const [name, text] of await bundle([CHILD], 'node', dist))
      writeFileSync(join(folder, name.replace(/\.js$/, '.mjs')), text);
    const { code, stdout, stderr } = await runNode(['--disallow-code-generation-from-strings', 'child.mjs'], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const observation = JSON.parse(stdout) as Observation;
    expect(refusedBackends(observation)).toEqual({ js: 'JS_CODE_GENERATION' });
    expect(observation.threads).toEqual({ count: THREADS });
    expectSameElements(observation);
  });
});

function runNode(
  args: readonly string[],
  cwd: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
  });
}
