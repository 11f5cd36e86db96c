/** Buffers of the backend: blocks with a dtype. bool is one word an element on the device, one byte outside. */
import { allocateArray, type DType, type TypedArray, viewArray } from '../../src/core/dtype.js';
import { InternalError } from '../../src/core/errors.js';
import { type BufferPurpose, type DeviceBuffer, isZeroed } from '../../src/runtime/backend.js';
import type { Device } from './device.js';
import type { Block, Slabs } from './slabs.js';
import { Staging } from './staging.js';
import { ELEMENT_BYTES } from './target.js';

export class WebGpuBuffer implements DeviceBuffer {
  /** Undefined once it is freed. */
  block: Block | undefined;

  constructor(
    readonly owner: Buffers,
    readonly dtype: DType,
    readonly size: number,
    block: Block,
  ) {
    this.block = block;
  }

  /** @throws InternalError if it was freed */
  get place(): Block {
    if (this.block === undefined) throw new InternalError('a WebGPU buffer was used after it was freed');
    return this.block;
  }
}

export class Buffers {
  readonly #staging: Staging;
  /** Buffers that are to read as zero where something else was before. */
  readonly #unclean = new Set<WebGpuBuffer>();

  constructor(
    readonly device: Device,
    readonly slabs: Slabs,
  ) {
    this.#staging = new Staging(device);
  }

  /** Memory, zeroed where its purpose asks for it. */
  allocate(dtype: DType, size: number, purpose: BufferPurpose): WebGpuBuffer {
    this.device.check();
    const { block, isZero } = this.slabs.allocate(Math.max(size, 1));
    const buffer = new WebGpuBuffer(this, dtype, size, block);
    if (!isZero && isZeroed(purpose) && size > 0) this.#unclean.add(buffer);
    return buffer;
  }

  free(buffer: WebGpuBuffer): void {
    this.#unclean.delete(buffer);
    const { block } = buffer;
    if (block === undefined) return;
    buffer.block = undefined;
    if (this.device.isUsable) this.slabs.free(block);
  }

  write(buffer: WebGpuBuffer, data: TypedArray): void {
    this.device.check();
    if (data.length === 0) return;
    const { slab, offset } = buffer.place;
    // As long as all of it is written, nothing has to be cleared.
    if (data.length === buffer.size) this.#unclean.delete(buffer);
    else this.clean();
    const words = data instanceof Uint8Array ? Uint32Array.from(data) : data;
    this.device.queue.write(slab.buffer, offset * ELEMENT_BYTES, words);
  }

  async read(buffer: WebGpuBuffer): Promise<TypedArray> {
    this.device.check();
    const { dtype, size } = buffer;
    if (size === 0) return allocateArray(dtype, 0);
    const { slab, offset } = buffer.place;
    const words = await this.#staging.read({ slab, offset, words: size }, this.takeCleaning());
    return dtype === 'bool' ? Uint8Array.from(new Uint32Array(words)) : viewArray(dtype, words, 0, size);
  }

  get hasUnclean(): boolean {
    return this.#unclean.size > 0;
  }

  /** What zeroes all that is to read as zero and does not: whoever takes it encodes it, before what comes later. */
  takeCleaning(): (encoder: GPUCommandEncoder) => void {
    if (!this.hasUnclean) return () => undefined;
    const places = [...this.#unclean].map(({ place, size }) => ({ place, size }));
    this.#unclean.clear();
    return (encoder) => {
      for (const { place, size } of places)
        encoder.clearBuffer(place.slab.buffer, place.offset * ELEMENT_BYTES, size * ELEMENT_BYTES);
    };
  }
  clean(): void {
    if (!this.hasUnclean) return;
    const clean = this.takeCleaning();
    this.device.queue.submit(() => {
      const encoder = this.device.gpu.createCommandEncoder();
      clean(encoder);
      return encoder.finish();
    });
  }
}
