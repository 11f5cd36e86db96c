/**
 * Runs the programs on every CPU backend and writes down what came, as plain data that can cross a socket. The same in
 * Node, in a page, in a Worker.
 */
import {
  BackendUnavailableError,
  getDefaultBackend,
  jit,
  setDefaultBackend,
  setThreads,
  type Tensor,
  ones,
} from 'lazuli';
import { resolveBackend } from '../../src/runtime/registry.js';
import { largePrograms, smallPrograms } from './programs.js';

/** A tensor's elements, bit by bit. */
export interface Elements {
  readonly dtype: Tensor['dtype'];
  readonly shape: readonly number[];
  /** The bytes in base64. */
  readonly bytes: string;
}

/** A backend's tensors by program, or the code of the error by which it said that it cannot run here. */
export type Outcome =
  { readonly programs: Readonly<Record<string, readonly Elements[]>> } | { readonly refused: string };

export type BackendName = 'reference' | 'js' | 'wasm';

export interface Observation {
  /** What ran where nothing was chosen. */
  readonly unchosen: string;
  /** `crossOriginIsolated`; Node has no such thing. */
  readonly isolated: boolean | undefined;
  readonly backends: Readonly<Partial<Record<BackendName, Outcome>>>;
  readonly cores: number;
  /** Of `wasm`: what came of asking for threads, how many worked, and why only one did. */
  readonly threads: { readonly refused?: string; readonly count: number; readonly reason?: string };
}

export interface ObserveOptions {
  /** Which of the three run. */
  readonly backends: readonly BackendName[];
  /** Threads to ask for; those that `wasm` starts by itself unless given. */
  readonly threads?: number;
  /** Where the worker's file is, if its source may not come as text. */
  readonly workerUrl?: string;
}

/** What the backend `wasm` knows of its threads. */
interface ThreadCount {
  threads(): { readonly count: number; readonly reason: string | undefined };
}

/** Cores that the host admits to. */
const CORES = (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 1;
/** Workers are given up for lost after so long. */
const START_MILLISECONDS = 120_000;

/** Runs the small programs on the backends, the large ones on those that compile. */
export async function observe({ backends: names, threads, ...options }: ObserveOptions): Promise<Observation> {
  const refused = threads === undefined ? undefined : await refusal(() => setThreads(threads, options));
  const backends: Partial<Record<BackendName, Outcome>> = {};
  for (const name of names)
    backends[name] = await outcomeOn(
      name,
      name === 'reference' ? smallPrograms : { ...smallPrograms, ...largePrograms },
    );
  const { count, reason } = await startedThreads(threads === undefined ? CORES : 1);
  return {
    unchosen: jit((x: Tensor) => x.add(1)).inspect(ones([2])).backend,
    isolated: (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated,
    backends,
    cores: CORES,
    threads: { count, ...(refused === undefined ? {} : { refused }), ...(reason === undefined ? {} : { reason }) },
  };
}

/** The threads of `wasm`, once there are so many or there is a reason for fewer. */
async function startedThreads(atLeast: number): Promise<ReturnType<ThreadCount['threads']>> {
  const backend = resolveBackend('wasm') as unknown as ThreadCount;
  const deadline = performance.now() + START_MILLISECONDS;
  for (;;) {
    const threads = backend.threads();
    if (threads.count >= atLeast || threads.reason !== undefined || performance.now() > deadline) return threads;
    // Workers for which nobody waits start while the event loop of a page turns.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function outcomeOn(name: BackendName, programs: Readonly<Record<string, () => Tensor[]>>): Promise<Outcome> {
  const before = getDefaultBackend();
  setDefaultBackend(name);
  const elements: Record<string, Elements[]> = {};
  try {
    const refused = await refusal(async () => {
      for (const [title, program] of Object.entries(programs))
        elements[title] = await Promise.all(program().map(elementsOf));
    });
    return refused === undefined ? { programs: elements } : { refused };
  } finally {
    setDefaultBackend(before);
  }
}

/** The code of the BackendUnavailableError that `run` ends in; undefined if it succeeds. */
async function refusal(run: () => Promise<void>): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    if (error instanceof BackendUnavailableError) return error.code;
    throw error;
  }
}

/** The sign and payload of a NaN are nobody's promise, so every NaN becomes the same one. */
async function elementsOf(t: Tensor): Promise<Elements> {
  const data = await t.data();
  if (!(data.buffer instanceof ArrayBuffer)) throw new TypeError('data() gave an array of shared memory');
  if (t.dtype === 'f32' || t.dtype === 'f64') data.forEach((x, i) => Number.isNaN(x) && (data[i] = NaN));
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let text = '';
  for (let start = 0; start < bytes.length; start += 8192)
    text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  return { dtype: t.dtype, shape: t.shape, bytes: btoa(text) };
}
