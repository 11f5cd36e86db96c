/**
 * Memory for the temporaries and packed operands of whichever program runs: programs run one at a time, so one block
 * serves them all. Its content does not outlive a call.
 */
import type { WasmBuffers } from './buffers.js';

export class Workspace {
  #address = 0;
  #bytes = -1;
  /** Grows when the block moves. */
  version = 0;

  constructor(readonly buffers: WasmBuffers) {}

  /** The address of at least `bytes` bytes; if there are not so many, nothing changes. @throws UnsupportedError `OUT_OF_MEMORY` */
  require(bytes: number): number {
    if (bytes <= this.#bytes) return this.#address;
    const { memory } = this.buffers;
    const [former, formerBytes] = [this.#address, this.#bytes];
    // The old block goes first, so that the new one may grow over it.
    if (formerBytes >= 0) memory.free(former);
    try {
      this.#address = this.buffers.take(bytes);
    } catch (error) {
      if (formerBytes >= 0) this.#address = memory.allocate(formerBytes);
      throw error;
    } finally {
      this.version++;
    }
    this.#bytes = bytes;
    return this.#address;
  }
}
