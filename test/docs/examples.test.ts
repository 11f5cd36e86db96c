/**
 * The examples of doc comments run, and give what the comment behind their last line says: `x.item(); // 0.5`. Every
 * update rule has its formula, its defaults, a reference and an example.
 */
import { runInThisContext } from 'node:vm';
import ts from 'typescript';
import { beforeEach, describe, expect, test } from 'vitest';
import * as lazuli from 'lazuli';
import * as data from 'lazuli/data';
import * as train from 'lazuli/train';
import * as report from '../../src/report/html.js';
import { docComments, examplesOf, filesWithExamples } from '../support/doc-examples.js';
import { OPTIMIZERS } from '../support/optimizers.js';

// Those of devices, in `backends/`, run nowhere that lacks one: `types.test.ts` checks their types.
const FILES = filesWithExamples('src');
/** What the entry points of the package export. */
const SCOPE: Readonly<Record<string, unknown>> = { ...lazuli, ...data, ...train, ...report };

/** Runs the code with all exports in scope; the value of its last line. */
function run(code: string): Promise<unknown> {
  const lines = code.split('\n');
  const last = lines.pop()!.replace(/ \/\/ .*$/, '');
  const isExpression = !/^((const|let|class|for)\b|[\]}])/.test(last);
  const body = [...lines, isExpression ? `return (${last.replace(/;$/, '')});` : last].join('\n');
  const wrapped = `(async function (${Object.keys(SCOPE).join(', ')}) {\n${body}\n})`;
  const plain = ts.transpile(wrapped, { target: ts.ScriptTarget.ES2022 });
  return (runInThisContext(plain) as (...values: unknown[]) => Promise<unknown>)(...Object.values(SCOPE));
}

const VALUE = /^(-?[\d.e-]+|'[^']*'|true|false|\[(?:[\d\s.,e[\]-]|'[^']*'|true|false)*\])(, as f32)?(?:$|:)/;

/** What the comment behind the last line says, if it is a value: `0.5`, `[1, 2], as f32`, `'f32'`, `0.5: the reason`. */
function promised(code: string): unknown {
  const comment = / \/\/ (.*)$/.exec(code)?.[1] ?? '';
  const [, value, rounded] = VALUE.exec(comment) ?? [];
  if (value === undefined) return undefined;
  const parsed = JSON.parse(value.replaceAll("'", '"')) as unknown;
  if (rounded === undefined) return parsed;
  return Array.isArray(parsed) ? parsed.map(Math.fround) : Math.fround(parsed as number);
}

beforeEach(() => {
  lazuli.clearNameCache();
  lazuli.setDefaultBackend('wasm');
  lazuli.random.seed(0);
});

describe.each(FILES)('%s', (file) => {
  const examples = examplesOf(file).map(({ of, code }) => [of, code] as const);
  test.each(examples)('%s', async (_, code) => {
    const result = await run(code);
    const expected = promised(code);
    if (expected !== undefined) expect(result).toEqual(expected);
  });
});

test('examples promise values', () => {
  const all = FILES.flatMap(examplesOf);
  expect(all.filter(({ code }) => promised(code) !== undefined).length).toBeGreaterThanOrEqual(300);
});

test.each(OPTIMIZERS)('the documentation of %s is complete', (name) => {
  const comment = FILES.flatMap(docComments).find(({ of }) => of.startsWith(`export class ${name} `));
  expect(comment?.text).toMatch(/```\n[^`]*←[^`]*```/);
  for (const part of [/^Defaults/m, /^References?: \S+.* \d{4}/m, /^@example/m]) expect(comment!.text).toMatch(part);
});
