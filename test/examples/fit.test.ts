/** The examples of training as a user starts them: a table, an autoencoder, and a page whose Worker trains. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { build } from 'vite';
import { afterAll, describe, expect, test, vi } from 'vitest';

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

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

describe.skipIf(!existsSync(CHROMIUM) && process.env['CI'] !== 'true')('in Chromium', () => {
  test('worker/: a Worker trains, the page draws, and a click stops it', { timeout: 120_000 }, async () => {
    const outDir = join(folder, 'page');
    await build({ root: join(ROOT, 'examples', 'worker'), logLevel: 'error', build: { outDir } });
    const server = createServer((request, response) => {
      const path = request.url === '/' ? '/index.html' : request.url!;
      response.setHeader('Content-Type', TYPES[extname(path)] ?? 'text/plain');
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
      response.end(readFileSync(join(outDir, path)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      await page.click('#start');
      await page.waitForFunction(() => document.querySelectorAll('#chart svg path').length === 3);
      await page.waitForFunction(() =>
        /^[2-9] epochs|^\d\d epochs/.test(document.getElementById('status')!.textContent),
      );
      await page.click('#stop');
      await page.waitForFunction(() => document.body.dataset['stopped'] !== undefined);
      expect(await page.evaluate(() => document.body.dataset['stopped'])).toBe('aborted');
      expect(await page.textContent('#status')).toMatch(/^\d+ epochs, \d+\.\d % right$/);
      expect(await page.isEnabled('#start')).toBe(true);
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
      server.close();
    }
  });
});
