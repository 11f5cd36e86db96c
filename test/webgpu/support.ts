/** A GPU for tests, where there is one. Without one the suites that need it are skipped, by name, unless that is forbidden. */
import { describe } from 'vitest';
import { createWebGpuBackend, type WebGpuBackend, type WebGpuInternals } from '../../backends/webgpu/backend.js';
import { webgpu } from '../../backends/webgpu/webgpu.js';

/** Set where a missing adapter is a failure, as in `.ci/run`. */
const IS_REQUIRED = process.env.LAZULI_REQUIRE_WEBGPU === '1';

/** The GPU that all tests of a file share; undefined if there is none, and why. */
async function open(): Promise<{ readonly backend: WebGpuBackend | undefined; readonly reason: string }> {
  try {
    return { backend: await webgpu({ tune: false }), reason: '' };
  } catch (error) {
    if (IS_REQUIRED) throw error;
    return { backend: undefined, reason: error instanceof Error ? error.message : String(error) };
  }
}
const opened = await open();

/** The shared backend; only for tests inside {@link describeOnGpu}. */
export const gpu = opened.backend!;

/** A suite that needs a GPU. */
export function describeOnGpu(name: string, body: () => void): void {
  if (opened.backend === undefined) console.warn(`skipped: ${name} (${opened.reason})`);
  describe.skipIf(opened.backend === undefined)(name, body);
}

/** Software adapters round as IEEE 754 says: results have the bits of the CPU. */
export const IS_EXACT = /swiftshader|llvmpipe|lavapipe/i.test(opened.backend?.adapter ?? '');

/** What a device was asked for. */
export interface Counts {
  submits: number;
  buffers: number;
  bindGroups: number;
  pipelines: number;
  dispatches: number;
  writes: number;
}

/** The device, counting what it is asked for; other members are its own. */
export function countingDevice(device: GPUDevice): { readonly device: GPUDevice; readonly counts: Counts } {
  const counts: Counts = { submits: 0, buffers: 0, bindGroups: 0, pipelines: 0, dispatches: 0, writes: 0 };
  const counted: Readonly<Record<string, keyof Counts>> = {
    submit: 'submits',
    createBuffer: 'buffers',
    createBindGroup: 'bindGroups',
    createComputePipelineAsync: 'pipelines',
    dispatchWorkgroups: 'dispatches',
    writeBuffer: 'writes',
  };
  const wrapped = new Set(['queue', 'createCommandEncoder', 'beginComputePass']);
  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(_, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (key === 'queue') return wrap(value as GPUQueue);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          const count = counted[String(key)];
          // The empty submit that hurries a map is no work.
          if (count !== undefined && !(key === 'submit' && (args[0] as unknown[]).length === 0)) counts[count]++;
          const result: unknown = Reflect.apply(value, target, args);
          return wrapped.has(String(key)) ? wrap(result as object) : result;
        };
      },
    });
  return { device: wrap(device), counts };
}

/** A backend of its own on the same kind of adapter, counted. */
export async function openCounted(
  internals: WebGpuInternals = {},
): Promise<{ readonly backend: WebGpuBackend; readonly counts: Counts; readonly device: GPUDevice }> {
  const device = await openDevice();
  const counting = countingDevice(device);
  return {
    backend: createWebGpuBackend(counting.device, gpu.adapter, { tune: false, ...internals }),
    counts: counting.counts,
    device,
  };
}

/** Where bare devices come from. */
let instance: GPU | undefined;

/** A bare device. */
export async function openDevice(): Promise<GPUDevice> {
  const name = 'webgpu';
  const { create } = (await import(name)) as { create: (flags: string[]) => GPU };
  instance ??= create(process.platform === 'linux' ? ['backend=vulkan'] : []);
  const adapter = await instance.requestAdapter();
  return adapter!.requestDevice();
}
