/**
 * Run before every test file. Those that share a process share the library in it too: each begins as in a new process
 * (the usual backend, names and keys from the start, nothing pending, every pass verified), and what it leaves behind is put back.
 */
import fc from 'fast-check';
import { afterAll, vi } from 'vitest';
import '../../src/connected.js';
import { setVerification } from '../../src/lower/pipeline.js';
import { verifier } from '../../src/lower/verify.js';
import { seed } from '../../src/nn/keys.js';
import { clearNameCache } from '../../src/object/naming.js';
import { setDefaultBackend } from '../../src/runtime/registry.js';
import { eagerScope } from '../../src/trace/eager-scope.js';

// One choice of cases for everybody; another with LAZULI_SEED.
fc.configureGlobal({ seed: Number(process.env.LAZULI_SEED ?? 1) });
setVerification(verifier);
setDefaultBackend('wasm');
clearNameCache();
seed(0);
// What another file left to be computed would be computed with the first value that this one reads.
eagerScope.settle();

const folder = process.cwd();
const environment = { ...process.env };
const globals = new Set(Object.keys(globalThis));

// The last one that runs.
afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  process.chdir(folder);
  for (const name of Object.keys(process.env)) if (!(name in environment)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, environment);
  for (const name of Object.keys(globalThis)) if (!globals.has(name)) Reflect.deleteProperty(globalThis, name);
});
