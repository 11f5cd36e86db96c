/** Which backends there are, and which one runs what names none. */
import type { DType } from '../core/dtype.js';
import { BackendUnavailableError, InternalError, OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { Program } from '../lower/program.js';
import type { Backend, Emitter } from './backend.js';

/** A built-in backend's name, or a backend object. */
export type BackendChoice = 'reference' | 'js' | 'wasm' | Backend;

/** A backend that can be looked at: a name also of those whose entry has been imported, though no device is open. */
export type EmitterChoice = BackendChoice | 'webgpu' | 'gpujs' | 'native';

const builtIn = new Map<string, Backend>();
const emitters = new Map<string, Emitter>();
/** The default in order of preference. */
const PREFERENCE = ['wasm', 'js', 'reference'] as const;
let chosen: BackendChoice | undefined;

/**
 * Makes backends known by their names. Returns the identity: what the entry point exports goes through it, so that a
 * bundler that drops unused code (the package has no side effects) keeps the backends with everything that needs them.
 */
export function connectBackends(...backends: readonly Backend[]): <T>(value: T) => T {
  for (const backend of backends) builtIn.set(backend.name, backend);
  return (value) => value;
}

/** All that were made known. */
export const connectedBackends = (): readonly Backend[] => [...builtIn.values()];

/** The backend of this name, or the object itself. */
export function resolveBackend(choice: BackendChoice): Backend {
  if (typeof choice === 'object' && choice !== null && typeof choice.emit === 'function') return choice;
  const backend = builtIn.get(choice as string);
  if (backend !== undefined) return backend;
  const known = [...builtIn.keys()].map((name) => `'${name}'`).join(', ');
  if (choice === 'wasm')
    throw new BackendUnavailableError(
      'NO_WASM_SIMD',
      'this host runs no WebAssembly SIMD',
      `Choose another backend: ${known}.`,
    );
  throw new OptionError(
    'UNKNOWN_BACKEND',
    `there is no backend ${typeof choice === 'string' ? JSON.stringify(choice) : describeValue(choice)}`,
    `Built in are ${known}; others are objects: await webgpu() of lazuli/webgpu, await native() of lazuli/native, gpujs() of lazuli/gpujs.`,
  );
}

/** A backend whose memory is the JavaScript heap: home of what a device cannot hold. */
export function hostBackend(): Backend {
  for (const backend of builtIn.values()) if (backend.memory === 'host') return backend;
  throw new InternalError('no backend of the host is connected');
}

/** Who has the memory of buffer `id` of a program on `backend`. */
export const homeOf = (program: Pick<Program, 'buffers'>, id: number, backend: Backend): Backend =>
  program.buffers[id]!.home === 'host' ? hostBackend() : backend;

/** Where elements of `dtype` are that belong to `backend`: with it, if it has such. */
export const homeOfDType = (dtype: DType, backend: Backend): Backend =>
  backend.target.dtypes.includes(dtype) ? backend : hostBackend();

/**
 * Makes known by its name what a backend prints.
 * @public
 */
export function registerEmitter(emitter: Emitter): void {
  emitters.set(emitter.name, emitter);
}

/** The backend, or what prints for that of this name. */
export const resolveEmitter = (choice: EmitterChoice): Emitter =>
  emitters.get(choice as string) ?? resolveBackend(choice as BackendChoice);

/**
 * Sets what runs everything that names no backend.
 * @example
 * setDefaultBackend('js');
 * getDefaultBackend(); // 'js'
 */
export function setDefaultBackend(choice: BackendChoice): void {
  resolveBackend(choice);
  chosen = choice;
}

/**
 * What runs everything that names no backend: `wasm` where there is one, else `js`, unless it was set.
 * @example getDefaultBackend(); // 'wasm'
 */
export function getDefaultBackend(): BackendChoice {
  return chosen ?? PREFERENCE.find((name) => builtIn.has(name)) ?? 'js';
}

const devices = new Map<string, () => Promise<Backend>>();

/**
 * Makes a kind of device known by how it is opened; `lazuli/webgpu` does so for `'gpu'`.
 * @public
 */
export function registerDevice(kind: 'gpu', open: () => Promise<Backend>): void {
  devices.set(kind, open);
}

/** @throws BackendUnavailableError `NO_GPU_BACKEND` where nothing opens such a device. */
export async function openDevice(kind: 'gpu'): Promise<Backend> {
  const open = devices.get(kind);
  if (open === undefined)
    throw new BackendUnavailableError(
      'NO_GPU_BACKEND',
      'no GPU backend is connected',
      'Import lazuli/webgpu, which connects one, or stay on the CPU.',
    );
  return open();
}

const threadSetters = new Set<(count: number) => void>();

/**
 * Makes known who has threads of its own; `setThreads` reaches it.
 * @public
 */
export function registerThreads(set: (count: number) => void): void {
  threadSetters.add(set);
}

/** Sets the number of threads of every backend that has some, but for `wasm`. */
export const setOtherThreads = (count: number): void => threadSetters.forEach((set) => set(count));
