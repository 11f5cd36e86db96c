/** Buffers in the JavaScript heap, shared by the backends that compute there. */
import { allocateArray, type DType, type TypedArray } from '../core/dtype.js';
import { UnsupportedError } from '../core/errors.js';
import type { Backend, DeviceBuffer } from './backend.js';

export interface HostBuffer extends DeviceBuffer {
  readonly array: TypedArray;
}

/** What `make` gives, which allocates `what`. @throws UnsupportedError `OUT_OF_MEMORY` */
export function withMemory<T>(what: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new UnsupportedError(
      'OUT_OF_MEMORY',
      `the host has no memory for ${what}`,
      'Dispose of tensors that are no longer needed, or use smaller batches.',
      { cause },
    );
  }
}

/** @throws UnsupportedError `OUT_OF_MEMORY` */
const allocate = (dtype: DType, size: number): HostBuffer => ({
  dtype,
  size,
  array: withMemory(`${size} elements of ${dtype}`, () => allocateArray(dtype, size)),
});

/** The memory verbs of a backend whose buffers are typed arrays. The garbage collector frees them. */
export const hostMemory: Pick<Backend, 'memory' | 'allocate' | 'free' | 'write' | 'read'> = {
  memory: 'host',
  allocate,
  free: () => undefined,
  write: (buffer, data) => (buffer as HostBuffer).array.set(data),
  read: (buffer) => (buffer as HostBuffer).array.slice(),
};
