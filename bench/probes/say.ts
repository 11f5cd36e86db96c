/** A probe is a process that prints one line: what it found, by name. */
import { chooseBackend } from '../contestants/backend.js';

export type Findings = Record<string, number | string>;

/** Makes the backend that this process was started with the default, on one thread. */
export const useBackend = (): Promise<void> => chooseBackend(process.argv[2]!, 1);

export const say = (findings: Findings): void => console.log(JSON.stringify(findings));
