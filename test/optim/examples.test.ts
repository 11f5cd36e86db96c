/** The examples in the docstrings of src/optim, run as printed: `expression; // value` must hold. */
import { readdirSync, readFileSync } from 'node:fs';
import { transformSync } from 'esbuild';
import { beforeEach, describe, expect, test } from 'vitest';
import * as lazuli from 'lazuli';

interface Example {
  readonly name: string;
  readonly code: string;
}

const folder = new URL('../../src/optim/', import.meta.url);
const examples = readdirSync(folder).flatMap((file): Example[] => {
  const source = readFileSync(new URL(file, folder), 'utf8');
  return [
    ...source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*?@example(?:(?!\*\/)[\s\S])*)\*\/\s*(?:export )?(?:abstract )?(.*)/g),
  ].map(([, comment, next]) => ({
    name: `${file}: ${/(?:class|function|const) (\w+)/.exec(next!)?.[1] ?? next!}`,
    code: comment!
      .slice(comment!.indexOf('@example') + '@example'.length)
      .split('\n')
      .map((line) => line.replace(/^\s*\* ?/, ''))
      .filter((line) => !line.startsWith('@'))
      .join('\n'),
  }));
});

/** `a; // 0.05, as f32` → a check of it. */
const checked = (code: string): string =>
  code.replace(
    /^ ?(.*); \/\/ (\[.*?\]|-?[\d.]+)(.*)$/gm,
    (_, expression: string, value: string) => `check(${expression}, ${value});`,
  );

const close = (got: unknown, want: unknown): void => {
  if (Array.isArray(want)) (got as unknown[]).forEach((value, i) => close(value, want[i]));
  else expect(got).toBeCloseTo(want as number, 6);
};

describe('docstrings', () => {
  beforeEach(lazuli.clearNameCache);
  test.each(examples.map((each) => [each.name, each.code] as const))('%s', (_, code) => {
    const { code: script } = transformSync(checked(code), { loader: 'ts' });
    const names = Object.keys(lazuli).filter((name) => new RegExp(`\\b${name}\\b`).test(script));
    let checks = 0;
    const check = (got: unknown, want: unknown): void => {
      checks++;
      close(got, want);
    };
    // The code is our own docstring.

    const run = new Function('check', ...names, script) as (...args: unknown[]) => void;
    run(check, ...names.map((name) => (lazuli as Record<string, unknown>)[name]));
    expect(checks).toBe((code.match(/; \/\/ [[\d-]/g) ?? []).length);
  });
  test('every optimizer and schedule has one', () => {
    expect(examples.length).toBeGreaterThanOrEqual(12 + 10);
  });
});
