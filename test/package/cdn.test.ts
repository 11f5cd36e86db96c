/** The file for CDNs: trains in Node, and in a page that has an import map and no bundler, with and without threads. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type * as core from 'lazuli';
import type * as data from 'lazuli/data';
import type * as train from 'lazuli/train';
import type * as gpu from 'lazuli/webgpu';
import { chromium } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundleForCdn } from '../../scripts/cdn.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
let text = '';
beforeAll(async () => {
  text = await bundleForCdn();
}, 120_000);

test('it trains', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lazuli-cdn-'));
  try {
    const file = join(folder, 'lazuli.min.mjs');
    writeFileSync(file, text);
    const all = (await import(pathToFileURL(file).href)) as typeof core & typeof data & typeof train & typeof gpu;
    const { Adam, batches, fit, jit, meanSquaredError, tensor, TrainVar, valueAndGrad, webgpu } = all;
    expect(webgpu).toBeTypeOf('function');
    const slope = new TrainVar(0);
    const optimizer = new Adam({ lr: 0.1, trainVars: { slope } });
    const step = jit(({ x, y }: { x: core.Tensor; y: core.Tensor }) => {
      const loss = (): core.Tensor => meanSquaredError(x.mul(slope.value), y);
      const [value, grads] = valueAndGrad(loss, { vars: optimizer.varsToTrain })();
      optimizer.update(grads);
      return value;
    });
    const source = batches({ x: tensor([1, 2, 3, 4]), y: tensor([2, 4, 6, 8]) }, { size: 2, shuffle: true });
    const history = await fit(step, source, { epochs: 50, progress: false });
    expect(history.loss.at(-1)).toBeLessThan(0.1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

describe.skipIf(!existsSync(CHROMIUM) && process.env['CI'] !== 'true')('in Chromium', { timeout: 120_000 }, () => {
  /** What the page says at last, and how many threads it has. */
  async function open(headers: Readonly<Record<string, string>>): Promise<{ said: string; threads: number }> {
    const server = createServer((request, response) => {
      const page = request.url === '/examples/cdn/';
      response.writeHead(page || request.url === '/dist/lazuli.min.js' ? 200 : 404, {
        ...headers,
        'Content-Type': page ? 'text/html' : 'text/javascript',
      });
      response.end(page ? readFileSync(join(ROOT, 'examples/cdn/index.html')) : text);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/examples/cdn/`);
      await page.waitForFunction(() => document.body.dataset['finished'] === 'true');
      expect(complaints).toEqual([]);
      expect(await page.evaluate(() => document.querySelectorAll('#chart svg path').length)).toBe(2);
      // As text, since imports of this file are rewritten.
      const threads = await page.evaluate<number>(`import('lazuli').then(async ({ jit, setThreads, tensor }) => {
        await setThreads(2);
        return jit((x) => x.add(1)).inspect(tensor([1])).threads.count;
      })`);
      return { said: (await page.textContent('#status')) ?? '', threads };
    } finally {
      await browser.close();
      server.close();
    }
  }

  test('a page learns; where it may share memory the Workers come out of the file', async () => {
    const { said, threads } = await open({
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    });
    expect(threads).toBe(2);
    expect(Number(/^epoch 40: loss .*, (\d+\.\d) % right$/.exec(said)![1])).toBeGreaterThan(95);
  });
});
