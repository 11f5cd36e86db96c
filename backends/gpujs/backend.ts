/** The backend of gpu.js, over an instance of its GPU that runs in one mode. */
import { UnsupportedError } from '../../src/core/errors.js';
import type { Backend, DeviceBuffer } from '../../src/runtime/backend.js';
import { hostMemory } from '../../src/runtime/host-memory.js';
import { emitProgram, type GpujsSource } from './emit.js';
import { type Gpu, GpujsExecutable } from './executable.js';
import { GPUJS_TARGET, type Mode } from './target.js';

/** A backend that computes with gpu.js. */
export interface GpujsBackend extends Backend {
  readonly mode: Mode;
  /** Gives back what gpu.js holds. */
  destroy(): void;
}

let made = 0;

export function createGpujsBackend(gpu: Gpu, mode: Mode): GpujsBackend {
  const isSynchronous = mode !== 'webgpu';
  /** What was queued last: everything that touches arrays waits for it. */
  let tail: Promise<unknown> = Promise.resolve();
  /** Why what a buffer holds is unknown: a run that was to write it failed. */
  const failures = new WeakMap<DeviceBuffer, unknown>();
  const check = (buffer: DeviceBuffer): void => {
    // What a run threw, which its own promise has told already.
    if (failures.has(buffer)) throw failures.get(buffer);
  };
  const queue = <T>(work: () => T | Promise<T>): Promise<T> => {
    const done = tail.then(work);
    tail = done.catch(() => undefined);
    return done;
  };
  return {
    ...hostMemory,
    name: `gpujs ${mode}`,
    memory: isSynchronous ? hostMemory.memory : `gpujs ${++made}`,
    target: GPUJS_TARGET,
    synchronous: isSynchronous,
    mode,
    threads: () => ({ count: 1, reason: `gpu.js runs it in mode '${mode}'` }),
    allocate(dtype, size, purpose) {
      if (GPUJS_TARGET.dtypes.includes(dtype)) return hostMemory.allocate(dtype, size, purpose);
      throw new UnsupportedError(
        'DTYPE_UNSUPPORTED',
        `gpu.js in mode '${mode}' has no ${dtype}`,
        `Run it on 'js' or 'wasm', or cast to one of ${GPUJS_TARGET.dtypes.join(', ')}.`,
      );
    },
    write(buffer, data) {
      if (isSynchronous) return hostMemory.write(buffer, data);
      const copy = data.slice();
      void queue(() => {
        failures.delete(buffer);
        hostMemory.write(buffer, copy);
      });
    },
    read(buffer) {
      if (isSynchronous) return hostMemory.read(buffer);
      return queue(() => {
        check(buffer);
        return hostMemory.read(buffer);
      });
    },
    emit: (program) => emitProgram(program, mode),
    compile: (source) => new GpujsExecutable(source as GpujsSource, gpu, mode),
    release: (executable) => {
      const release = (): void => (executable as GpujsExecutable).release();
      if (isSynchronous) release();
      else void queue(release);
    },
    run(executable, buffers) {
      const program = executable as GpujsExecutable;
      const table = program.bind(buffers);
      if (isSynchronous) return program.run(table);
      const { inputs, outputs } = program;
      const [read, written] = [inputs, outputs].map((ids) => ids.map((id) => buffers[id]!));
      return queue(async () => {
        try {
          read!.forEach(check);
          await program.runAsync(table);
          for (const buffer of written!) failures.delete(buffer);
        } catch (error) {
          for (const buffer of written!) failures.set(buffer, error);
          throw error;
        }
      });
    },
    destroy: () => void gpu.destroy(),
  };
}
