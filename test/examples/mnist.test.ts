/** The main job as a user starts it: flags, output without a terminal, the same bits for the same seed, Ctrl-C. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { bundled, ROOT } from '../support/processes.js';
import { casesOf, THOROUGH } from '../support/runs.js';

/** `npm start`. */
const STARTED = ['--import', 'tsx', 'examples/mnist.ts'];
const BUNDLED = [bundled(`import './examples/mnist.js';`)];
const folder = mkdtempSync(join(tmpdir(), 'lazuli-mnist-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the example by the arguments of Node that `start` is; `interruptAfter` sends SIGINT once the output holds that text. */
function run(args: readonly string[], start = BUNDLED, interruptAfter?: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...start, ...args], { cwd: ROOT });
    let [stdout, stderr, sent] = ['', '', false];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (interruptAfter !== undefined && !sent && stdout.includes(interruptAfter)) {
        sent = true;
        child.kill('SIGINT');
      }
    });
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

test(`one epoch: every line, no escape codes${THOROUGH ? ', and the same bits again' : ''}`, async () => {
  const svg = join(folder, 'curve.svg');
  const first = await run(['--epochs', '1', '--seed', '3', '--svg', svg], STARTED);
  expect(first.stderr).toBe('');
  expect(first.code).toBe(0);
  // eslint-disable-next-line no-control-regex
  expect(first.stdout).not.toMatch(/\u001b|\r/);
  expect(first.stdout).toMatch(
    /^epoch 1: loss \d+\.\d{4}, test error \d+\.\d\d %, \d+\.\d\d ms a step, \d+ steps\/s$/m,
  );
  expect(first.stdout).toContain('1 trace, 1 compile, 90 calls');
  expect(first.stdout).toContain('1 kernel per optimizer step');
  expect(first.stdout.trimEnd().split('\n').at(-1)).toMatch(/^final test error \d+\.\d\d %$/);
  expect(readFileSync(svg, 'utf8')).toMatch(/^<svg [\s\S]*<\/svg>\n$/);

  if (!THOROUGH) return;
  const untimed = (text: string): string => text.replace(/, [\d.]+ ms a step.*/g, '');
  const second = await run(['--epochs', '1', '--seed', '3', '--svg', svg]);
  expect(untimed(second.stdout)).toBe(untimed(first.stdout));
});

test('--help explains, a bad flag is an error with exit code 2', async () => {
  const help = await run(['--help']);
  expect(help.code).toBe(0);
  for (const flag of ['--backend', '--epochs', '--optimizer', '--seed']) expect(help.stdout).toContain(flag);
  const wrong: readonly (readonly [string[], string])[] = [
    [['--epochs', 'many'], '--epochs takes an integer of at least 1, not "many"'],
    [['--backend', 'abacus'], '--backend takes reference, js, wasm, native, webgpu or gpujs, not "abacus"'],
    [['--optimizer', 'magic'], '--optimizer takes '],
    [['--learn'], "Unknown option '--learn'"],
  ];
  for (const [args, message] of casesOf('flags of the example that are wrong', wrong, 1)) {
    const outcome = await run(args);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain(message);
    expect(outcome.stdout).toBe('');
  }
});

test('Ctrl-C stops between two steps', async () => {
  const outcome = await run(['--epochs', '50', '--svg', join(folder, 'unused.svg')], BUNDLED, 'batches of 100');
  expect(outcome.code).toBe(130);
  expect(outcome.stdout.trimEnd().split('\n').at(-1)).toBe('stopped');
  expect(outcome.stderr).toBe('');
});
