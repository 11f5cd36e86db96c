/** A backend whose modules are verified, and inputs for its programs. */
import * as L from 'lazuli';
import type { Tensor } from 'lazuli';
import { createWasmBackend, type WasmSource } from '../../backends/wasm/backend.js';
import { verifyModule } from './verify.js';
import type { HostArray } from '../../src/core/array.js';
import type { DType } from '../../src/core/dtype.js';
import { noise } from '../support/arrays.js';

const plain = createWasmBackend();
/** The backend: checks each module's stack types as it is emitted, which says more than the engine does. */
export const wasm: typeof plain = {
  ...plain,
  emit(program) {
    const source = plain.emit(program);
    verifyModule((source as WasmSource).emitted.module);
    return source;
  },
};

export const toTensor = ({ data, shape, dtype }: HostArray): Tensor => L.tensor(data, { shape, dtype });
/** Random elements; integers and floats alike are small, so that nothing saturates. */
export function random(dtype: DType, shape: readonly number[], seed: number): Tensor {
  const array = noise(dtype, shape, seed);
  if (dtype === 'i32' || dtype === 'u32')
    array.data.forEach((x, i) => (array.data[i] = dtype === 'u32' ? (x >>> 0) % 1000 : x % 1000));
  return toTensor(array);
}
