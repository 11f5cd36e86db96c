/** How long passes take by the device's own clock, which pages see in steps of 100 µs. */
import { type Device, MAP_READ, type PassClock, USAGE } from './device.js';

/** Passes that one watch times; it takes the ones after them to be like these. */
const MOST_PASSES = 2048;
const BYTES = 8;

export class Stopwatch implements PassClock {
  readonly #queries: GPUQuerySet;
  #passes = 0;

  /** @param device with the feature `timestamp-query` */
  constructor(readonly device: Device) {
    this.#queries = device.gpu.createQuerySet({ type: 'timestamp', count: 2 * MOST_PASSES });
  }

  /** What the next pass begins with. */
  next(): GPUComputePassDescriptor {
    const first = 2 * this.#passes++;
    if (first >= 2 * MOST_PASSES) return {};
    return {
      timestampWrites: {
        querySet: this.#queries,
        beginningOfPassWriteIndex: first,
        endOfPassWriteIndex: first + 1,
      },
    };
  }

  /** Milliseconds of all passes together, once they are done. The watch ends. */
  async read(): Promise<number> {
    const { device } = this;
    // What was queued may still wait for its turn.
    await device.queue.given();
    const timed = Math.min(this.#passes, MOST_PASSES);
    if (timed === 0) return 0;
    const size = 2 * BYTES * timed;
    const make = (usage: number): GPUBuffer => device.gpu.createBuffer({ label: 'timestamps', size, usage });
    const resolved = make(USAGE.queryResolve | USAGE.copySource);
    const staging = make(USAGE.mapRead | USAGE.copyDestination);
    try {
      await device.submit('reading timestamps', () => {
        const encoder = device.gpu.createCommandEncoder();
        encoder.resolveQuerySet(this.#queries, 0, 2 * timed, resolved, 0);
        encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
        return encoder.finish();
      });
      await staging.mapAsync(MAP_READ);
      const times = new BigUint64Array(staging.getMappedRange());
      let nanoseconds = 0;
      for (let i = 0; i < timed; i++) nanoseconds += Number(times[2 * i + 1]! - times[2 * i]!);
      return ((nanoseconds / 1e6) * this.#passes) / timed;
    } finally {
      for (const each of [resolved, staging]) each.destroy();
      this.#queries.destroy();
    }
  }
}

/** Milliseconds that the device takes for what `work` queues: by its own clock, or by that of the host where it has none. */
export async function timed(device: Device, work: () => void): Promise<number> {
  if (!device.hasTimestamps) {
    await device.settled();
    const start = performance.now();
    work();
    await device.settled();
    return performance.now() - start;
  }
  const watch = new Stopwatch(device);
  device.stopwatch = watch;
  try {
    work();
  } finally {
    device.stopwatch = undefined;
  }
  return watch.read();
}
