/**
 * Runner: a compiled program with the memory that it keeps between calls. It binds storages to the program's buffers,
 * decides for each update whether it happens in place, and adopts the results.
 */
import { BackendUnavailableError, InternalError, LazuliError, UnsupportedError } from '../core/errors.js';
import { DTYPES } from '../core/dtype.js';
import { topologicalOrder } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import type { Program } from '../compile/program.js';
import type { Backend, DeviceBuffer, Executable, KernelSource } from './backend.js';
import { Storage } from './storage.js';

/** @throws UnsupportedError `DTYPE_UNSUPPORTED` for a dtype that the backend lacks. */
export function checkDTypes(graph: Graph, backend: Backend): void {
  const { dtypes } = backend.capabilities;
  if (dtypes.length === DTYPES.length) return;
  for (const node of topologicalOrder(graph.outputs))
    if (!dtypes.includes(node.dtype))
      throw new UnsupportedError(
        'DTYPE_UNSUPPORTED',
        `the backend ${backend.name} has no ${node.dtype} (${node.primitive.name} gives ${node.aval.key})`,
        `Run it on 'js' or 'wasm', or cast to one of ${dtypes.join(', ')}.`,
      );
}

/** Holds the storage of something that a program updates; a Variable is one. */
export interface UpdateTarget {
  storage: Storage;
}

export class Runner {
  readonly source: KernelSource;
  readonly #executable: Executable;
  readonly #buffers: DeviceBuffer[];
  /** For each graph output: the update that it is, or undefined for a result. */
  readonly #updateOf: readonly (Program['updates'][number] | undefined)[];
  /** For each graph output: the first one that has its buffer. */
  readonly #firstWith: readonly number[];
  /** Memory of the last ping-pong of each output, for the next call. */
  readonly #spare = new Map<number, DeviceBuffer>();

  constructor(
    readonly backend: Backend,
    readonly program: Program,
  ) {
    this.source = backend.emit(program);
    this.#executable = backend.compile(this.source);
    this.#buffers = new Array<DeviceBuffer>(program.buffers.length);
    const updateOf = new Map(program.updates.map((update) => [update.output, update]));
    this.#updateOf = program.outputs.map((_, output) => updateOf.get(output));
    const first = new Map<number, number>();
    this.#firstWith = program.outputs.map((id, output) => {
      if (!first.has(id)) first.set(id, output);
      return first.get(id)!;
    });
  }

  /**
   * Runs on one storage a graph parameter. `targets[i]` holds what update i writes; the results that are no updates
   * are returned in place of their output, undefined for updates.
   */
  run(parameters: readonly Storage[], targets: readonly UpdateTarget[] = []): (Storage | undefined)[] {
    const { program, backend } = this;
    const buffers = this.#buffers;
    for (let i = 0; i < parameters.length; i++)
      buffers[program.parameters[i]!] = parameters[i]!.bufferOn(backend, 'input');
    // Everything is allocated before anything is written.
    const results: (Storage | undefined)[] = [];
    const { updates } = program;
    for (let i = 0; i < updates.length; i++) {
      const { output, parameter, inPlace } = updates[i]!;
      const own = buffers[program.parameters[parameter]!]!;
      const to = program.outputs[output]!;
      buffers[to] =
        inPlace && !targets[i]!.storage.shared
          ? own
          : (this.#spare.get(output) ?? backend.allocate(own.dtype, own.size, 'variable'));
      this.#spare.delete(output);
    }
    for (let output = 0; output < program.outputs.length; output++) {
      if (this.#updateOf[output] !== undefined) {
        results.push(undefined);
        continue;
      }
      const id = program.outputs[output]!;
      const first = this.#firstWith[output]!;
      if (first < output) {
        const same = results[first]!;
        same.shared = true;
        results.push(same);
        continue;
      }
      const { dtype, size } = program.buffers[id]!;
      const storage = Storage.allocate(backend, dtype, size, 'result');
      buffers[id] = storage.bufferOn(backend, 'result');
      results.push(storage);
    }
    try {
      backend.run(this.#executable, buffers);
    } catch (cause) {
      throw this.#failed(cause, targets);
    }
    for (let i = 0; i < updates.length; i++) this.#adopt(updates[i]!, targets[i]!);
    return results;
  }

  /** The target takes the memory that was written; its former memory, unless somebody else sees it, is kept for next time. */
  #adopt({ output }: Program['updates'][number], target: UpdateTarget): void {
    const written = this.#buffers[this.program.outputs[output]!]!;
    const { storage } = target;
    if (storage.shared) {
      target.storage = new Storage(this.backend, written);
      return;
    }
    if (storage.bufferOn(this.backend, 'variable') === written) return;
    this.#spare.set(output, storage.swap(written));
  }

  /** A run that broke off leaves what it was writing unknown. */
  #failed(cause: unknown, targets: readonly UpdateTarget[]): LazuliError {
    const error =
      cause instanceof LazuliError
        ? cause
        : new BackendUnavailableError(
            'RUN_FAILED',
            `the program ${JSON.stringify(this.program.name)} broke off on ${this.backend.name}: ${String(cause)}`,
            'Set or load the Variables that it writes again.',
            { cause },
          );
    if (cause instanceof InternalError) return error;
    this.program.updates.forEach(({ output }, i) => {
      const target = targets[i]!;
      // Who shares the former memory keeps it: it was not written.
      if (target.storage.shared)
        target.storage = new Storage(this.backend, this.#buffers[this.program.outputs[output]!]!);
      target.storage.invalidate(error);
    });
    return error;
  }
}
