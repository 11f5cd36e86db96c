/**
 * The examples of doc comments run, and give what the comment behind their last line says: `x.item(); // 0.5`. Every
 * update rule has its formula, its defaults, a reference and an example.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { runInThisContext } from 'node:vm';
import ts from 'typescript';
import { beforeEach, describe, expect, test } from 'vitest';
import * as lazuli from 'lazuli';
import { OPTIMIZERS } from '../support/optimizers.js';

const source = (path: string): string => readFileSync(new URL(`../../src/${path}`, import.meta.url), 'utf8');
const FILES = [
  ...['optim', 'nn'].flatMap((folder) =>
    readdirSync(new URL(`../../src/${folder}`, import.meta.url)).map((name) => `${folder}/${name}`),
  ),
  'object/module.ts',
  'io/checkpoint.ts',
  'trace/functions.ts',
  'trace/more-functions.ts',
  'trace/create.ts',
  'trace/lift/lift.ts',
].filter((path) => source(path).includes('@example'));

interface DocComment {
  readonly text: string;
  /** The declaration that follows. */
  readonly of: string;
}

const docComments = (text: string): DocComment[] =>
  [...text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*([^\n]*)/g)].map(([, comment, of]) => ({
    text: comment!.replace(/^[^\S\n]*\* ?/gm, ''),
    of: of!,
  }));

/** The code of a comment's example. */
const exampleOf = ({ text }: DocComment): string | undefined =>
  /@example\s+([\s\S]*?)(?=\n@|$)/.exec(text)?.[1]?.trim();

/** Runs the code with all exports in scope; the value of its last line. */
function run(code: string): unknown {
  const lines = code.split('\n');
  const last = lines.pop()!.replace(/ \/\/ .*$/, '');
  const isExpression = !/^(const|let|class|for|[\]}])/.test(last);
  const body = [...lines, isExpression ? `return (${last.replace(/;$/, '')});` : last].join('\n');
  const wrapped = `(function (${Object.keys(lazuli).join(', ')}) {\n${body}\n})`;
  const plain = ts.transpile(wrapped, { target: ts.ScriptTarget.ES2022 });
  return (runInThisContext(plain) as (...values: unknown[]) => unknown)(...Object.values(lazuli));
}

/** What the comment behind the last line says, if it is a value: `0.5`, `[1, 2], as f32`, `0.5: the reason`. */
function promised(code: string): unknown {
  const comment = / \/\/ (.*)$/.exec(code)?.[1] ?? '';
  const [, value, rounded] = /^(-?[\d.e-]+|\[[\d., -]*\])(, as f32)?(?:$|:)/.exec(comment) ?? [];
  if (value === undefined) return undefined;
  const parsed = JSON.parse(value) as number | number[];
  if (rounded === undefined) return parsed;
  return Array.isArray(parsed) ? parsed.map(Math.fround) : Math.fround(parsed);
}

beforeEach(lazuli.clearNameCache);

describe.each(FILES)('%s', (file) => {
  const examples = docComments(source(file)).flatMap((comment): [string, string][] => {
    const code = exampleOf(comment);
    return code === undefined ? [] : [[comment.of, code]];
  });
  // The class that its module's later examples use.
  const preamble = file === 'object/module.ts' ? `${examples[0]![1].split('\n').slice(0, -1).join('\n')}\n` : '';
  test.each(examples)('%s', (_, code) => {
    const result = run(preamble === '' || code.startsWith('class') ? code : preamble + code);
    const expected = promised(code);
    if (expected !== undefined) expect(result).toEqual(expected);
  });
});

test('examples promise values', () => {
  const all = FILES.flatMap((file) => docComments(source(file)).flatMap((comment) => exampleOf(comment) ?? []));
  expect(all.filter((code) => promised(code) !== undefined).length).toBeGreaterThanOrEqual(23);
});

test.each(OPTIMIZERS)('the documentation of %s is complete', (name) => {
  const comment = FILES.flatMap((file) => docComments(source(file))).find(({ of }) =>
    of.startsWith(`export class ${name} `),
  );
  expect(comment?.text).toMatch(/```\n[^`]*←[^`]*```/);
  for (const part of [/^Defaults/m, /^References?: \S+.* \d{4}/m, /^@example/m]) expect(comment!.text).toMatch(part);
});
