/**
 * Memory for the temporaries of whichever program runs: programs run one at a time, so one block serves them all. Its content
 * does not outlive a call.
 */
import type { Block, NativeMemory } from './memory.js';

export class Workspace {
  #block: Block | undefined;
  /** Grows when the block moves. */
  version = 0;

  constructor(readonly memory: NativeMemory) {}

  /** The address of at least `bytes` bytes; if there are not so many, nothing changes. @throws UnsupportedError `OUT_OF_MEMORY` */
  require(bytes: number): number {
    if (this.#block === undefined || bytes > this.#block.bytes) {
      const former = this.#block;
      this.#block = this.memory.block(bytes, 'anything', `${bytes} bytes of temporaries`);
      if (former !== undefined) this.memory.give(former);
      this.version++;
    }
    return this.#block.address;
  }
}
