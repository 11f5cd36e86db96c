/**
 * The page of a report, opened in Chromium from one file: what it shows, how its panels are linked, the keyboard, and that it
 * asks the network for nothing. Runs in the Chromium that is installed (`CHROMIUM` names another one).
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  Adadelta,
  jit,
  meanSquaredError,
  Module,
  type Report,
  SGD,
  type Tensor,
  TrainVar,
  valueAndGrad,
  zeros,
} from '../../src/index.js';
import { toHTML } from '../../src/report/html.js';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const missing = existsSync(CHROMIUM) ? undefined : `there is no browser at ${CHROMIUM}: install Debian's chromium`;
if (missing !== undefined) console.warn(`test/report: ${missing}, or set CHROMIUM`);
/** Where it must be there, the tests run and fail. */
const skip = missing !== undefined && process.env['CI'] !== 'true';

class Dense extends Module {
  readonly weight: TrainVar;
  readonly bias: TrainVar;
  constructor(inputs: number, outputs: number) {
    super();
    this.weight = new TrainVar(zeros([inputs, outputs]));
    this.bias = new TrainVar(zeros([outputs]));
  }
  call(x: Tensor): Tensor {
    return x.matmul(this.weight.value).add(this.bias.value);
  }
}
class Network extends Module {
  layers = [new Dense(4, 8), new Dense(8, 8)];
  head = new Dense(8, 3);
  call(x: Tensor): Tensor {
    for (const layer of this.layers) x = layer.call(x).tanh();
    return this.head.call(x);
  }
}

/** The report of a step; a name of the user goes through the page as text. */
function reportOf(make: typeof Adadelta | typeof SGD, name = 'step </script><b>'): Report {
  const model = new Network();
  const optimizer = new make({ lr: 0.5, trainVars: model.trainVars() });
  const step = jit(
    (x: Tensor, y: Tensor) => {
      const [loss, grads] = valueAndGrad(() => meanSquaredError(model.call(x), y), { vars: optimizer.varsToTrain })();
      optimizer.update(grads);
      return loss;
    },
    { name, backend: 'wasm' },
  );
  step(zeros([16, 4]), zeros([16, 3]));
  return step.inspect(zeros([32, 4]), zeros([32, 3]));
}

const timesOf = ({ kernels }: Report) => ({
  runs: 5,
  medianMs: kernels.length,
  spreadMs: 0.5,
  kernels: kernels.map(({ name }, i) => ({ name, medianMs: 1 + i / 10, spreadMs: 0.1 })),
});

test('what is no report, and options that are not there, are refused', async () => {
  await expect(toHTML({} as Report)).rejects.toThrow(/NOT_A_REPORT/);
  await expect(toHTML([] as unknown as Report)).rejects.toThrow(/NOT_A_REPORT/);
  await expect(toHTML(reportOf(SGD), { profiles: [] } as never)).rejects.toThrow(/Did you mean profile\?/);
});

test('the file names no address but those of its own parts', async () => {
  const html = await toHTML(reportOf(Adadelta));
  expect(html.match(/https?:\/\/[\w./]+/g)?.filter((each) => !each.startsWith('http://www.w3.org/')) ?? []).toEqual([]);
  expect(html).toContain(`default-src 'none'`);
  expect(html).toContain('<title>step &lt;/script>&lt;b> – Lazuli</title>');
});

describe.skipIf(skip)('in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lazuli-report-'));
  let browser: Browser;
  beforeAll(async () => {
    if (missing !== undefined) throw new Error(missing);
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run'],
    });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  /** Opens the page, lets `visit` work with it, and expects that the browser had nothing to say. */
  async function open(
    html: string,
    visit: (page: Page) => Promise<void>,
    { scheme = 'light', idle = true }: { scheme?: 'light' | 'dark'; idle?: boolean } = {},
  ): Promise<void> {
    const file = join(folder, 'report.html');
    writeFileSync(file, html);
    const context = await browser.newContext({ colorScheme: scheme, viewport: { width: 1400, height: 900 } });
    const complaints: string[] = [];
    const { href } = pathToFileURL(file);
    context.on('console', (message) => complaints.push(`console.${message.type()}: ${message.text()}`));
    context.on('weberror', (error) => complaints.push(`uncaught: ${error.error().stack}`));
    context.on('request', (request) => {
      if (request.url() !== href && !request.url().startsWith('data:')) complaints.push(`request: ${request.url()}`);
    });
    try {
      const page = await context.newPage();
      if (!idle) await page.addInitScript(() => Object.assign(window, { requestIdleCallback: () => 0 }));
      await page.goto(href);
      await page.waitForSelector(`body[data-ready]${idle ? '[data-complete]' : ''}`, { timeout: 60_000 });
      await visit(page);
      expect(complaints).toEqual([]);
    } finally {
      await context.close();
    }
  }
  const texts = (page: Page, selector: string): Promise<string[]> => page.locator(selector).allTextContents();
  const count = (page: Page, selector: string): Promise<number> => page.locator(selector).count();

  test('every section has what the report says', async () => {
    const report = reportOf(Adadelta);
    await open(await toHTML(report, { profile: timesOf(report) }), async (page) => {
      expect(await page.textContent('#name')).toBe('step </script><b>');
      expect((await texts(page, '.tile b'))[0]).toBe(String(report.launches));
      expect(await texts(page, '#strip button')).toEqual(report.kernels.map(({ name }) => name));
      expect(await count(page, '#kernel-table tbody tr')).toBe(report.launches);
      expect(await count(page, '.block')).toBe(report.launches);
      expect(await count(page, '.dot')).toBeGreaterThan(1);
      // A temporary goes from one kernel to another, and there is a reason.
      const reasons = await texts(page, '#boundary-table tbody tr td:last-child');
      expect(reasons.length).toBeGreaterThan(2);
      expect(reasons.every((reason) => reason.endsWith('.'))).toBe(true);
      const temporaries = report.buffers.filter(({ name }) => /^t\d+$/.test(name));
      const buffers = await texts(page, '#boundary-table tbody td:nth-child(3)');
      expect(new Set(buffers)).toEqual(new Set(temporaries.map(({ name }) => name)));
      const bars = await page
        .locator('#memory-chart .bar')
        .evaluateAll((all) => all.map((each) => each.getAttribute('aria-label')!.split(',')[0]));
      for (const { name } of temporaries) expect(bars).toContain(name);
      expect(await texts(page, '#history-table tbody td:last-child')).toEqual([
        'it was new',
        'arg0 went from f32[16,4] to f32[32,4], arg1 went from f32[16,3] to f32[32,3]',
      ]);
      expect(await texts(page, '#text-list pre')).toEqual([
        report.graph,
        report.simplified,
        report.program,
        report.loops,
      ]);
      // On a page as wide as a telephone nothing is wider than it, but for what scrolls by itself.
      await page.setViewportSize({ width: 400, height: 800 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(400);
    });
  });

  test('a section is drawn when it comes near, when a link asks for it, before printing, or when nothing else is to be done', async () => {
    const report = reportOf(Adadelta);
    const html = await toHTML([report, report], { profile: [timesOf(report), timesOf(report)] });
    const sections = ['kernels', 'boundaries', 'memory', 'roofline', 'timeline', 'history', 'texts'];
    await open(
      html,
      async (page) => {
        const drawn = (): Promise<string[]> =>
          page.evaluate(
            (ids) => ids.filter((id) => !document.getElementById(id)!.classList.contains('waiting')),
            sections,
          );
        expect(await drawn()).toEqual([]);
        expect(await count(page, '#graph .node')).toBeGreaterThan(0);
        await page.click('nav [href="#history"]');
        expect(await count(page, '#history-table tbody tr')).toBe(2);
        expect(await drawn()).not.toContain('kernels');
        // What is drawn late shows what was selected before.
        await page.locator('#strip button').nth(1).click();
        await page.locator('#kernels').scrollIntoViewIfNeeded();
        await page.waitForSelector('#kernel-table tr.on');
        await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
        expect(await drawn()).toEqual(sections);
      },
      { idle: false },
    );
    await open(html, async (page) => {
      await page.waitForSelector('body[data-complete]');
      await page.click('#reports button:first-child');
      await page.waitForSelector('body[data-complete]');
      expect(await count(page, '#kernel-table tbody tr')).toBe(report.launches);
    });
  });

  test('without times there is neither roofline nor timeline', async () => {
    await open(await toHTML(reportOf(SGD)), async (page) => {
      expect(await page.isVisible('#roofline')).toBe(false);
      expect(await page.isVisible('#timeline')).toBe(false);
      expect(await page.isVisible('nav [href="#timeline"]')).toBe(false);
    });
  });

  test('a line of the program marks its operations, kernels and lines on every backend', async () => {
    await open(await toHTML(reportOf(Adadelta)), async (page) => {
      const tanh = page.locator('#program .row.link', { hasText: 'tanh' }).first();
      await tanh.click();
      expect(await page.textContent('#selected')).toMatch(
        /^tanh → f32\[32,8\]; forward, page\.test\.ts:\d+; computed in k0/,
      );
      expect(await count(page, '#program .row.on')).toBe(1);
      expect(new Set(await texts(page, '#graph .node.forward.on .op'))).toEqual(new Set(['tanh']));
      expect(await count(page, '#strip .on')).toBeGreaterThan(1);
      expect(await texts(page, '#stages h3')).toEqual([
        expect.stringMatching(/^Loops/),
        expect.stringMatching(/^wasm/),
        expect.stringMatching(/^js/),
      ]);
      // tanh divides; the sum of the matmul before it is no part of it.
      await page.waitForSelector('.stage:nth-child(2) .row.on');
      for (const [stage, pattern] of [
        [1, /div/],
        [2, /f32x4\.div/],
        [3, / \/ /],
      ] as const) {
        const marked = await texts(page, `.stage:nth-child(${stage}) .row.on code`);
        expect(marked.join('\n')).toMatch(pattern);
        expect(marked.length).toBeLessThan(await count(page, `.stage:nth-child(${stage}) .row`));
      }
      // And back: a line of the source marks the line of the program.
      await page.click('#clear');
      expect(await count(page, '.on')).toBe(0);
      await page.locator('.stage:nth-child(3) .row.link', { hasText: ' / ' }).first().click();
      expect(await tanh.getAttribute('class')).toContain('on');
    });
  });

  test('a kernel shows its own texts at each stage that is asked for', async () => {
    const report = reportOf(Adadelta);
    const last = report.kernels.at(-1)!;
    await open(await toHTML(report), async (page) => {
      await page.locator('#strip button').last().click();
      expect(await page.textContent('#stage-title')).toContain(`${last.name}: `);
      await page.locator('#stage-choice input').first().check();
      const wat = page.locator('.stage', { hasText: 'WebAssembly text' }).locator('.row code');
      await expect.poll(async () => (await wat.allTextContents()).join('\n')).toBe(last.source);
      expect((await texts(page, '.stage:nth-child(1) .row code')).join('\n')).toContain(`kernel ${last.name} {`);
    });
  });

  test('groups of modules open and close, and the keyboard is enough', async () => {
    await open(await toHTML(reportOf(Adadelta)), async (page) => {
      expect(await texts(page, '#graph .group.phase > .op')).toEqual(['forward', 'backward', 'update']);
      await page.click('#close-all');
      expect(await texts(page, '#graph .group.module.forward > .op')).toEqual(['layers.0', 'layers.1', 'head']);
      expect(await count(page, '#graph .node')).toBeGreaterThan(0);
      const layer = page.locator('#graph .group.module.forward').first();
      await layer.focus();
      await page.keyboard.press('Enter');
      expect(await layer.getAttribute('aria-expanded')).toBe('true');
      await page.keyboard.press('ArrowDown');
      expect(await page.evaluate(() => document.activeElement!.getAttribute('aria-label'))).toMatch(
        /^matmul, f32\[32,8\], layers\.0 forward/,
      );
      await page.keyboard.press('Enter');
      expect(await page.textContent('#selected')).toMatch(/^matmul/);
      await page.keyboard.press('Escape');
      expect(await count(page, '#graph .on')).toBe(0);

      // The strip is one stop; arrows walk in it.
      await page.locator('#strip button').first().focus();
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Enter');
      expect(await page.textContent('#stage-title')).toMatch(/^k1: /);
      expect(await page.locator('#strip button[aria-pressed="true"]').allTextContents()).toEqual(['k1']);
      expect(await count(page, '#strip button[tabindex="0"]')).toBe(1);
      // Whatever can be pressed has a name.
      const nameless = await page
        .locator('button, [role="button"], [role="region"]')
        .evaluateAll(
          (all) =>
            all.filter((each) => ((each.getAttribute('aria-label') ?? each.textContent) || '').trim() === '').length,
        );
      expect(nameless).toBe(0);
    });
  });

  test('light and dark follow the system and the button, and are readable', async () => {
    const html = await toHTML(reportOf(SGD));
    const contrast = (page: Page): Promise<number> =>
      page.evaluate(() => {
        const light = (color: string): number => {
          const [r, g, b] = color
            .match(/\d+/g)!
            .slice(0, 3)
            .map((each) => {
              const c = Number(each) / 255;
              return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
            });
          return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
        };
        const ground = light(getComputedStyle(document.querySelector('main > section')!).backgroundColor);
        const ratios = ['h2', '.note', '.row code', '.chip', 'td'].map((selector) => {
          const ink = light(getComputedStyle(document.querySelector(selector)!).color);
          return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
        });
        return Math.min(...ratios);
      });
    const isDark = (page: Page): Promise<boolean> =>
      page.evaluate(() => getComputedStyle(document.documentElement).colorScheme === 'dark');
    for (const scheme of ['light', 'dark'] as const)
      await open(
        html,
        async (page) => {
          expect(await isDark(page)).toBe(scheme === 'dark');
          expect(await contrast(page)).toBeGreaterThan(4.5);
          await page.click('#theme');
          expect(await isDark(page)).toBe(scheme === 'light');
          expect(await contrast(page)).toBeGreaterThan(4.5);
        },
        { scheme },
      );
  });

  test('the lines of a file that is given are shown', async () => {
    const report = reportOf(SGD);
    const line = Number(report.kernels[0]!.lines[0]!.location.split(':')[1]);
    const text = Array.from({ length: 80 }, (_, i) => (i + 1 === line ? 'return <i>x</i>;' : `// ${i + 1}`)).join('\n');
    await open(await toHTML(report, { sources: { 'page.test.ts': text } }), async (page) => {
      expect(await count(page, '#program .row')).toBe(80);
      expect(await texts(page, '#program .row.link code')).toContain('return <i>x</i>;');
    });
  });

  test('two reports: figures, kernels and lines that differ, and a switch', async () => {
    const [before, after] = [reportOf(Adadelta, 'step'), reportOf(SGD, 'step')];
    await open(await toHTML([before, after], { labels: ['Adadelta', 'SGD'] }), async (page) => {
      const kernels = page.locator('#difference tr', { has: page.getByText('kernels', { exact: true }) });
      expect((await kernels.locator('td').allTextContents()).slice(1, 3)).toEqual([
        String(before.launches),
        String(after.launches),
      ]);
      expect(await page.locator('#difference .note').textContent()).toMatch(/^\d+ kernels are the same in both/);
      expect(await texts(page, '#difference .removed')).toEqual(
        expect.arrayContaining([expect.stringContaining('sqrt')]),
      );
      expect(await page.locator('#reports [aria-pressed="true"]').textContent()).toBe('SGD');
      expect(await count(page, '#strip button')).toBe(after.launches);
      await page.click('#reports button:first-child');
      expect(await count(page, '#strip button')).toBe(before.launches);
    });
  });

  test('a program without kernels has a page', async () => {
    await open(await toHTML(jit(() => null).inspect()), async (page) => {
      expect(await page.textContent('#stages')).toMatch(/no kernels/);
    });
  });
});
