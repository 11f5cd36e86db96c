/** The examples of training as a user starts them: a table, an autoencoder, and a page whose Worker trains. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build as bundle } from 'esbuild';
import type { fromPixels as FromPixels } from 'lazuli/data';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'lazuli-fit-'));
afterAll(() => rmSync(folder, { recursive: true }));
/** What the example prints; in this process, since the library is loaded here. */
async function run(example: string, ...args: readonly string[]): Promise<string> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const argv = process.argv;
  process.argv = [process.execPath, example, ...args];
  try {
    await import(pathToFileURL(join(ROOT, 'examples', example)).href);
    return log.mock.calls.map(([line]) => `${String(line)}\n`).join('');
  } finally {
    process.argv = argv;
    log.mockRestore();
  }
}

test('iris.ts: names the species of flowers that it has not seen', async () => {
  const [svg, checkpoint] = [join(folder, 'iris.svg'), join(folder, 'iris.safetensors')];
  const output = await run('iris.ts', '--epochs', '40', '--checkpoint', checkpoint, '--svg', svg);
  expect(output).toMatch(/^epoch 1\/40: loss \d.*; evaluation loss .*, accuracy /);
  const [, accuracy] = /^accuracy on 30 unseen flowers: (\d+\.\d) %$/m.exec(output)!;
  expect(Number(accuracy)).toBeGreaterThanOrEqual(90);
  expect(readFileSync(svg, 'utf8')).toMatch(/<title>Iris<\/title>[\s\S]*evaluation/);
  expect(existsSync(checkpoint)).toBe(true);
});

test('vae.ts: draws digits', async () => {
  const svg = join(folder, 'vae.svg');
  const output = await run('vae.ts', '--epochs', '2', '--examples', '1000', '--svg', svg);
  expect(output).toMatch(/^epoch 2\/2: loss \d+\.\d+, divergence \d+\.\d+ \(10 steps, /m);
  const [, first, last] = /^nats a digit: (\d+\.\d) at first, (\d+\.\d) at last$/m.exec(output)!;
  expect(Number(last)).toBeLessThan(Number(first) - 20);
  expect(readFileSync(svg, 'utf8').length).toBeGreaterThan(10_000);
});

test('digits-cnn.ts: convolutions learn digits', async () => {
  const output = await run('digits-cnn.ts', '--epochs', '2', '--examples', '600');
  expect(Number(/^test error (\d+\.\d\d) %$/m.exec(output)![1])).toBeLessThan(70);
});

test('gru.ts: a scan reads digits row by row, and its program does not know of the rows', async () => {
  const output = await run('gru.ts', '--epochs', '2', '--examples', '1000');
  const [, kernels, launches] = /^(\d+) kernels, launched (\d+) times in a step of 28 turns$/m.exec(output)!;
  expect(Number(launches)).toBeGreaterThan(3 * Number(kernels));
  expect(Number(/^test error (\d+\.\d\d) %$/m.exec(output)![1])).toBeLessThan(80);
});

test('char-gpt.ts: a transformer writes what it has read', async () => {
  const output = await run('char-gpt.ts', '--epochs', '2', '--windows', '320', '--samples', '1');
  const [, first, last] = /^nats a character: (\d\.\d\d) at first, (\d\.\d\d) at last$/m.exec(output)!;
  expect(Number(last)).toBeLessThan(Number(first) - 0.3);
  const [, sample] = /^── sample 1\n([\s\S]*)\n$/m.exec(output)!;
  const [beginning, written] = sample!.split('▶') as [string, string];
  expect([beginning.length, written.length]).toEqual([64, 300]);
  // Spaces and letters stand for most of what it has read.
  expect(written.match(/[ a-z]/g)!.length).toBeGreaterThan(150);
});

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
