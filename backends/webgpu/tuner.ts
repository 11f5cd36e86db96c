/**
 * Chooses the tiles of contractions by timing them, once for each class of shapes: programs begin with the default tiles and go
 * on with the fastest ones. One fixed tile is far from the best for some shapes on every card.
 */
import { LazuliError } from '../../src/core/errors.js';
import type { Kernel } from '../../src/compile/kernel.js';
import type { Program } from '../../src/lower/program.js';
import { retile, type TiledCode, tiledCodes, tiledCodesOf } from '../../src/lower/retile.js';
import type { ContractionShape, GroupTile } from '../../src/lower/target.js';
import { defaultTile, shapeClass, tilesFor, tileText } from '../../src/lower/tiles.js';
import type { Buffers } from './buffers.js';
import type { Device } from './device.js';
import type { Tuning } from './executable.js';
import type { Pipelines } from './pipelines.js';
import { limitsOf } from './target.js';
import { TileSearch, type TileTime } from './tile-search.js';

/** A contraction of fewer multiplications takes no longer than its launch. */
const LEAST_WORK = 1 << 20;
/** Bytes of its operands, of which the search makes a second copy. */
const MOST_BYTES = 2 ** 30;
/** So much faster than the default one a tile has to be. */
const WORTH = 0.97;

/** What is known of a class of shapes. */
interface Choice {
  readonly tile: GroupTile;
  /** The fastest first. */
  readonly tried: readonly TileTime[];
}

/** By adapter and class, for all devices of this process. */
const CHOICES = new Map<string, Map<string, Choice>>();

/** The tiles of a kernel's contractions, and why these; undefined if it has none. */
export function tilesOf(
  program: Program,
  kernel: Kernel,
  choiceOf: (shape: ContractionShape) => Choice | undefined = () => undefined,
): string | undefined {
  const texts = tiledCodesOf(program, kernel).map(({ shape }) => {
    const choice = choiceOf(shape);
    const tile = choice?.tile ?? defaultTile(shape, limitsOf(program.target));
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
  get times(): ReadonlyMap<string, readonly { readonly tile: string; readonly ms: number }[]> {
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
          const choice = choices.get(key) ?? (await this.#choose(program, each));
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

  /** The fastest of the tiles that may be it; undefined where they cannot be timed. */
  async #choose(program: Program, code: TiledCode): Promise<Choice | undefined> {
    const { device, buffers, pipelines } = this;
    const { shape, call } = code;
    const bytes = [...new Set(call.operands)].reduce((sum, id) => sum + program.buffers[id]!.bytes, 0);
    if (bytes > MOST_BYTES) return undefined;
    const limits = { ...limitsOf(program.target), localBytes: device.limits.localBytes };
    const own = defaultTile(shape, limits);
    const isOwn = (tile: GroupTile): boolean => tileText(tile) === tileText(own);
    const others = tilesFor(shape, limits).filter((tile) => !isOwn(tile));
    try {
      const tried = await new TileSearch(device, buffers, pipelines, program, code).run([own, ...others]);
      const standing = tried.find(({ tile }) => isOwn(tile))!;
      const [fastest] = tried as [TileTime];
      return { tile: fastest.ms < WORTH * standing.ms ? fastest.tile : own, tried };
    } catch (error) {
      // No memory for it, or no device any more: what runs stays as it is, and says so itself.
      if (error instanceof LazuliError) return undefined;
      throw error;
    }
  }
}
