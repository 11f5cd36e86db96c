/** The command lines of the examples: what is wrong is told in one line, with the usage, and ends with status 2. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { readOptions } from '../../examples/support/options.js';

const EXAMPLES = new URL('../../examples/', import.meta.url);

/** What `readOptions` gives, or what it prints and its status. */
function read(...args: readonly string[]): unknown {
  const argv = process.argv;
  const printed: string[] = [];
  const print = (text: string | Uint8Array): boolean => printed.push(String(text)) > 0;
  const spies = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')];
  for (const spy of spies) spy.mockImplementation(print);
  const exit = vi.spyOn(process, 'exit').mockImplementation((code) => {
    throw new RangeError(`status ${code}`);
  });
  process.argv = ['node', 'example.ts', ...args];
  try {
    return readOptions('Trains.', 'npx tsx example.ts', {
      epochs: { otherwise: 5, about: 'passes' },
      rate: { otherwise: 0.5, about: 'of learning' },
      backends: { otherwise: undefined, about: 'what runs', listOf: ['js', 'wasm'] },
      order: { otherwise: 'fixed', about: 'of batches', oneOf: ['fixed', 'random'] },
    });
  } catch (error) {
    expect(printed).toHaveLength(1);
    return [(error as Error).message, ...printed[0]!.split('\n')];
  } finally {
    process.argv = argv;
    for (const spy of [exit, ...spies]) spy.mockRestore();
  }
}

test('what is given, and what stands for the rest', () => {
  expect(read()).toEqual({ epochs: 5, rate: 0.5, backends: undefined, order: 'fixed' });
  expect(read('--', '--epochs', '7', '--rate', '1e-3', '--backends', 'wasm,js')).toEqual({
    epochs: 7,
    rate: 0.001,
    backends: 'wasm,js',
    order: 'fixed',
  });
});

test.each([
  [['--epochs', '0.5'], '--epochs takes an integer of at least 1, not "0.5"'],
  [['--rate', '-1'], /^Option '--rate' argument is ambiguous/],
  [['--rate=-1'], '--rate takes a number of at least 0, not "-1"'],
  [['--rate', ' '], '--rate takes a number of at least 0, not " "'],
  [['--backends', 'js,abacus'], '--backends takes js or wasm, not "js,abacus"'],
  [['--order', 'none'], '--order takes fixed or random, not "none"'],
  [['--learn'], "Unknown option '--learn'"],
  [['file'], /^Unexpected argument 'file'/],
])('%j', (args, line) => {
  const [status, first, ...rest] = read(...args) as string[];
  expect(status).toBe('status 2');
  expect(first).toMatch(line);
  expect(rest).toContain('  npx tsx example.ts [options]');
});

test('--help', () => {
  expect(read('--help')).toEqual([
    'status 0',
    'Trains.',
    '',
    '  npx tsx example.ts [options]',
    '',
    '  --epochs N        passes (default 5)',
    '  --rate N          of learning (default 0.5)',
    '  --backends TEXT   what runs',
    '  --order TEXT      of batches: fixed or random (default fixed)',
    '  --help            this text',
    '',
  ]);
});

test('every example reads its command line so', () => {
  const files = readdirSync(EXAMPLES).filter((name) => name.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(8);
  for (const file of files) {
    const text = readFileSync(new URL(file, EXAMPLES), 'utf8');
    expect(text, file).toContain('readOptions(');
    expect(text, file).not.toContain('parseArgs');
  }
});
