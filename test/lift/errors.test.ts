/** What `lift` refuses: where, and what to write instead. */
import { lift, LiftError, OptionError, type Tensor, tensor } from 'lazuli';
import { runInThisContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { expectError } from '../errors/thrown.js';

type Lifted = (...args: Tensor[]) => unknown;
const plain = (text: string): ((...args: number[]) => number) => runInThisContext(`(${text})`) as never;
const x = tensor([1, 2]);

/** The error that is thrown. */
const refused = (body: () => unknown, code: string): LiftError => expectError(body, LiftError, code) as LiftError;
/** The line that it shows, and what underlines the place. */
const excerptOf = ({ message }: LiftError): [string, string] => message.split('\n').slice(2, 4) as [string, string];

/** Source, what is underlined, its line, code, facts, and what the remedy says. */
const REFUSED: readonly [
  source: string,
  underlined: string,
  line: number,
  code: string,
  facts: RegExp,
  remedy: RegExp,
][] = [
  [
    '(x) => {\n  const y = 2;\n  return foo(x) + y;\n}',
    'foo(x)',
    3,
    'LIFT_CALL',
    /foo is called/,
    /functions of Math, or define it inside/,
  ],
  ['(x) => x * rho', 'rho', 1, 'LIFT_NAME', /rho is not defined/, /constants: \{ rho \}/],
  ['(x) => {\n  while (x > 1) x /= 2;\n  return x;\n}', 'x > 1', 2, 'LIFT_LOOP', /depend on x > 1/, /constant bounds/],
  [
    '(x, n) => {\n  for (let i = 0; i < n; i++) x *= 2;\n  return x;\n}',
    'i < n',
    2,
    'LIFT_LOOP',
    /depend on i < n/,
    /constant bounds/,
  ],
  [
    '(x) => { for (let i = 0; i < 10001; i++) x += i; return x; }',
    'for (let i = 0; i < 10001; i++) x += i;',
    1,
    'LIFT_LOOP',
    /more than 10000 turns/,
    /fewer/,
  ],
  ['(x) => { for (;;) x += 1; }', 'for (;;) x += 1;', 1, 'LIFT_LOOP', /more than 10000 turns/, /fewer/],
  ["(x) => x + 'a'", "'a'", 1, 'LIFT_VALUE', /'a' is a string/, /numbers and booleans/],
  ['(x) => `${x}`', '`${x}`', 1, 'LIFT_STRING', /is text/, /numbers and booleans/],
  ['(x) => x * 2n', '2n', 1, 'LIFT_VALUE', /a bigint/, /as a number/],
  ['(x) => /a/.test(x)', '/a/', 1, 'LIFT_STRING', /is text/, /numbers/],
  ['(x) => typeof x', 'typeof x', 1, 'LIFT_SYNTAX', /typeof/, /numbers or booleans/],
  ['function (x) { return this.rate * x; }', 'this', 1, 'LIFT_SYNTAX', /this/, /arguments/],
  ['function (x) { return arguments[0]; }', 'arguments', 1, 'LIFT_SYNTAX', /arguments/, /parameters/],
  ['async (x) => x', 'async (x) => x', 1, 'LIFT_SYNTAX', /async/, /await before/],
  ['async (x) => await x', 'async (x) => await x', 1, 'LIFT_SYNTAX', /async/, /await before/],
  ['function* (x) { yield x; }', 'function* (x) { yield x; }', 1, 'LIFT_SYNTAX', /generator/, /plain function/],
  ['(x) => { if (x > 0) throw new Error(); return x; }', 'throw new Error();', 1, 'LIFT_SYNTAX', /thrown/, /NaN/],
  [
    '(x) => { try { return x; } catch { return 0; } }',
    'try { return x; } catch { return 0; }',
    1,
    'LIFT_SYNTAX',
    /caught/,
    /body alone/,
  ],
  [
    '(x) => { switch (x) { default: return 1; } }',
    'switch (x) { default: return 1; }',
    1,
    'LIFT_SYNTAX',
    /switch/,
    /if and else/,
  ],
  ['(x) => new Float32Array(x)', 'new Float32Array(x)', 1, 'LIFT_SYNTAX', /instance/, /literals/],
  ['(x) => Math.random() * x', 'Math.random', 1, 'LIFT_VALUE', /Math has no random/, /random\.uniform/],
  ['(x) => Math.foo(x)', 'Math.foo', 1, 'LIFT_VALUE', /Math has no foo/, /what is there/],
  ['(x) => Math.pow(x)', 'Math.pow(x)', 1, 'LIFT_CALL', /got 1 arguments/, /2 numbers/],
  ['(x) => x.mul(2)', 'x.mul(2)', 1, 'LIFT_CALL', /x\.mul is called/, /functions of Math/],
  ['(x) => [x, 2].map((y) => y)', '[x, 2].map', 1, 'LIFT_VALUE', /no map/, /for loop/],
  ['(x) => {\n  total += x;\n  return x;\n}', 'total', 2, 'LIFT_NAME', /total is not defined/, /parameter/],
  [
    '(x) => {\n  total = x;\n  return x;\n}',
    'total',
    2,
    'LIFT_MUTATION',
    /total is assigned, which is outside/,
    /Return the value/,
  ],
  ['(p) => { p.x = 1; return p; }', 'p.x', 1, 'LIFT_MUTATION', /p\.x is assigned, which is outside/, /new object/],
  ['(x) => { const a = 1; a = x; return a; }', 'a', 1, 'LIFT_MUTATION', /constant a/, /let/],
  [
    '(x) => { const p = x > 0 ? { a: 1 } : { a: 2 }; p.a = x; return p; }',
    'p.a',
    1,
    'LIFT_MUTATION',
    /condition on tensors chose/,
    /both sides/,
  ],
  ['(x) => { const a = [1]; a[5] = x; return a; }', 'a[5]', 1, 'LIFT_KEY', /hole/, /in order/],
  ['(x, i) => [x, 2][i]', 'i', 1, 'LIFT_KEY', /the key i is not known/, /Use constant keys/],
  ['(x) => {\n  if (x > 0) return x;\n}', '}', 3, 'LIFT_RETURN', /ends without return on a way/, /every way/],
  ['(x) => {}', '}', 1, 'LIFT_RETURN', /ends without return/, /every way/],
  [
    '(x) => {\n  if (x > 0) return { x };\n  return x;\n}',
    'x',
    3,
    'LIFT_STRUCTURE',
    /a number or \{ x \}|\{ x \} or a number/,
    /one structure/,
  ],
  [
    '(x) => { let y; if (x > 0) y = 1; return x + y; }',
    'y',
    1,
    'LIFT_STRUCTURE',
    /y is 1 or undefined/,
    /same structure/,
  ],
  ['(x) => { const f = (n) => f(n + 1); return f(x); }', 'f(n + 1)', 1, 'LIFT_LOOP', /200 calls/, /recursion/],
  ['(x) => { const y = z + 1; const z = 2; return x * y; }', 'z', 1, 'LIFT_VALUE', /before it is set/, /Pass all/],
  ['(x) => () => x', '() => x', 1, 'LIFT_STRUCTURE', /is a function/, /numbers and booleans/],
  ['(x) => undefined', 'undefined', 1, 'LIFT_STRUCTURE', /is undefined/, /numbers and booleans/],
  ['(x) => import("a")', 'import("a")', 1, 'LIFT_SYNTAX', /imported/, /argument/],
  ['(x) => { for (const k in x) return k; }', 'for (const k in x) return k;', 1, 'LIFT_SYNTAX', /for … in/, /keys/],
  [
    '(x) => { const l = [1]; if (x > 0) l[1] = x; return l.length; }',
    'l.length',
    1,
    'LIFT_STRUCTURE',
    /l\.length is of an array that has more elements on one side/,
    /same length/,
  ],
  [
    '(x) => { let l = []; if (x > 0) l[0] = 1; for (const e of l) x++; return x; }',
    'l',
    1,
    'LIFT_STRUCTURE',
    /l is of an array that has more elements on one side/,
    /same length/,
  ],
  ['(x) => ({ __proto__: { x } })', '__proto__: { x }', 1, 'LIFT_SYNTAX', /a prototype/, /Copy its members/],
  ['(x) => { const p = { x }; return p.toString ? 1 : x; }', 'p.toString', 1, 'LIFT_VALUE', /has no toString/, /there/],
  ['(x) => ({ get a() { return x; } })', 'get a() { return x; }', 1, 'LIFT_SYNTAX', /accessor/, /Write the value/],
];

test.each(REFUSED)('%s', (source, underlined, line, code, facts, remedy) => {
  // Before it is called.
  const error = refused(() => lift(plain(source)), code);
  expect(error.facts).toMatch(facts);
  expect(error.remedy).toMatch(remedy);
  const lines = source.split('\n');
  expect(error.line).toBe(line);
  expect(lines[line - 1]!.startsWith(underlined, error.column - 1)).toBe(true);
  const [quoted, marks] = excerptOf(error);
  expect(quoted).toBe(`  ${line} | ${lines[line - 1]}`);
  expect(marks.indexOf('^')).toBe(quoted.indexOf(lines[line - 1]!) + error.column - 1);
  expect(marks.replace(/^ +\| +/, '')).toBe('^'.repeat(underlined.length));
});

test('the message of an error, whole', () => {
  const error = refused(() => lift(plain('(x) => {\n  const y = rho * x;\n  return y;\n}')), 'LIFT_NAME');
  expect(error.message).toBe(
    `LIFT_NAME: rho is not defined in the function, and lift does not see what is around it (line 2, column 13). 

  2 |   const y = rho * x;
    |             ^^^

Make it a parameter, or give it by name if it is a constant: lift(fn, { constants: { rho } }). (${error.location})`,
  );
});

test('of a long line a part is quoted', () => {
  const source = `(x) => ${'x + '.repeat(100)}foo${' + x'.repeat(100)}`;
  const error = refused(() => lift(plain(source)), 'LIFT_NAME');
  const [quoted, marks] = excerptOf(error);
  expect(error.column).toBe(8 + 400);
  expect(quoted.length).toBeLessThan(120);
  expect(quoted.slice(marks.indexOf('^')).startsWith('foo')).toBe(true);
});

describe('what has no source to read', () => {
  test.each<[string, () => unknown]>([
    ['a bound function', () => ((y: number) => y).bind(null)],
    ['a built-in function', () => Math.sqrt],
    ['a class', () => class {}],
  ])('%s', (_, make) => {
    refused(() => lift(make() as () => number), 'LIFT_SOURCE');
  });

  test('a method without this is fine', () => {
    const methods = {
      double(y: number) {
        return 2 * y;
      },
      ['a b']: (y: number) => y,
      async later(y: number) {
        return y;
      },
    };
    expect(lift(methods.double)(x).arraySync()).toEqual([2, 4]);
    const { column } = refused(() => lift(methods.later), 'LIFT_SYNTAX');
    expect(column).toBeGreaterThan(0);
  });
});

describe('what only a call can tell', () => {
  test('a missing argument', () => {
    const f = lift((a: number, b?: number) => (b === undefined ? a : a * b));
    expect(f(x).arraySync()).toEqual([1, 2]);
    expect(f(x, 3).arraySync()).toEqual([3, 6]);
    const g = lift((a: number, b: number) => a * b) as unknown as Lifted;
    const error = refused(() => g(x), 'LIFT_VALUE');
    expect(error.facts).toMatch(/b is undefined/);
  });
  test('a bound that a default gives, and an argument does not', () => {
    function doubled(a: number, turns = 3): number {
      for (let i = 0; i < turns; i++) a *= 2;
      return a;
    }
    const f = lift(doubled);
    expect(f(x).arraySync()).toEqual([8, 16]);
    refused(() => f(x, 2), 'LIFT_LOOP');
  });
  test('lengths of arrays are known', () => {
    const total = lift((xs: number[]) => {
      let s = 0;
      for (let i = 0; i < xs.length; i++) s += xs[i]!;
      return s / xs.length;
    });
    expect(total([x, x.mul(3), 2]).arraySync()).toEqual([2, 10 / 3].map(Math.fround));
  });
  test('an argument that is no tensor', () => {
    const f = lift((a: number) => a + 1) as unknown as (a: unknown) => unknown;
    expect(() => f('a')).toThrow(/NOT_A_TENSOR.*string "a" as argument 0/);
    expect(() => f([new Float32Array(2)])).toThrow(/Float32Array as argument 0\.0/);
  });
});

test('the source is never run', () => {
  const touched: string[] = [];
  Object.assign(globalThis, { touch: (what: string) => touched.push(what) });
  refused(() => lift(plain('(x = touch("default")) => { touch("body"); return x; }')), 'LIFT_CALL');
  expect(touched).toEqual([]);
  const f = lift(plain('(x) => { if (false) touch("dead"); return x; }'));
  expect(f(x as never)).toBeDefined();
  expect(touched).toEqual([]);
});

test('options are checked', () => {
  const f = (a: number): number => a;
  expectError(() => lift(3 as never), OptionError, 'NOT_A_FUNCTION');
  expectError(() => lift(f, { constant: {} } as never), OptionError, 'UNKNOWN_OPTION');
  expectError(() => lift(f, { constants: { a: 'text' } } as never), OptionError, 'LIFT_CONSTANT');
  expectError(() => lift(f, { constants: { a: { b: [tensor(1)] } } } as never), OptionError, 'LIFT_CONSTANT');
  for (const constants of [1, true, [1], new Map([['a', 1]]), 'a'])
    expectError(() => lift(f, { constants } as never), OptionError, 'LIFT_CONSTANT');
});
