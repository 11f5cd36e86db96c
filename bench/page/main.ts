/**
 * `npm --prefix bench run page` (after `npm --prefix bench ci`): Lazuli's WebGPU backend beside that of jax-js in one page of the Chromium that is installed. Without a
 * graphics card its adapter is software: what it says of speed holds for that alone; dispatches and submits hold everywhere.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import type { PageReport } from './page.js';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const { outputFiles } = await build({
  entryPoints: [path('./page.ts')],
  bundle: true,
  format: 'esm',
  target: 'es2022',
  write: false,
  alias: {
    'lazuli/webgpu': path('../../backends/webgpu/webgpu.ts'),
    lazuli: path('../../src/index.ts'),
  },
});
const script = outputFiles[0]!.text;
const html =
  '<!doctype html><title>bench</title><link rel="icon" href="data:," /><script type="module" src="/page.js"></script>';

const report = new Promise<PageReport>((resolve) => {
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')) as PageReport);
        response.writeHead(204).end();
        server.close();
        server.closeAllConnections();
      });
    } else if (request.url === '/page.js') response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(script);
    else response.writeHead(200, { 'Content-Type': 'text/html' }).end(html);
  });
  server.listen(0, '127.0.0.1', () => void open((server.address() as AddressInfo).port));
});

async function open(port: number): Promise<void> {
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      ...['--no-sandbox', '--enable-unsafe-webgpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
    ],
  });
  const page = await browser.newPage();
  page.on('console', (message) => console.error(message.text()));
  page.on('pageerror', (error) => console.error(error));
  await page.goto(`http://localhost:${port}/`);
  await report;
  await browser.close();
}

const { adapter, works, errors } = await report;
console.log(
  `${adapter}${/swiftshader|llvmpipe/i.test(adapter) ? ': a software adapter, which says nothing of a card' : ''}`,
);
for (const { name, lazuli, jax } of works)
  for (const [who, { dispatches, submits, medianMs }] of Object.entries({ lazuli, 'jax-js': jax }))
    console.log(`${name}, ${who}: ${dispatches} dispatches, ${submits} submits, ${medianMs.toFixed(2)} ms`);
for (const error of errors) console.error(error);
process.exitCode = errors.length === 0 ? 0 : 1;
