/** The examples of training as a user starts them: a table, an autoencoder, convolutions, a loop, a transformer. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { printed } from '../support/processes.js';
import { casesOf } from '../support/runs.js';

const folder = mkdtempSync(join(tmpdir(), 'lazuli-fit-'));
afterAll(() => rmSync(folder, { recursive: true }));
const run = (example: string, ...args: readonly string[]): Promise<string> => printed(`examples/${example}`, ...args);

const EXAMPLES: Readonly<Record<string, () => Promise<void>>> = {
  'iris.ts: names the species of flowers that it has not seen': async () => {
    const [svg, checkpoint] = [join(folder, 'iris.svg'), join(folder, 'iris.safetensors')];
    const output = await run('iris.ts', '--epochs', '40', '--checkpoint', checkpoint, '--svg', svg);
    expect(output).toMatch(/^epoch 1\/40: loss \d.*; evaluation loss .*, accuracy /);
    const [, accuracy] = /^accuracy on 30 unseen flowers: (\d+\.\d) %$/m.exec(output)!;
    expect(Number(accuracy)).toBeGreaterThanOrEqual(90);
    expect(readFileSync(svg, 'utf8')).toMatch(/<title>Iris<\/title>[\s\S]*evaluation/);
    expect(existsSync(checkpoint)).toBe(true);
  },

  'vae.ts: draws digits': async () => {
    const svg = join(folder, 'vae.svg');
    const output = await run('vae.ts', '--epochs', '2', '--examples', '1000', '--svg', svg);
    expect(output).toMatch(/^epoch 2\/2: loss \d+\.\d+, divergence \d+\.\d+ \(10 steps, /m);
    const [, first, last] = /^nats a digit: (\d+\.\d) at first, (\d+\.\d) at last$/m.exec(output)!;
    expect(Number(last)).toBeLessThan(Number(first) - 20);
    expect(readFileSync(svg, 'utf8').length).toBeGreaterThan(10_000);
  },

  'digits-cnn.ts: convolutions learn digits': async () => {
    const output = await run('digits-cnn.ts', '--epochs', '2', '--examples', '600');
    expect(Number(/^test error (\d+\.\d\d) %$/m.exec(output)![1])).toBeLessThan(70);
  },

  'gru.ts: a scan reads digits row by row, and its program does not know of the rows': async () => {
    const output = await run('gru.ts', '--epochs', '2', '--examples', '1000');
    const [, kernels, launches] = /^(\d+) kernels, launched (\d+) times in a step of 28 turns$/m.exec(output)!;
    expect(Number(launches)).toBeGreaterThan(3 * Number(kernels));
    expect(Number(/^test error (\d+\.\d\d) %$/m.exec(output)![1])).toBeLessThan(80);
  },

  'char-gpt.ts: a transformer writes what it has read': async () => {
    const output = await run('char-gpt.ts', '--epochs', '2', '--windows', '320', '--samples', '1');
    const [, first, last] = /^nats a character: (\d\.\d\d) at first, (\d\.\d\d) at last$/m.exec(output)!;
    expect(Number(last)).toBeLessThan(Number(first) - 0.3);
    const [, sample] = /^── sample 1\n([\s\S]*)\n$/m.exec(output)!;
    const [beginning, written] = sample!.split('▶') as [string, string];
    expect([beginning.length, written.length]).toEqual([64, 300]);
    // Spaces and letters stand for most of what it has read.
    expect(written.match(/[ a-z]/g)!.length).toBeGreaterThan(150);
  },
};

test.each(casesOf('examples of training', Object.entries(EXAMPLES), 3))('%s', (_, check) => check());
