/** A backend that counts what it compiles and runs. */
import type { Backend } from '../../src/runtime/backend.js';
import { resolveBackend } from '../../src/runtime/registry.js';

export interface Counting {
  readonly backend: Backend;
  compiled: number;
  runs: number;
  /** Whether runs break off. */
  fail: boolean;
}

let made = 0;

/** The js backend, counting what it compiles and runs; without the dtypes that `lacks` names. */
export function counting(lacks: readonly string[] = []): Counting {
  const js = resolveBackend('js');
  const counts = { compiled: 0, runs: 0, fail: false };
  const backend: Backend = {
    ...js,
    // Programs are cached by the backend's name.
    name: `counted ${made++}`,
    target: { ...js.target, dtypes: js.target.dtypes.filter((dtype) => !lacks.includes(dtype)) },
    compile(source) {
      counts.compiled++;
      return js.compile(source);
    },
    run(executable, buffers) {
      counts.runs++;
      void js.run(executable, buffers);
      if (counts.fail) throw new Error('worker died');
    },
  };
  return Object.assign(counts, { backend });
}
