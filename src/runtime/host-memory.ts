/** Buffers in the JavaScript heap, shared by the backends that compute there. */
import { allocateArray, type DType, type TypedArray } from '../core/dtype.js';
import { type Backend, type DeviceBuffer } from './backend.js';

export interface HostBuffer extends DeviceBuffer {
  readonly array: TypedArray;
}

/** The memory verbs of a backend whose buffers are typed arrays. The garbage collector frees them. */
export const hostMemory: Pick<Backend, 'memory' | 'allocate' | 'free' | 'write' | 'read'> = {
  memory: 'host',
  allocate: (dtype: DType, size: number): HostBuffer => ({ dtype, size, array: allocateArray(dtype, size) }),
  free: () => undefined,
  write: (buffer, data) => (buffer as HostBuffer).array.set(data),
  read: (buffer) => (buffer as HostBuffer).array.slice(),
};
