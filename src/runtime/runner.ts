/**
 * Runner: a compiled program with the memory that it keeps between calls. It binds storages to the program's buffers,
 * decides for each update whether it happens in place, and adopts the results.
 */
import { range } from '../core/axes.js';
import { BackendUnavailableError, InternalError, LazuliError, UnsupportedError } from '../core/errors.js';
import { DTYPES } from '../core/dtype.js';
import { sizeAt } from '../core/extent.js';
import type { Graph } from '../core/graph.js';
import { lookUp } from '../core/maps.js';
import { unsupportedNode } from '../compile/host.js';
import { compileGraph } from '../lower/pipeline.js';
import type { Program } from '../lower/program.js';
import type { Backend, BufferPurpose, DeviceBuffer, Emitter, Executable, KernelSource } from './backend.js';
import { hostMemory } from './host-memory.js';
import { HostSteps } from './host-steps.js';
import { homeOf } from './registry.js';
import { bindingVersion, Storage } from './storage.js';

/** @throws UnsupportedError `DTYPE_UNSUPPORTED` for a dtype that the backend lacks. */
export function checkDTypes(graph: Graph, backend: Emitter): void {
  const { dtypes } = backend.target;
  if (dtypes.length === DTYPES.length) return;
  const node = unsupportedNode(graph, dtypes);
  if (node !== undefined)
    throw new UnsupportedError(
      'DTYPE_UNSUPPORTED',
      `the backend ${backend.name} has no ${node.dtype} (${node.primitive.name} gives ${node.aval.weak ? 'a number that depends on tensors' : node.aval.key})`,
      `Run it on 'js' or 'wasm', or cast to one of ${dtypes.join(', ')}.`,
    );
}

/** The program of a graph on a backend, by which it may be known. */
export const programOf = (graph: Graph, backend: Emitter): Program =>
  backend.recall?.(graph) ?? compileGraph(graph, backend.target);

/** Holds the storage of something that a program updates; a Variable is one. */
export interface UpdateTarget {
  storage: Storage;
}

/** An update and its number. */
type NumberedUpdate = Program['updates'][number] & { readonly index: number };

/** No version of the bindings. */
const NEVER = -1;

/** Runs one program: `run` is a call. */
export class Runner {
  readonly source: KernelSource;
  readonly #executable: Executable;
  readonly #buffers: DeviceBuffer[];
  /** Who has the memory of each buffer. */
  readonly #homes: readonly Backend[];
  readonly #isPassed: ReadonlySet<number>;
  readonly #updates: readonly NumberedUpdate[];
  /** Updates that each call binds anew: they take turns between two buffers, or write what was donated to this call. */
  readonly #unsettled: readonly NumberedUpdate[];
  /** Outputs that are results, and for each the first one that has its buffer. */
  readonly #results: readonly { readonly output: number; readonly first: number }[];
  /** Memory of the last ping-pong of each output, for the next call. */
  readonly #spare = new Map<number, DeviceBuffer>();
  /** What the host computes before each run. */
  readonly #host: HostSteps | undefined;
  /** {@link bindingVersion} after the last run, if what that run had bound held until then. */
  #version = NEVER;
  /** The outputs for which the last run made memory; undefined before the first. */
  made: number[] | undefined;

  /** @param passed positions of the parameters that each call brings; all of them unless given. */
  constructor(
    readonly backend: Backend,
    readonly program: Program,
    readonly passed: readonly number[] = range(program.parameters.length),
  ) {
    this.source = backend.emit(program);
    this.#executable = backend.compile(this.source);
    this.#buffers = new Array<DeviceBuffer>(program.buffers.length);
    for (const { id, role, dtype } of program.buffers)
      if (role === 'number') this.#buffers[id] = hostMemory.allocate(dtype, 1, 'input');
    this.#host = HostSteps.of(program);
    this.#homes = program.buffers.map(({ id }) => homeOf(program, id, backend));
    this.#isPassed = new Set(passed);
    this.#updates = program.updates.map((update, index) => ({ ...update, index }));
    this.#unsettled = this.#updates.filter(({ inPlace, donated }) => donated || !inPlace);
    const updated = new Set(program.updates.map(({ output }) => output));
    const first = new Map<number, number>();
    this.#results = program.outputs.flatMap((id, output) => {
      if (updated.has(output)) return [];
      if (!first.has(id)) first.set(id, output);
      return [{ output, first: lookUp(first, id) }];
    });
  }

  /** Whether the last call's parameters, but for the passed ones, are still where they were. */
  get isBound(): boolean {
    return this.#version === bindingVersion();
  }

  /**
   * Runs on one storage a graph parameter; while {@link isBound}, only the passed ones are looked at. `targets[i]`
   * holds what update i writes; a program for batches of any size runs for `n` rows; `given` is memory for results, by output.
   * Returns the results by output, undefined for updates.
   */
  run(
    parameters: readonly Storage[],
    targets: readonly UpdateTarget[] = [],
    n?: number,
    given?: readonly (Storage | undefined)[],
  ): (Storage | undefined)[] {
    const { program, backend, passed, isBound } = this;
    const buffers = this.#buffers;
    const made = (this.made ??= []);
    if (made.length > 0) made.length = 0;
    const before = bindingVersion();
    this.#version = NEVER;
    // Loops by index: a call is to take less than a microsecond.
    if (isBound) for (let i = 0; i < passed.length; i++) this.#bind(parameters, passed[i]!);
    else this.#bindAll(parameters);
    // Everything is allocated before anything is written.
    const updates = isBound ? this.#unsettled : this.#updates;
    for (let i = 0; i < updates.length; i++) {
      const { index, output, parameter, inPlace, donated } = updates[i]!;
      const purpose = donated ? 'result' : 'update';
      const { storage } = targets[index]!;
      const home = this.#homes[program.parameters[parameter]!]!;
      const own = storage.bufferOn(home, purpose);
      buffers[program.parameters[parameter]!] = own;
      buffers[program.outputs[output]!] = inPlace && !storage.shared ? own : this.#other(output, own, purpose);
    }
    const results: (Storage | undefined)[] = [];
    for (let i = 0; i < this.#results.length; i++) {
      const { output, first } = this.#results[i]!;
      if (first < output) {
        const same = results[first]!;
        same.shared = true;
        results[output] = same;
        continue;
      }
      const id = program.outputs[output]!;
      const { dtype, size, count } = program.buffers[id]!;
      const home = this.#homes[id]!;
      const storage =
        given?.[output] ?? Storage.allocate(home, dtype, count === undefined ? size : sizeAt(count, n!), 'result');
      made.push(output);
      buffers[id] = storage.bufferOn(home, 'result');
      results[output] = storage;
    }
    let done: void | Promise<void>;
    try {
      this.#host?.run(buffers);
      done = backend.run(this.#executable, buffers, n);
    } catch (cause) {
      throw this.#failed(cause, targets);
    }
    let isKept = bindingVersion() === before;
    for (let i = 0; i < updates.length; i++) if (!this.#adopt(updates[i]!, targets[updates[i]!.index]!)) isKept = false;
    // The own ping-pongs are bound anew by each call; whatever else changed is for the next one to find out.
    if (isKept) this.#version = bindingVersion();
    if (done !== undefined) this.#failLate(done, targets, results);
    return results;
  }

  /** Gives back what the program holds; it is not run again. */
  dispose(): void {
    this.backend.release?.(this.#executable);
    for (const buffer of this.#spare.values()) this.backend.free(buffer);
    this.#spare.clear();
  }

  /** Memory beside `own` for an update. A donated argument of a batch may have another size than the last one. */
  #other(output: number, own: DeviceBuffer, purpose: BufferPurpose): DeviceBuffer {
    const spare = this.#spare.get(output);
    this.#spare.delete(output);
    if (spare?.size === own.size) return spare;
    if (spare !== undefined) this.#homes[this.program.outputs[output]!]!.free(spare);
    return this.#make(output, own, purpose);
  }

  #make(output: number, { dtype, size }: DeviceBuffer, purpose: BufferPurpose): DeviceBuffer {
    this.made!.push(output);
    return this.#homes[this.program.outputs[output]!]!.allocate(dtype, size, purpose);
  }

  #bind(parameters: readonly Storage[], i: number): void {
    const id = this.program.parameters[i]!;
    this.#buffers[id] = parameters[i]!.bufferOn(this.#homes[id]!, 'input');
  }

  #bindAll(parameters: readonly Storage[]): void {
    for (const [i, storage] of parameters.entries()) {
      if (!this.#isPassed.has(i)) storage.bound = true;
      this.#bind(parameters, i);
    }
  }

  /**
   * The target takes the memory that was written; its former memory, unless somebody else sees it, is kept for next time.
   * Returns whether the next call finds the storage that this one found.
   */
  #adopt({ output, donated }: NumberedUpdate, target: UpdateTarget): boolean {
    const written = this.#buffers[this.program.outputs[output]!]!;
    const { storage } = target;
    if (storage.shared) {
      target.storage = new Storage(this.#homes[this.program.outputs[output]!]!, written);
      return donated === true;
    }
    const home = this.#homes[this.program.outputs[output]!]!;
    if (storage.bufferOn(home, 'variable') !== written) this.#spare.set(output, storage.swap(written));
    return true;
  }

  /** A queued run that is found to have failed: what it wrote is unknown, and whoever reads it is told. */
  #failLate(done: Promise<void>, targets: readonly UpdateTarget[], results: readonly (Storage | undefined)[]): void {
    done.catch((cause: unknown) => {
      const error = this.#errorOf(cause);
      this.#invalidate(error, targets);
      for (const result of results) result?.invalidate(error);
    });
  }

  /** A run that broke off leaves what it was writing unknown; one that found no memory had not begun to write. */
  #failed(cause: unknown, targets: readonly UpdateTarget[]): LazuliError {
    if (cause instanceof InternalError || cause instanceof UnsupportedError) return cause;
    const error = this.#errorOf(cause);
    this.#invalidate(error, targets);
    return error;
  }

  #errorOf(cause: unknown): LazuliError {
    if (cause instanceof LazuliError) return cause;
    return new BackendUnavailableError(
      'RUN_FAILED',
      `the program ${JSON.stringify(this.program.name)} broke off on ${this.backend.name}: ${String(cause)}`,
      'Set or load the Variables that it writes again.',
      { cause },
    );
  }

  #invalidate(error: LazuliError, targets: readonly UpdateTarget[]): void {
    this.program.updates.forEach(({ output }, i) => {
      const target = targets[i]!;
      // Who shares the former memory keeps it: it was not written.
      if (target.storage.shared)
        target.storage = new Storage(
          this.#homes[this.program.outputs[output]!]!,
          this.#buffers[this.program.outputs[output]!]!,
        );
      target.storage.invalidate(error);
    });
  }
}
