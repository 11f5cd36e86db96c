/**
 * What `lift` takes, each as its author writes it and as compilers and minifiers leave it: the lifted function gives what
 * the plain one gives.
 */
import { transformSync } from 'esbuild';
import { lift, type LiftConstant, type Tensor, tensor, tree } from 'lazuli';
import { minify } from 'terser';
import ts from 'typescript';
import { runInThisContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { sameBits, show } from '../support/bits.js';

type Plain = (x: number, y: number) => unknown;

/** What makes JavaScript of TypeScript. */
const COMPILERS: readonly [string, (code: string) => string | Promise<string>][] = [
  ['TypeScript', (code) => ts.transpile(code, { target: ts.ScriptTarget.ESNext })],
  ['TypeScript for ES2016', (code) => ts.transpile(code, { target: ts.ScriptTarget.ES2016 })],
  ['esbuild', (code) => transformSync(code, { loader: 'ts' }).code],
  ['esbuild, names kept', (code) => transformSync(code, { loader: 'ts', keepNames: true }).code],
  ['esbuild, minified', (code) => transformSync(code, { loader: 'ts', minify: true }).code],
  [
    'esbuild, minified for ES2017',
    (code) => transformSync(code, { loader: 'ts', minify: true, target: 'es2017' }).code,
  ],
  ['Terser', async (code) => (await minify(ts.transpile(code, { target: ts.ScriptTarget.ESNext }))).code!],
  [
    'Terser, three passes, unsafe',
    async (code) =>
      (await minify(ts.transpile(code, { target: ts.ScriptTarget.ESNext }), { compress: { passes: 3, unsafe: true } }))
        .code!,
  ],
];

const PROGRAMS: Readonly<Record<string, string>> = {
  'an arrow with an expression': '(x: number, y: number) => x * y + 1',
  'a function': 'function f(x: number, y: number) { return x / y; }',
  'every arithmetic operator': '(x: number, y: number) => [x + y, x - y, x * y, x / y, x % y, -x, +y]',
  'compound assignments': `(x: number, y: number) => {
    let a = x; a += y; a -= 2; a *= x; a /= 3; a %= 5; let b = x; b **= 2; let c = x; c &= 6; c |= 1; c ^= y; c <<= 2; c >>= 1; c >>>= 1;
    return { a, b, c };
  }`,
  'logical assignments': '(x: number, y: number) => { let a = x, b = x; a &&= y; b ||= y; return [a, b]; }',
  increments: '(x: number, y: number) => { const a = x++, b = --y; return [a, b, x--, ++y, x, y]; }',
  'parameters are reassigned': '(x: number, y: number) => { x = x * y; y = x - y; return x + y; }',
  'var is seen before and outside its block': `(x: number, y: number) => {
    if (x > y) { var big = x; } else { big = y; }
    return big;
  }`,
  comparisons: '(x: number, y: number) => [x < y, x <= y, x > y, x >= y, x === y, x !== y, x == y, x != y]',
  logic: '(x: number, y: number) => ({ a: x && y, b: x || y, c: !x, d: !(x > 0) || y > 0, e: x > 0 && y > 0 })',
  'a conditional': '(x: number, y: number) => (x > y ? x : y < 0 ? -y : 2 * y)',
  'if and else': `(x: number, y: number) => {
    let s = 0;
    if (x > y) { s = x; y += 1; } else if (x < 0) s = -x; else { s = 1; }
    return { s, y };
  }`,
  'early returns': `(x: number, y: number) => {
    if (x !== x) return 0;
    if (x > y) { if (y > 0) return x - y; x += 1; }
    return x * y;
  }`,
  'a loop that is unrolled':
    '(x: number, y: number) => { let s = 0; for (let i = 0; i < 4; i++) s += x ** i * y; return s; }',
  'a loop downwards, with an empty head': `(x: number, y: number) => {
    let n = 5, s = x;
    for (;;) { if (n <= 0) break; n -= 2; s = s / 2 + y; }
    return s;
  }`,
  'while and do, counted': `(x: number, y: number) => {
    let i = 0; while (i < 3) { x += y; i++; }
    do { x *= 2; } while (--i > 0);
    return x;
  }`,
  'break and continue that tensors decide': `(x: number, y: number) => {
    let turns = 0, s = x;
    for (let i = 0; i < 6; i++) {
      if (s > 100) break;
      turns++;
      if (s < y) { s += 3; continue; }
      s *= 2;
    }
    return [s, turns];
  }`,
  labels: `(x: number, y: number) => {
    let s = 0;
    outer: for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) {
      if (x + i > y + j) continue outer;
      if (s > 4) break outer;
      s += x + j;
    }
    return s;
  }`,
  'return from a loop':
    '(x: number, y: number) => { for (let i = 0; i < 5; i++) { if (x > y) return i; x += 1; } return -1; }',
  'Math with a name': '(x: number, y: number) => Math.max(Math.abs(x), Math.sqrt(y), 1) + Math.min(x, y) * Math.PI',
  'Math taken apart':
    '(x: number, y: number) => { const { sqrt, max, floor: down } = Math; return max(sqrt(x), down(y)); }',
  rounding:
    '(x: number, y: number) => [Math.round(x), Math.floor(x), Math.ceil(y), Math.trunc(y), Math.sign(x), Math.fround(y)]',
  bits: '(x: number, y: number) => [x & y, x | 0, x ^ y, x << 3, x >> 1, x >>> 1, ~x, Math.imul(x, y)]',
  'arithmetic on bits': '(x: number, y: number) => (x | 0) / 3 + (y & 255) * 0.1 - (x >>> 0) * (y >>> 0)',
  'booleans in arithmetic': '(x: number, y: number) => (Number(x > y) + Number(y > 0)) / 3 + (Boolean(x) ? 1 : 0.1)',
  'tests of numbers':
    '(x: number, y: number) => [Number.isNaN(x), isFinite(x / y), Number.isInteger(x), isNaN(y), x > Number.EPSILON]',
  'objects and arrays': `(x: number, y: number) => {
    const p = { x, y, list: [x, y, 3] };
    const { list: [first, , third = 7], z = 5 } = p as typeof p & { z?: number };
    const q = { x: first + third, y };
    return { q, n: p.list.length * z, 'a b': q['x'] };
  }`,
  'copies of objects and arrays': `(x: number, y: number) => {
    const p = { x, y: 1, list: [x, 2] }, { list, ...rest } = p;
    return [{ ...p, y }, [...list, y], rest];
  }`,
  'objects that change': `(x: number, y: number) => {
    const p = { a: x, b: [0, 0] }, alias = p;
    alias.a += 1; p.b[0] = y;
    if (x > y) { p.b[1] = x; alias.a = 5; }
    return p;
  }`,
  'objects that a condition chooses': `(x: number, y: number) => {
    const best = x > y ? { v: x, from: [1, 2] } : { v: y, from: [3, x] };
    return best.v * best.from[1]!;
  }`,
  swapping: '(x: number, y: number) => { [x, y] = [y, x]; return x - 2 * y; }',
  'helpers, nested and with defaults': `(x: number, y: number) => {
    const clamp = (v: number, low = -1, high = 1) => (v < low ? low : v > high ? high : v);
    function soft(v: number) { if (v > 1) return v - 0.5; return 0.5 * v * v; }
    const both = (...all: number[]) => { let s = 0; for (const each of all) s += soft(each); return s; };
    return clamp(x) + clamp(y, 0) + both(x, y, 3);
  }`,
  'helpers that change what is around them': `(x: number, y: number) => {
    let count = 0;
    const add = (v: number) => { count += 1; if (v > y) { count += v; return 1; } return 0; };
    return add(x) + add(2) + count;
  }`,
  'a recursion that ends':
    '(x: number, y: number) => { const power = (n: number): number => (n === 0 ? 1 : x * power(n - 1)); return power(5) + y; }',
  'closures of a loop': `(x: number, y: number) => {
    const fs: (() => number)[] = [];
    for (let i = 0; i < 3; i++) fs[i] = () => x * i + y;
    return fs[0]!() + fs[2]!();
  }`,
  'nothing and something': `(x: number, y: number) => {
    const p: { a?: { b: number } } = {};
    let q: number | undefined;
    q ??= y;
    const none = null as { f: (v: number) => { c: { d: number } } } | null;
    return (p.a?.b ?? x) + q + (p.a === undefined ? 1 : 2) + (none?.f(x++).c.d ?? x);
  }`,
  'a place is found once, before its value': `(x: number, y: number) => {
    const a = [1, 2, 3, 4];
    let i = 0;
    const next = () => { i++; return a; };
    a[i++] += x; a[i++]! *= y; a[i] = i--; next()[i]!++; a[i]! += (i = 3, x);
    return [...a, i];
  }`,
  'any number of arguments': '(...all: number[]) => all[0]! * all.length + all[1]!',
  'a sequence': '(x: number, y: number) => { let a; return (a = x, a += y, a * 2); }',
  constants: '(x: number, y: number) => x * rho + y * table.steps[1]! + (flag ? 1 : 0)',
};
const CONSTANTS = { rho: 0.9, table: { steps: [1, 2.5] }, flag: true } satisfies Record<string, LiftConstant>;

const VALUES = [0, -0, 1, -1, 2.5, -2.5, 7, -13, 0.1, 4294967297.5, 1e300, NaN, Infinity, -Infinity];
const XS = VALUES.flatMap((x) => VALUES.map(() => x));
const YS = VALUES.flatMap(() => VALUES);

/** The function that code evaluates to. */
function evaluate(code: string): Plain {
  Object.assign(globalThis, CONSTANTS);
  runInThisContext(code);
  return (globalThis as unknown as { plain: Plain }).plain;
}

function expectAsPlain(fn: Plain, title: string, ulps: (path: string) => number = () => 0): void {
  const lifted = lift(fn, title === 'constants' ? { constants: CONSTANTS } : {});
  const results = lifted(tensor(new Float64Array(XS)), tensor(new Float64Array(YS)));
  const leaves = tree.leaves(results) as Tensor[];
  const paths = tree.paths(results);
  const values = leaves.map((each) => each.broadcastTo([XS.length]).dataSync());
  for (const [i, x] of XS.entries()) {
    const wanted = tree.leaves(fn(x, YS[i]!)) as (number | boolean)[];
    expect(wanted.length).toBe(values.length);
    for (const [leaf, want] of wanted.entries()) {
      const got = values[leaf]![i]!;
      const distance = Math.abs(got - Number(want)) / (2 ** -52 * Math.abs(Number(want)));
      if (!sameBits(got, Number(want)) && !(distance <= ulps(paths[leaf]!)))
        expect.fail(`f(${show(x)}, ${show(YS[i]!)})${paths[leaf]!} is ${show(Number(want))}, lifted ${show(got)}`);
    }
  }
}

/** Powers and what uses them are within the bound of pow. */
const POWERS = /\*\*|power|x \*\*/;
const within = (title: string) => (POWERS.test(PROGRAMS[title]!) ? () => 8 : () => 0);

describe.each(Object.keys(PROGRAMS))('%s', (title) => {
  const code = `var plain = ${PROGRAMS[title]!};`;
  // For older targets a spread is a call of a helper.
  const compilers = title.startsWith('copies') ? COMPILERS.filter(([name]) => !name.includes('for ES')) : COMPILERS;
  test.each(compilers)('%s', async (_, compile) => {
    expectAsPlain(evaluate(await compile(code)), title, within(title));
  });
});
