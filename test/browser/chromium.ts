/**
 * The Chromium that is installed (`CHROMIUM` names another one), and visits to pages in it: what they post, what the browser
 * has to say, whatever they ask from elsewhere.
 */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { expect } from 'vitest';
import type { PageServer } from './server.js';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const missing = existsSync(CHROMIUM) ? undefined : `there is no browser at ${CHROMIUM}: install Debian's chromium`;
if (missing !== undefined) console.warn(`test/browser: ${missing}, or set CHROMIUM`);
/** Where it must be there, the tests run and fail. */
export const skip = missing !== undefined && process.env['CI'] !== 'true';

/** Nothing of its own on the network, no first-run pages; fit for root. */
const FLAGS = [
  ...['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
];
/** Without a graphics card: no GPU at all, or WebGPU on a software adapter. */
const GPU_FLAGS = { none: ['--disable-gpu'], software: ['--enable-unsafe-webgpu'] };

export async function launch(gpu: keyof typeof GPU_FLAGS): Promise<Browser> {
  if (missing !== undefined) throw new Error(missing);
  return chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...GPU_FLAGS[gpu]] });
}

export interface Visit<T> {
  readonly report: T;
  /** Method and path of each request. */
  readonly requests: readonly string[];
  /** Whatever the browser has to say about the page. */
  readonly complaints: readonly string[];
}

/** Opens the page of `server`, which takes `options`, and waits for what it posts. Closes both. */
export async function visit<T extends { readonly errors: readonly string[] }>(
  browser: Browser,
  server: PageServer<T>,
  options: unknown = {},
): Promise<Visit<T>> {
  const context = await browser.newContext();
  try {
    const complaints: string[] = [];
    const elsewhere: string[] = [];
    context.on('console', (message) => complaints.push(`console.${message.type()}: ${message.text()}`));
    context.on('weberror', (error) => complaints.push(`uncaught: ${error.error().message}`));
    context.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
    context.on('request', (request) => {
      const url = request.url().replace(/^blob:/, '');
      if (!url.startsWith(`${server.origin}/`)) elsewhere.push(request.url());
    });
    const page = await context.newPage();
    const broken = new Promise<never>((_, reject) => {
      page.on('crash', () => reject(new Error('the page crashed')));
      page.on('pageerror', (error) => reject(error));
    });
    await page.goto(`${server.origin}/#${encodeURIComponent(JSON.stringify(options))}`);
    const report = await Promise.race([server.report, broken]);
    expect({ elsewhere, errors: report.errors }).toEqual({ elsewhere: [], errors: [] });
    return { report, requests: [...server.requests], complaints };
  } finally {
    await context.close();
    await server.close();
  }
}
