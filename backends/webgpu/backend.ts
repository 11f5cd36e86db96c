/** The backend of WebGPU, over a device that is open. */
import { UnsupportedError } from '../../src/core/errors.js';
import { launchesOf, type Program } from '../../src/lower/program.js';
import type { Target } from '../../src/lower/target.js';
import type { Backend, KernelSource } from '../../src/runtime/backend.js';
import { Buffers, type WebGpuBuffer } from './buffers.js';
import { Device, type DeviceLimits } from './device.js';
import { WebGpuExecutable } from './executable.js';
import { Pipelines } from './pipelines.js';
import { modulesOf } from './plan.js';
import { Slabs } from './slabs.js';
import { timed } from './stopwatch.js';
import { targetFor } from './target.js';
import { Tuner } from './tuner.js';

/** A backend that computes on one GPU device. */
export interface WebGpuBackend extends Backend {
  /** The adapter, as its driver calls it. */
  readonly adapter: string;
  /** Slabs, the bytes in them, and those that are allocated. */
  readonly memoryUsage: Slabs['usage'];
  /** Milliseconds of the tiles that were timed on this adapter, by class of shapes, the fastest first. */
  readonly tileTimes: Tuner['times'];
  /** Whether the device is there: neither lost nor destroyed. */
  readonly isUsable: boolean;
  /** Resolves when all that was queued until now, and the search for tiles that it began, is done; rejects if the device was lost. Await it now and then in a long loop. */
  idle(): Promise<void>;
  /** Ends the device now: what it holds is gone, and a use of it is a BackendUnavailableError `DEVICE_DESTROYED`. */
  destroy(): void;
}

/** The program as WGSL, for the case that all its buffers lie in one slab. */
export function emitProgram(program: Program): KernelSource {
  const kernels = modulesOf(program).map((modules) => modules.join('\n\n'));
  const text = launchesOf(program)
    .map(({ kernel: { name } }, i) => `// ${name}\n\n${kernels[i]!}`)
    .join('\n\n');
  return { backend: 'webgpu', program, text, kernels };
}

let made = 0;

/** What tests choose. */
export interface WebGpuInternals {
  readonly limits?: Partial<DeviceLimits>;
  /** Bytes of the first slab. */
  readonly firstSlab?: number;
  /** Whether tiles are searched for. */
  readonly tune?: boolean;
  /** What programs are made for, whatever the adapter is. */
  readonly target?: Target;
}

/** The backend on `gpu`, which is its own from now on. */
export function createWebGpuBackend(
  gpu: GPUDevice,
  adapter: string,
  { limits, firstSlab, tune = true, target = targetFor(gpu.adapterInfo) }: WebGpuInternals = {},
): WebGpuBackend {
  const device = new Device(gpu, adapter, limits);
  const slabs = new Slabs(device, firstSlab);
  const buffers = new Buffers(device, slabs);
  const pipelines = new Pipelines(device);
  const tuner = new Tuner(device, buffers, pipelines, tune);
  made++;
  const name = made === 1 ? 'webgpu' : `webgpu ${made}`;
  return {
    name,
    memory: name,
    target,
    synchronous: false,
    adapter,
    get memoryUsage() {
      return slabs.usage;
    },
    get tileTimes() {
      return tuner.times;
    },
    get isUsable() {
      return device.isUsable;
    },
    emit: (program) => emitProgram(tuner.apply(program)),
    tiles: (program, kernel) => tuner.describe(program, kernel),
    threads: () => ({ count: 1, reason: `it runs workgroups on ${adapter}` }),
    compile: ({ program }) => new WebGpuExecutable(program, device, buffers, pipelines, tuner),
    release: (executable) => (executable as WebGpuExecutable).release(),
    allocate(dtype, size, purpose) {
      if (!target.dtypes.includes(dtype))
        throw new UnsupportedError(
          'DTYPE_UNSUPPORTED',
          `the backend webgpu has no ${dtype}`,
          `Run it on 'js' or 'wasm', or cast to one of ${target.dtypes.join(', ')}.`,
        );
      return buffers.allocate(dtype, size, purpose);
    },
    free: (buffer) => buffers.free(buffer as WebGpuBuffer),
    write: (buffer, data) => buffers.write(buffer as WebGpuBuffer, data),
    read: (buffer) => buffers.read(buffer as WebGpuBuffer),
    run: (executable, bound, n) => (executable as WebGpuExecutable).run(bound, n),
    ...(device.hasTimestamps ? { timed: (work: () => void) => timed(device, work) } : {}),
    idle: async () => {
      await tuner.idle();
      await device.settled();
    },
    destroy: () => device.destroy(),
  };
}
