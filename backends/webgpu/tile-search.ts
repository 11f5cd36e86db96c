/**
 * How long the tiles of one contraction take, each as a program of its own on memory of its own. All are timed once; then the
 * best of them in turns, for a device that was idle is slow at first.
 */
import type { Buffer } from '../../src/compile/buffers.js';
import type { LaunchStep, Program } from '../../src/lower/program.js';
import { lowerInTiles, type TiledCode } from '../../src/lower/retile.js';
import type { GroupTile } from '../../src/lower/target.js';
import type { DeviceBuffer } from '../../src/runtime/backend.js';
import { hostMemory } from '../../src/runtime/host-memory.js';
import { kernelProgram } from '../../src/runtime/kernel-program.js';
import { type Buffers, WebGpuBuffer } from './buffers.js';
import type { Device } from './device.js';
import { WebGpuExecutable } from './executable.js';
import type { Pipelines } from './pipelines.js';
import { timed } from './stopwatch.js';
import { limitsOf } from './target.js';

/** Milliseconds after which a search compiles nothing more, and times nothing more: where shaders take seconds. */
const BUDGET_MS = 2000;
/** A card that was idle is warm when it is not faster than so many stretches of work ago, or after half a second. */
const STRETCH_MS = 20;
const STRETCHES = 3;
const MOST_WARM_MS = 500;
const WARMER = 0.97;
/** Milliseconds that a measurement takes at least: clocks have steps of 0.1. By the clock of the host, more. */
const LEAST_MS = 1;
const LEAST_HOST_MS = 5;
const MOST_REPEATS = 256;
/** What takes so long is not repeated, and not timed in turns. */
const SLOW_MS = 20;
/** Tiles that are timed in turns, the default one besides. */
const FINALISTS = 3;
const ROUNDS = 4;
/** Tiles whose shaders are compiled at once. */
const AT_ONCE = 4;

/** Milliseconds of one run of a tile. */
export interface TileTime {
  readonly tile: GroupTile;
  readonly ms: number;
}

/** A tile in the search. */
interface Trial {
  readonly tile: GroupTile;
  ms: number;
  /** Milliseconds of one run, again. */
  readonly again: () => Promise<number>;
}

export class TileSearch {
  readonly #opened: WebGpuExecutable[] = [];
  readonly #operands: DeviceBuffer[] = [];

  constructor(
    readonly device: Device,
    readonly buffers: Buffers,
    readonly pipelines: Pipelines,
    readonly program: Program,
    readonly code: TiledCode,
  ) {}

  /** Times of `tiles`, of which the first is sure to be among them; the fastest first. */
  async run(tiles: readonly GroupTile[]): Promise<TileTime[]> {
    const { call } = this.code;
    try {
      for (const id of call.operands) this.#operands[id] ??= this.#operand(this.program.buffers[id]!);
      const singles = await this.#openAll(tiles);
      await this.#warm(singles[0]!);
      const trials: Trial[] = [];
      const end = performance.now() + BUDGET_MS;
      for (const [i, single] of singles.entries()) {
        if (i > 0 && performance.now() > end) break;
        trials.push(await this.#trial(tiles[i]!, single));
      }
      const [own] = trials as [Trial];
      const byTime = (a: TileTime, b: TileTime): number => a.ms - b.ms;
      const finalists = new Set([own, ...[...trials].sort(byTime).slice(0, FINALISTS)]);
      if (own.ms < SLOW_MS) {
        for (const each of finalists) each.ms = Infinity;
        for (let round = 0; round < ROUNDS; round++)
          for (const each of finalists) each.ms = Math.min(each.ms, await each.again());
      }
      // Times of the others are of another moment: they come after.
      const last = Math.max(...[...finalists].map(({ ms }) => ms));
      return trials
        .map((each) => ({ tile: each.tile, ms: finalists.has(each) ? each.ms : Math.max(each.ms, last) }))
        .sort(byTime);
    } finally {
      for (const executable of this.#opened) executable.release();
      for (const buffer of this.#operands) if (buffer instanceof WebGpuBuffer) this.buffers.free(buffer);
    }
  }

  /** The first of `tiles`, and those after it as far as time allows. All, before one is timed: an idle card slows down. */
  async #openAll(tiles: readonly GroupTile[]): Promise<WebGpuExecutable[]> {
    const end = performance.now() + BUDGET_MS;
    const pending: Promise<WebGpuExecutable>[] = [];
    const opened: WebGpuExecutable[] = [];
    for (let i = 0; i < tiles.length && (i === 0 || performance.now() < end); i++) {
      // Devices compile several shaders at a time; the first one tells whether that takes too long.
      for (let next = pending.length; next < Math.min(i === 0 ? 1 : i + AT_ONCE, tiles.length); next++) {
        pending[next] = this.#open(tiles[next]!, 1);
        // It may be that nobody waits for it.
        pending[next]!.catch(() => undefined);
      }
      opened.push(await pending[i]!);
    }
    return opened;
  }

  /** Memory for an operand, with whatever lies there; a number is 0. */
  #operand({ home, dtype, size }: Buffer): DeviceBuffer {
    return home === 'host' ? hostMemory.allocate(dtype, 1, 'input') : this.buffers.allocate(dtype, size, 'result');
  }

  /** The contraction with `tile`, `repeats` times, ready to run. */
  async #open(tile: GroupTile, repeats: number): Promise<WebGpuExecutable> {
    const { program, code } = this;
    const { code: written, grid } = lowerInTiles(code, program.target, 'timed', () => tile);
    const launch: LaunchStep = {
      kind: 'launch',
      kernel: code.kernel,
      phases: [[{ ...code.call, code: 0, grid: { ...grid, extent: grid.extent! } }]],
    };
    const alone: Program = {
      ...kernelProgram(program, code.kernel, [launch]),
      functions: [written],
      steps: Array.from({ length: repeats }, () => launch),
    };
    const executable = new WebGpuExecutable(alone, this.device, this.buffers, this.pipelines);
    this.#opened.push(executable);
    await executable.prepare(this.#operands);
    return executable;
  }

  async #time(executable: WebGpuExecutable): Promise<number> {
    let done: Promise<void> | undefined;
    const ms = await timed(this.device, () => {
      done = executable.run(this.#operands, this.program.batch?.capacity);
    });
    await done;
    return ms;
  }

  async #warm(executable: WebGpuExecutable): Promise<void> {
    // A processor is warm.
    if (limitsOf(this.program.target).inTurns) return;
    const bests: number[] = [];
    const end = performance.now() + MOST_WARM_MS;
    let isFaster = true;
    while (isFaster && performance.now() < end) {
      let best = Infinity;
      const stretch = performance.now() + STRETCH_MS;
      do best = Math.min(best, await this.#time(executable));
      while (performance.now() < stretch);
      isFaster = best < WARMER * (bests[bests.length - STRETCHES] ?? Infinity);
      bests.push(best);
    }
  }

  async #trial(tile: GroupTile, single: WebGpuExecutable): Promise<Trial> {
    await this.#time(single);
    const first = await this.#time(single);
    const enough = this.device.hasTimestamps ? LEAST_MS : LEAST_HOST_MS;
    // One run may take less than the clock tells.
    const repeats = first > SLOW_MS ? 1 : Math.min(MOST_REPEATS, Math.ceil(enough / Math.max(first, LEAST_MS / 50)));
    const many = repeats === 1 ? single : await this.#open(tile, repeats);
    const again = async (): Promise<number> => (await this.#time(many)) / repeats;
    return { tile, ms: repeats === 1 ? first : await again(), again };
  }
}
