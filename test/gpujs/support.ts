/** gpu.js on the GPU of the npm package webgpu. */
import { gpujs, type GpujsBackend } from 'lazuli/gpujs';

/** A backend in mode 'webgpu'; only for tests inside `describeOnGpu`. */
export async function openOnGpu(): Promise<GpujsBackend> {
  // What pages have; gpu.js looks nowhere else.
  const { create } = (await import('webgpu')) as { create: (flags: string[]) => GPU };
  const gpu = create(process.platform === 'linux' ? ['backend=vulkan'] : []);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  return gpujs({ mode: 'webgpu' });
}
