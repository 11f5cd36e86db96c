/** Reading: words are copied to a buffer that the CPU may map. Such buffers are pooled. */
import { type Device, MAP_READ, USAGE } from './device.js';
import type { Block } from './slabs.js';
import { ELEMENT_BYTES } from './target.js';

/** Bytes that wait in the pool at most, and buffers. */
const POOLED_BYTES = 1 << 26;
const POOLED_BUFFERS = 8;
const LEAST_BYTES = 256;

export class Staging {
  /** Those that wait, the last used last. */
  readonly #waiting: GPUBuffer[] = [];

  constructor(readonly device: Device) {}

  /** The words of `block`, after what `before` encodes. */
  async read({ slab, offset, words }: Block, before: (encoder: GPUCommandEncoder) => void): Promise<ArrayBuffer> {
    const { device } = this;
    const bytes = words * ELEMENT_BYTES;
    const { value: staging, checked } = device.watch(`${bytes} bytes to read into`, () => this.#take(bytes));
    const copied = device.submit(`reading ${bytes} bytes`, () => {
      const encoder = device.gpu.createCommandEncoder();
      before(encoder);
      encoder.copyBufferToBuffer(slab.buffer, offset * ELEMENT_BYTES, staging, 0, bytes);
      return encoder.finish();
    });
    const mapped = device.queue.given().then(() => {
      const map = staging.mapAsync(MAP_READ, 0, bytes);
      // Firefox looks for finished maps rarely, unless something is submitted.
      device.gpu.queue.submit([]);
      return map;
    });
    try {
      await Promise.all([slab.checked, checked, copied, mapped]);
    } catch (error) {
      mapped.catch(() => undefined);
      staging.destroy();
      device.check();
      throw error;
    }
    const copy = staging.getMappedRange(0, bytes).slice(0);
    staging.unmap();
    this.#give(staging);
    return copy;
  }

  /** The smallest waiting buffer that holds `bytes` and no more than four times as many, else a new one. */
  #take(bytes: number): GPUBuffer {
    const power = Math.max(LEAST_BYTES, 2 ** Math.ceil(Math.log2(bytes)));
    const size = power > this.device.limits.bufferBytes ? bytes : power;
    const at = this.#waiting.findIndex((each) => each.size >= bytes && each.size <= 4 * size);
    if (at >= 0) return this.#waiting.splice(at, 1)[0]!;
    return this.device.gpu.createBuffer({ label: 'staging', size, usage: USAGE.mapRead | USAGE.copyDestination });
  }

  #give(buffer: GPUBuffer): void {
    this.#waiting.push(buffer);
    while (
      this.#waiting.length > POOLED_BUFFERS ||
      this.#waiting.reduce((sum, { size }) => sum + size, 0) > POOLED_BYTES
    )
      this.#waiting.shift()!.destroy();
  }
}
