/** The command `lazuli` as a user starts it: results on standard output alone, exit codes, TypeScript. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateRawSync } from 'node:zlib';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { main } from '../../src/cli/main.js';
import type { PageData } from '../../src/report/page-data.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
// Inside the repository, so that `lazuli` resolves as it does for the examples.
const folder = mkdtempSync(join(ROOT, 'examples', '.cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const STEP = file(
  'train.ts',
  `import { Adadelta, jit, random, type Tensor, TrainVar, valueAndGrad } from 'lazuli';
const w = new TrainVar(random.normal(random.key(0), [3, 2]));
const opt = new Adadelta({ lr: 1, trainVars: { w } });
console.log('noise of the file');
process.stdout.write('more noise\\n');
export const step = jit((x: Tensor): Tensor => {
  const [loss, grads] = valueAndGrad(() => x.matmul(w.value).tanh().sum(), { vars: opt.varsToTrain })();
  opt.update(grads);
  return loss;
}, { name: 'step' });
export const other = jit((x: Tensor): Tensor => x.mul(2), { name: 'other' });
export const plain = (x: Tensor): Tensor => x.mul(2);
export const args = [random.normal(random.key(1), [4, 3])];
`,
);

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function lazuli(...args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'src/cli/lazuli.ts'), ...args], { cwd: ROOT });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('inspect', () => {
  test('prints the page, and only that', async () => {
    const { code, stdout, stderr } = await lazuli('inspect', STEP);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^step on wasm: \d+ kernels, /);
    expect(stdout).toContain('train.ts:7');
    expect(stdout).not.toContain('noise');
    expect(stderr).toBe('noise of the file\nmore noise\n');
  });

  test('--export, --backend, --all and --json', async () => {
    const { code, stdout } = await lazuli('inspect', STEP, '--export', 'other', '--backend', 'js', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, name: 'other', backend: 'js', launches: 1 });
    const html = join(folder, 'out.html');
    const all = await lazuli('inspect', STEP, '--export=other', '--all', '--html', html);
    expect(readFileSync(html, 'utf8')).toMatch(/^<!doctype html>/i);
    expect(all.stdout).toContain('graph other(');
    expect(all.stdout).toContain('(module');
  });
});

test('inspect --html writes the page with the lines of the file', async () => {
  const html = join(folder, 'step.html');
  const { code } = await lazuli('inspect', STEP, '--html', html);
  expect(code).toBe(0);
  const page = readFileSync(html, 'utf8');
  expect(page).toMatch(/^<!doctype html>/);
  const data = /id="data">([^<]*)</.exec(page)![1]!;
  const { sources } = JSON.parse(inflateRawSync(Buffer.from(data, 'base64')).toString()) as PageData;
  expect(sources).toEqual({ 'train.ts': readFileSync(STEP, 'utf8') });
});

test('profile times the kernels and writes a trace', async () => {
  const trace = join(folder, 'trace.json');
  const { code, stdout } = await lazuli('profile', STEP, '--runs', '3', '--backend', 'js', '--trace', trace);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^step on js: .* ms a call .*, median of 3\n\nkernel {2,}computes/);
  expect(JSON.parse(readFileSync(trace, 'utf8'))).toMatchObject({ displayTimeUnit: 'ms' });
  const json = await lazuli('profile', STEP, '--runs=2', '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({ runs: 2, backend: 'wasm' });
});

test('compare tells how far backends part; exit code 1 if one cannot run', async () => {
  const svg = join(folder, 'times.svg');
  const { code, stdout } = await lazuli('compare', STEP, '--backends', 'reference, js', '--repeats', '2', '--svg', svg);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^step: differences from reference, tolerance 0 ulp\n/);
  expect(readFileSync(svg, 'utf8')).toContain('<svg');
  const json = await lazuli('compare', STEP, '--json', '--backends', 'js,webgpu');
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({ version: 1, backends: [{ name: 'js' }, { name: 'webgpu' }] });
});

test('--help and --version', async () => {
  const help = await lazuli('--help');
  expect([help.code, help.stderr]).toEqual([0, '']);
  for (const word of ['inspect', 'profile', 'compare', '--json', '--backend', '--html', 'Exit codes'])
    expect(help.stdout).toContain(word);
  const version = await lazuli('--version');
  const { version: expected } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  expect(version).toEqual({ code: 0, stdout: `${expected}\n`, stderr: '' });
});

test.each<[readonly string[], string]>([
  [[], 'no command'],
  [['inspekt', STEP], 'there is no command "inspekt"; there are inspect, profile, compare'],
  [['inspect'], 'takes one FILE'],
  [['inspect', STEP, STEP], 'takes one FILE'],
  [['inspect', STEP, '--runs', '3'], 'lazuli inspect takes no --runs'],
  [['inspect', STEP, '--speed'], "Unknown option '--speed'"],
  [['profile', STEP, '--runs', 'many'], '--runs takes a whole number from 1, not "many"'],
  [['compare', STEP, '--tolerance=-1'], '--tolerance takes a number from 0, not "-1"'],
  [['inspect', join(folder, 'nowhere.ts')], 'there is no file'],
])('lazuli %j is a wrong command line', async (args, message) => {
  const written: string[] = [];
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  const code = await main(args).finally(() => write.mockRestore());
  expect(code).toBe(2);
  expect(written).toEqual([expect.stringContaining(message)]);
});

test.each<[readonly string[], string]>([
  [['--export', 'nothing'], 'exports no nothing; it exports args, other, plain, step'],
  [['--export', 'plain'], 'train.ts is no jitted function'],
  [['--backend', 'opencl'], 'UNKNOWN_BACKEND'],
])('lazuli inspect FILE %j is an error of the file', async (args, message) => {
  const { code, stdout, stderr } = await lazuli('inspect', STEP, ...args);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain(message);
  expect(stderr).not.toMatch(/^\s+at /m);
});

test('with --json an error is JSON, and what FILE throws is one', async () => {
  const wrong = await lazuli('inspect', '--json');
  expect(wrong.stdout).toBe('');
  expect(JSON.parse(wrong.stderr)).toEqual({ error: expect.stringContaining('takes one FILE') as string });
  const fails = await lazuli('inspect', file('fails.mjs', `throw new Error('no luck');\n`), '--json');
  expect([fails.code, JSON.parse(fails.stderr)]).toEqual([1, { error: 'no luck' }]);
});

test('without tsx a TypeScript file is a clear error where Node does not strip types', async () => {
  // A copy of the command where no tsx can be found.
  const lonely = mkdtempSync('/tmp/lazuli-cli-');
  try {
    mkdirSync(join(lonely, 'cli'));
    for (const name of ['lazuli', 'main', 'load', 'usage'])
      writeFileSync(join(lonely, 'cli', `${name}.ts`), readFileSync(join(ROOT, `src/cli/${name}.ts`)));
    writeFileSync(join(lonely, 'package.json'), '{ "type": "module", "version": "0" }');
    writeFileSync(join(lonely, 'step.ts'), 'export const step = 1;\n');
    const child = spawn(
      process.execPath,
      ['--import', fileURLToPath(import.meta.resolve('tsx')), join(lonely, 'cli/lazuli.ts'), 'inspect', 'step.ts'],
      { cwd: lonely },
    );
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const code = await new Promise((resolve) => child.on('close', resolve));
    if ((process.features as { typescript?: unknown }).typescript) return;
    expect(stderr).toContain('npm install --save-dev tsx');
    expect(code).toBe(2);
  } finally {
    rmSync(lonely, { recursive: true });
  }
});
