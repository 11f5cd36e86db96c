/** Reads the suites of `suites/`. */
import { readFileSync } from 'node:fs';
import { byOp, type Case } from './suite.js';

export const suiteFile = (name: string): URL => new URL(`suites/${name}.json`, import.meta.url);

/** The cases of a suite, and by their op. */
export function readSuite(name: string): { cases: readonly Case[]; byOp: ReadonlyMap<string, readonly Case[]> } {
  const { cases } = JSON.parse(readFileSync(suiteFile(name), 'utf8')) as { cases: readonly Case[] };
  return { cases, byOp: byOp(cases) };
}
