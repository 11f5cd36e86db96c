/** A page whose Worker trains, and what a page draws read as tensors, in Chromium. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as bundle } from 'esbuild';
import type { fromPixels as FromPixels } from 'lazuli/data';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'lazuli-worker-'));
afterAll(() => rmSync(folder, { recursive: true }));

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

describe.skipIf(!existsSync(CHROMIUM) && process.env['CI'] !== 'true')('in Chromium', { timeout: 120_000 }, () => {
  const outDir = join(folder, 'page');
  const server = createServer((request, response) => {
    const path = request.url === '/' ? '/index.html' : request.url!;
    response.setHeader('Content-Type', TYPES[extname(path)] ?? 'text/plain');
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    response.end(readFileSync(join(outDir, path)));
  });
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];
  beforeAll(async () => {
    await build({ root: join(ROOT, 'examples', 'worker'), logLevel: 'error', build: { outDir } });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
    page = await browser.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    server.close();
  });

  test('worker/: a Worker trains, the page draws, and a click stops it', async () => {
    await page.click('#start');
    await page.waitForFunction(() => document.querySelectorAll('#chart svg path').length === 3);
    await page.waitForFunction(() => /^[2-9] epochs|^\d\d epochs/.test(document.getElementById('status')!.textContent));
    await page.click('#stop');
    await page.waitForFunction(() => document.body.dataset['stopped'] !== undefined);
    expect(await page.evaluate(() => document.body.dataset['stopped'])).toBe('aborted');
    expect(await page.textContent('#status')).toMatch(/^\d+ epochs, \d+\.\d % right$/);
    expect(await page.isEnabled('#start')).toBe(true);
    expect(complaints).toEqual([]);
  });

  test('fromPixels reads what a page draws: a canvas, an ImageBitmap, ImageData, an image', async () => {
    const { outputFiles } = await bundle({
      stdin: { contents: "export { fromPixels } from './src/data/data.ts';", resolveDir: ROOT, loader: 'ts' },
      bundle: true,
      format: 'iife',
      globalName: 'data',
      platform: 'browser',
      target: 'es2022',
      write: false,
    });
    await page.addScriptTag({ content: outputFiles[0]!.text });
    const seen = await page.evaluate(async () => {
      const { fromPixels } = (globalThis as unknown as { data: { fromPixels: typeof FromPixels } }).data;
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [3, 2];
      const context = canvas.getContext('2d')!;
      context.fillStyle = 'rgb(10, 20, 30)';
      context.fillRect(0, 0, 3, 2);
      context.fillStyle = 'rgb(250, 240, 230)';
      context.fillRect(2, 1, 1, 1);
      const image = new Image();
      image.src = canvas.toDataURL();
      await image.decode();
      const images = [canvas, await createImageBitmap(canvas), context.getImageData(0, 0, 3, 2), image];
      return images.map((each) => {
        const pixels = fromPixels(each, { channels: 3 });
        return { shape: pixels.shape, data: [...pixels.dataSync()] };
      });
    });
    const dark = [10, 20, 30];
    const data = [...dark, ...dark, ...dark, ...dark, ...dark, 250, 240, 230];
    expect(seen).toEqual([1, 2, 3, 4].map(() => ({ shape: [2, 3, 3], data })));
  });
});
