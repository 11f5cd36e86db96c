/**
 * Chooses the tiles of contractions by timing them, once for each class of shapes: programs begin with the default tiles and go
 * on with the fastest ones. One fixed tile is far from the best for some shapes on every card.
 */
import { LazuliError } from '../../src/core/errors.js';
import type { Buffer } from '../../src/compile/buffers.js';
import type { Kernel } from '../../src/compile/kernel.js';
import type { LaunchStep, Program } from '../../src/lower/program.js';
import { lowerInTiles, retile, type TiledCode, tiledCodes, tiledCodesOf } from '../../src/lower/retile.js';
import type { ContractionShape, GroupTile } from '../../src/lower/target.js';
import { defaultTile, shapeClass, tilesFor, tileText } from '../../src/lower/tiles.js';
import { hostMemory } from '../../src/runtime/host-memory.js';
import { kernelProgram } from '../../src/runtime/kernel-program.js';
import type { DeviceBuffer } from '../../src/runtime/backend.js';
import { type Buffers, WebGpuBuffer } from './buffers.js';
import type { Device } from './device.js';
import { type Tuning, WebGpuExecutable } from './executable.js';
import type { Pipelines } from './pipelines.js';
import { timed } from './stopwatch.js';
import { WEBGPU_TARGET, WORKGROUPS } from './target.js';

/** A contraction of fewer multiplications takes no longer than its launch. */
const LEAST_WORK = 1 << 20;
/** Bytes of its operands, of which the search makes a second copy. */
const MOST_BYTES = 2 ** 30;
/** Milliseconds that a measurement takes at least: clocks have steps of 0.1. By the clock of the host, more. */
const LEAST_MS = 1;
const LEAST_HOST_MS = 5;
const MOST_REPEATS = 256;
const ROUNDS = 3;
/** What takes so long is measured once. */
const SLOW_MS = 20;
/** Milliseconds after which a search tries nothing more: where shaders take seconds, as on software adapters. */
const BUDGET_MS = 2000;
/** Tiles whose shaders are compiled at once. */
const AT_ONCE = 4;
/** A tile that is so much slower than the best at first sight is not measured. */
const HOPELESS = 3;
/** So much faster than the default one a tile has to be. */
const WORTH = 0.97;

/** What is known of a class of shapes. */
interface Choice {
  readonly tile: GroupTile;
  /** Milliseconds of a tile in the search, the fastest first; empty where there was none. */
  readonly tried: readonly { readonly tile: GroupTile; readonly ms: number }[];
}

/** By adapter and class, for all devices of this process. */
const CHOICES = new Map<string, Map<string, Choice>>();

/** A contraction with one tile. */
interface Trial {
  /** A program that runs it `repeats` times, ready to run. */
  open(repeats: number): Promise<WebGpuExecutable>;
  /** Milliseconds of one run; undefined if `single` takes longer than `most`. */
  measure(single: WebGpuExecutable, most: number): Promise<number | undefined>;
}

/** How long one run of a tile took. */
export interface TileTime {
  readonly tile: string;
  readonly ms: number;
}

/** The tiles of a kernel's contractions, and why these; undefined if it has none. */
export function tilesOf(
  program: Program,
  kernel: Kernel,
  choiceOf: (shape: ContractionShape) => Choice | undefined = () => undefined,
): string | undefined {
  const texts = tiledCodesOf(program, kernel).map(({ shape }) => {
    const choice = choiceOf(shape);
    const tile = choice?.tile ?? defaultTile(shape, WORKGROUPS.enough);
    const why = choice && `the fastest of ${choice.tried.length} that were timed for ${shapeClass(shape)}`;
    return `${tileText(tile)} (${why ?? 'the default'})`;
  });
  return texts.length === 0 ? undefined : [...new Set(texts)].join('; ');
}

export class Tuner implements Tuning {
  /** Searches, one after another. */
  #searches: Promise<void> = Promise.resolve();
  readonly #searched = new Map<string, Promise<void>>();

  constructor(
    readonly device: Device,
    readonly buffers: Buffers,
    readonly pipelines: Pipelines,
    readonly isOn: boolean,
  ) {}

  get #choices(): Map<string, Choice> {
    const { description } = this.device;
    let choices = CHOICES.get(description);
    if (choices === undefined) CHOICES.set(description, (choices = new Map<string, Choice>()));
    return choices;
  }
  #choice(shape: ContractionShape): Choice | undefined {
    return this.isOn ? this.#choices.get(shapeClass(shape)) : undefined;
  }

  /** What was measured on this adapter, by class of shapes, the fastest first. */
  get times(): ReadonlyMap<string, readonly TileTime[]> {
    return new Map(
      [...this.#choices].map(([key, { tried }]) => [key, tried.map(({ tile, ms }) => ({ tile: tileText(tile), ms }))]),
    );
  }

  /** The program with the tiles that are known to be best. */
  apply(program: Program): Program {
    return retile(program, (shape) => this.#choice(shape)?.tile);
  }

  /** Begins to search where nothing is known; undefined if all is. */
  search(program: Program): Promise<void> | undefined {
    if (!this.isOn) return undefined;
    const begun = tiledCodes(program).flatMap((each) => {
      const { rows, columns, steps, batch } = each.shape;
      const key = shapeClass(each.shape);
      const choices = this.#choices;
      if (choices.has(key) || rows * columns * steps * batch < LEAST_WORK) return [];
      let search = this.#searched.get(key);
      if (search === undefined) {
        search = this.#searches = this.#searches.then(async () => {
          const choice = choices.get(key) ?? (await this.#measureAll(program, each));
          if (choice !== undefined) choices.set(key, choice);
        });
        this.#searched.set(key, search);
      }
      return [search];
    });
    return begun.length === 0 ? undefined : Promise.all(begun).then(() => undefined);
  }

  /** Resolves when the searches that have begun are done. */
  idle(): Promise<void> {
    return this.#searches;
  }

  /** {@link tilesOf} with what is known. */
  describe(program: Program, kernel: Kernel): string | undefined {
    return tilesOf(program, kernel, (shape) => this.#choice(shape));
  }

  /** Times all tiles that may be the fastest; undefined where that cannot be done. */
  async #measureAll(program: Program, code: TiledCode): Promise<Choice | undefined> {
    const { shape, call } = code;
    const bytes = [...new Set(call.operands)].reduce((sum, id) => sum + program.buffers[id]!.bytes, 0);
    if (bytes > MOST_BYTES) return undefined;
    const own = defaultTile(shape, WORKGROUPS.enough);
    const isOwn = (tile: GroupTile): boolean => tileText(tile) === tileText(own);
    const others = tilesFor(shape, this.device.limits.localBytes).filter((tile) => !isOwn(tile));
    const operands: DeviceBuffer[] = [];
    const opened: WebGpuExecutable[] = [];
    try {
      for (const id of call.operands) operands[id] ??= this.#operand(program.buffers[id]!);
      const trials = [own, ...others].map((tile) => ({
        tile,
        trial: this.#trial(program, code, tile, operands, opened),
      }));
      // Devices compile several shaders at a time.
      const singles: Promise<WebGpuExecutable>[] = [];
      const openUntil = (end: number): void => {
        for (let i = singles.length; i < Math.min(end, trials.length); i++) {
          singles[i] = trials[i]!.trial.open(1);
          // It may be that nobody waits for it.
          singles[i]!.catch(() => undefined);
        }
      };
      const tried: { tile: GroupTile; ms: number }[] = [];
      let best = Infinity;
      const end = performance.now() + BUDGET_MS;
      for (const [i, { tile, trial }] of trials.entries()) {
        if (i > 0 && performance.now() > end) break;
        openUntil(i + AT_ONCE);
        const ms = await trial.measure(await singles[i]!, HOPELESS * best);
        if (ms === undefined) continue;
        tried.push({ tile, ms });
        best = Math.min(best, ms);
      }
      tried.sort((a, b) => a.ms - b.ms);
      const standing = tried.find(({ tile }) => isOwn(tile))!;
      const [fastest] = tried as [Choice['tried'][number]];
      return { tile: fastest.ms < WORTH * standing.ms ? fastest.tile : own, tried };
    } catch (error) {
      // No memory for it, or no device any more: what runs stays as it is, and says so itself.
      if (error instanceof LazuliError) return undefined;
      throw error;
    } finally {
      for (const executable of opened) executable.release();
      for (const buffer of operands) if (buffer instanceof WebGpuBuffer) this.buffers.free(buffer);
    }
  }

  /** Memory for an operand, with whatever lies there; a number is 0. */
  #operand({ home, dtype, size }: Buffer): DeviceBuffer {
    return home === 'host' ? hostMemory.allocate(dtype, 1, 'input') : this.buffers.allocate(dtype, size, 'result');
  }

  /** Programs of `code` with `tile` alone; they join `opened`. */
  #trial(
    program: Program,
    code: TiledCode,
    tile: GroupTile,
    operands: readonly DeviceBuffer[],
    opened: WebGpuExecutable[],
  ): Trial {
    const { device } = this;
    const { code: written, grid } = lowerInTiles(code, WEBGPU_TARGET, 'timed', () => tile);
    const launch: LaunchStep = {
      kind: 'launch',
      kernel: code.kernel,
      phases: [[{ ...code.call, code: 0, grid: { ...grid, extent: grid.extent! } }]],
    };
    const one: Program = { ...kernelProgram(program, code.kernel, [launch]), functions: [written] };
    const open = async (repeats: number): Promise<WebGpuExecutable> => {
      const steps = Array.from({ length: repeats }, () => launch);
      const executable = new WebGpuExecutable({ ...one, steps }, device, this.buffers, this.pipelines);
      opened.push(executable);
      await executable.prepare(operands);
      return executable;
    };
    const time = async (executable: WebGpuExecutable): Promise<number> => {
      let done: Promise<void> | undefined;
      const ms = await timed(device, () => {
        done = executable.run(operands, program.batch?.capacity);
      });
      await done;
      return ms;
    };
    const measure = async (single: WebGpuExecutable, most: number): Promise<number | undefined> => {
      await time(single);
      const first = await time(single);
      if (first > most) return undefined;
      if (first > SLOW_MS) return first;
      const enough = device.hasTimestamps ? LEAST_MS : LEAST_HOST_MS;
      const repeats = Math.min(MOST_REPEATS, Math.ceil(enough / first));
      const many = await open(repeats);
      let least = Infinity;
      for (let i = 0; i < ROUNDS; i++) least = Math.min(least, (await time(many)) / repeats);
      return least;
    };
    return { open, measure };
  }
}
