/** What a piece of user code throws, checked as every error of the library must be. */
import { basename } from 'node:path';
import { LazuliError } from 'lazuli';
import { expect } from 'vitest';

type ErrorClass = abstract new (...args: never[]) => LazuliError;

/** The error that `body` throws; fails if it throws none, or one that is not the library's. */
export function thrown(body: () => unknown): LazuliError {
  try {
    body();
  } catch (error) {
    if (error instanceof LazuliError) return error;
    throw error;
  }
  return expect.fail(`nothing was thrown by ${String(body)}`);
}

/** A typed error with its code, the facts, a remedy and the caller's own file and line. */
export function expectError(body: () => unknown, type: ErrorClass, code: string): LazuliError {
  const error = thrown(body);
  expect(`${error.name} ${error.code}`, error.message).toBe(`${type.name} ${code}`);
  expect(error).toBeInstanceOf(type);
  expect(error.facts).not.toBe('');
  expect(error.remedy).toMatch(/\.$/);
  const file = basename(expect.getState().testPath!);
  expect(error.location).toMatch(new RegExp(`^${file.replaceAll('.', '\\.')}:\\d+$`));
  expect(error.message).toBe(`${code}: ${error.facts}. ${error.remedy} (${error.location})`);
  return error;
}
