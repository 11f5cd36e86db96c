/** The command `lazuli` as a user starts it: results on standard output alone, exit codes, TypeScript. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
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

function start(script: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, script), ...args], { cwd: ROOT });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
const lazuli = (...args: readonly string[]): Promise<Outcome> => start('src/cli/lazuli.ts', args);

const HTML = join(folder, 'step.html');
const ALL = join(folder, 'all.html');
const TRACE = join(folder, 'trace.json');
const SVG = join(folder, 'times.svg');
const FAILS = file('fails.mjs', `throw new Error('no luck');\n`);
const OLD = file('old.cjs', `module.exports = Object.fromEntries([['step', () => 1]]);\n`);
const { version: VERSION } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

/** Command lines that share a process; the first that loads the file gets what that prints. */
const LINES = {
  page: ['inspect', STEP, '--html', HTML],
  json: ['inspect', STEP, '--export', 'other', '--backend', 'js', '--json'],
  all: ['inspect', STEP, '--export=other', '--all', '--html', ALL],
  trace: ['profile', STEP, '--runs', '3', '--trace', TRACE],
  profile: ['profile', STEP, '--runs=2', '--json', '--backend', 'js'],
  compare: ['compare', STEP, '--backends', 'reference, js', '--repeats', '2', '--svg', SVG],
  parting: ['compare', STEP, '--json', '--backends', 'js,webgpu'],
  help: ['--help'],
  nothing: ['inspect', STEP, '--export', 'nothing'],
  plain: ['inspect', STEP, '--export', 'plain'],
  opencl: ['inspect', STEP, '--backend', 'opencl'],
  wrong: ['inspect', '--json'],
  fails: ['inspect', FAILS, '--json'],
  old: ['inspect', OLD],
  version: ['--version'],
} as const;
let outcomes: Readonly<Record<keyof typeof LINES, Outcome>>;
beforeAll(async () => {
  const { stdout } = await start('test/cli/job.ts', [JSON.stringify(Object.values(LINES))]);
  const list = JSON.parse(stdout) as Outcome[];
  outcomes = Object.fromEntries(Object.keys(LINES).map((name, i) => [name, list[i]!])) as typeof outcomes;
}, 300_000);

describe('inspect', () => {
  test('prints the page, and only that', async () => {
    const { code, stdout, stderr } = await lazuli('inspect', STEP);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^step on wasm: \d+ kernels, /);
    expect(stdout).toContain('train.ts:7');
    expect(stdout).not.toContain('noise');
    expect(stderr).toBe('noise of the file\nmore noise\n');
  });

  test('--export, --backend, --all and --json', () => {
    expect(outcomes.json.code).toBe(0);
    expect(JSON.parse(outcomes.json.stdout)).toMatchObject({ version: 1, name: 'other', backend: 'js', launches: 1 });
    expect(readFileSync(ALL, 'utf8')).toMatch(/^<!doctype html>/i);
    expect(outcomes.all.stdout).toContain('graph other(');
    expect(outcomes.all.stdout).toContain('(module');
  });
});

test('inspect --html writes the page with the lines of the file', () => {
  expect(outcomes.page.code).toBe(0);
  const page = readFileSync(HTML, 'utf8');
  expect(page).toMatch(/^<!doctype html>/);
  const data = /id="data">([^<]*)</.exec(page)![1]!;
  const { sources } = JSON.parse(inflateRawSync(Buffer.from(data, 'base64')).toString()) as PageData;
  expect(sources).toEqual({ 'train.ts': readFileSync(STEP, 'utf8') });
});

test('profile times the kernels and writes a trace', () => {
  expect(outcomes.trace.code).toBe(0);
  expect(outcomes.trace.stdout).toMatch(/^step on wasm: .* ms a call .*, median of 3\n\nkernel {2,}computes/);
  expect(JSON.parse(readFileSync(TRACE, 'utf8'))).toMatchObject({ displayTimeUnit: 'ms' });
  expect(JSON.parse(outcomes.profile.stdout)).toMatchObject({ runs: 2, backend: 'js' });
});

test('compare tells how far backends part; exit code 1 if one cannot run', () => {
  expect(outcomes.compare.code).toBe(0);
  expect(outcomes.compare.stdout).toMatch(/^step: differences from reference, tolerance 0 ulp\n/);
  expect(readFileSync(SVG, 'utf8')).toContain('<svg');
  expect(outcomes.parting.code).toBe(1);
  expect(JSON.parse(outcomes.parting.stdout)).toMatchObject({
    version: 1,
    backends: [{ name: 'js' }, { name: 'webgpu' }],
  });
});

test('--help and --version', () => {
  expect([outcomes.help.code, outcomes.help.stderr]).toEqual([0, '']);
  for (const word of ['inspect', 'profile', 'compare', '--json', '--backend', '--html', 'Exit codes'])
    expect(outcomes.help.stdout).toContain(word);
  expect(outcomes.version).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' });
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

test.each([
  ['nothing', 'exports no nothing; it exports args, other, plain, step'],
  ['plain', 'train.ts is no jitted function'],
  ['opencl', 'UNKNOWN_BACKEND'],
] as const)('%s: an error of the file', (name, message) => {
  const { code, stdout, stderr } = outcomes[name];
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain(message);
  expect(stderr).not.toMatch(/^\s+at /m);
});

test('with --json an error is JSON, and what FILE throws is one', () => {
  const { wrong, fails } = outcomes;
  expect([wrong.stdout, fails.stdout]).toEqual(['', '']);
  expect(JSON.parse(wrong.stderr)).toEqual({ error: expect.stringContaining('takes one FILE') as string });
  expect([fails.code, JSON.parse(fails.stderr)]).toEqual([1, { error: 'no luck' }]);
});

test('a file that is CommonJS is told how to be none', () => {
  const { code, stderr } = outcomes.old;
  expect([code, stderr]).toEqual([1, expect.stringContaining('old.cjs is CommonJS: name it .mjs, or put "type"')]);
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
