/**
 * Names, keys and strings of the user are data: whatever they hold, programs run as with any other, and no generated
 * source contains them. The marker below would end the process, or set a global, if a character of it were ever code.
 */
import { jit, type Tensor, tensor, TrainVar, tree, valueAndGrad } from 'lazuli';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BACKENDS } from '../support/backends.js';

const MARKER = 'lazuliInjected';
const EVIL: readonly string[] = [
  `"); process.exit(); ("`,
  `'); globalThis.${MARKER} = 1; ('`,
  `\`); globalThis.${MARKER} = 1; (\``,
  `*/ globalThis.${MARKER} = 1; /*`,
  `// \n globalThis.${MARKER} = 1;`,
  `\r\n\u2028\u2029globalThis.${MARKER} = 1;\n`,
  `\${globalThis.${MARKER} = 1}`,
  `}; globalThis.${MARKER} = 1; function f() {`,
  `") (export "run" (func 0`,
  `;; (module (memory 1`,
  '\\',
  '\\u0022);',
  '\u0000',
  '\ud800',
  '__proto__',
  'constructor',
  '',
  ' ',
  '<script>alert(1)</script>',
];
/** What is worth looking for in a source. */
const telling = EVIL.filter((name) => name.length > 3 && !['constructor'].includes(name));

const exit = vi.spyOn(process, 'exit');
beforeEach(() => {
  exit.mockImplementation(() => {
    throw new Error('process.exit was called');
  });
});
afterEach(() => {
  expect(exit).not.toHaveBeenCalled();
  expect(globalThis).not.toHaveProperty(MARKER);
});

const named = <F extends (...args: never[]) => unknown>(f: F, name: string): F =>
  Object.defineProperty(f, 'name', { value: name });

/** Fails if a kernel's source or the whole program's holds one of the strings. */
function expectClean(
  report: { source: string; kernels: readonly { source: string; name: string }[] },
  strings: readonly string[] = telling,
): void {
  for (const text of [report.source, ...report.kernels.flatMap((kernel) => [kernel.source, kernel.name])])
    for (const string of strings) {
      expect(text).not.toContain(string);
      expect(text).not.toContain(MARKER);
    }
}

describe.each([...BACKENDS])('on %s', (backend) => {
  const isGenerated = backend !== 'reference';

  test.each(EVIL.map((name) => [JSON.stringify(name), name] as const))(
    'a Variable called %s trains like any other',
    (_, name) => {
      const train = (label: string | undefined): { values: number[]; report: Parameters<typeof expectClean>[0] } => {
        const w = new TrainVar(tensor([1, -2, 3]), label);
        const x = tensor([0.5, 0.25, -1]);
        const step = jit(
          (rate: Tensor) => {
            const [loss, grads] = valueAndGrad(() => w.value.mul(x).sum().square(), {
              vars: { [label ?? 'w']: w },
            })() as [Tensor, Record<string, Tensor>];
            w.value = w.value.sub(grads[label ?? 'w']!.mul(rate));
            return { [label ?? 'loss']: loss };
          },
          { backend, ...(label === undefined ? {} : { name: label }) },
        );
        for (let i = 0; i < 3; i++) step(0.1);
        return { values: [...w.value.dataSync()], report: step.inspect(0.1) };
      };
      const evil = train(name);
      expect(evil.values).toEqual(train(undefined).values);
      if (isGenerated) expectClean(evil.report);
    },
  );

  test('keys of arguments, keys of results, Map keys, function names and jit names', () => {
    const keys = EVIL.filter((key) => key !== '');
    const argument = Object.defineProperties(
      {},
      Object.fromEntries(keys.map((key, i) => [key, { value: tensor([i]), enumerable: true }])),
    ) as Record<string, Tensor>;
    const body = named((x: Record<string, Tensor>, y: Map<string, Tensor>) => {
      const doubled = tree.map((each: Tensor) => each.mul(2), x);
      return [doubled, new Map([...y].map(([key, each]) => [key, each.add(1)]))] as const;
    }, EVIL[0]!);
    const map = new Map(keys.map((key, i) => [key, tensor([i])]));
    const f = jit(body, { backend });
    const [object, entries] = f(argument, map) as unknown as [Record<string, Tensor>, Map<string, Tensor>];
    keys.forEach((key, i) => {
      expect(Object.getOwnPropertyDescriptor(object, key)!.value.item()).toBe(2 * i);
      expect(entries.get(key)!.item()).toBe(i + 1);
    });
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
    const report = f.inspect(argument, map);
    if (isGenerated) expectClean(report);
    expect(jit(body, { backend, name: EVIL[1]! })(argument, map)).toHaveLength(2);
  });

  test('static strings and constants', () => {
    const f = jit((x: Tensor, mode: string) => (mode === EVIL[0] ? x.neg() : x.add(mode.length)), {
      backend,
      static: [1],
    });
    expect(f(tensor([1]), EVIL[0]!).item()).toBe(-1);
    expect(f(tensor([1]), EVIL[1]!).item()).toBe(1 + EVIL[1]!.length);
    if (isGenerated) expectClean(f.inspect(tensor([1]), EVIL[0]!));
  });

  test('every constant reads back as itself', () => {
    const constants = [
      NaN,
      Infinity,
      -Infinity,
      -0,
      0,
      5e-324,
      -5e-324,
      1.7976931348623157e308,
      1e21,
      -1e-7,
      0.1,
      2 ** 53,
      4294967295,
      -2147483648,
    ];
    const x = tensor([1], { dtype: 'f64' });
    for (const value of constants) {
      const f = jit((y: Tensor) => y.mul(value).add(y.sub(value)).maximum(y.mul(value)), { backend });
      const want = Math.max(value + (1 - value), value);
      expect(f(x).item(), String(value)).toBe(want);
      expect(Object.is(jit((y: Tensor) => y.mul(value), { backend })(x).item(), value)).toBe(true);
    }
  });

  test('reports quote names: text, DOT and JSON', () => {
    const w = new TrainVar(tensor([1]), EVIL[0]);
    const step = jit(
      named((x: Tensor) => ((w.value = w.value.add(x)), w.value), EVIL[5]!),
      { backend },
    );
    const report = step.inspect(tensor([1]));
    const dot = report.toDot();
    expect(
      String(report)
        .split('\n')
        .every((line) => !line.startsWith('globalThis')),
    ).toBe(true);
    expect(report.graph).not.toContain(EVIL[5]!);
    // A DOT string ends at an unescaped quote only.
    for (const line of dot.split('\n')) expect((line.match(/(?<!\\)"/g) ?? []).length % 2).toBe(0);
    expect(dot).not.toContain(EVIL[5]!);
    expect(JSON.parse(JSON.stringify(report))).toMatchObject({ backend });
  });
});
