/** The machine and the day, for the head of the results. Nothing that names a place. */
import { cpus, loadavg } from 'node:os';
import { ALL_THREADS } from './contestants.js';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly date: string;
  /** Processes that wanted a core in the minute before: above 0.5, somebody else is using the machine. */
  readonly load: number;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
    cores: ALL_THREADS,
    node: process.versions.node,
    date: new Date().toISOString().slice(0, 10),
    load: Number(loadavg()[0]!.toFixed(1)),
  };
}
