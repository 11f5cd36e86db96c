/** A probe is a process that prints one line: what it found, by name. */
import { setDefaultBackend } from 'lazuli';

export type Findings = Record<string, number | string>;

/** The backend that this process was started with, made the default. */
export function backend(): string {
  const name = process.argv[2]!;
  setDefaultBackend(name as 'wasm' | 'js');
  return name;
}

export const say = (findings: Findings): void => console.log(JSON.stringify(findings));
