/** What layers share: their options, and the checks of what they are called with. */
import { ShapeError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { checkChoice, checkRange, POSITIVE_INTEGER } from '../core/ranges.js';
import type { Module } from '../object/module.js';
import { Tensor } from '../trace/tensor.js';
import { TrainVar } from '../trace/variable.js';
import { checkKey, nextKey, split } from './keys.js';
import { describe } from './reduction.js';

/** What every layer takes. */
export interface LayerOptions {
  /** Of the parameters; `'f32'` unless given. */
  readonly dtype?: 'f32' | 'f64';
  /** The key of the first values; the next one of the source that `random.seed` begins unless given. */
  readonly key?: Tensor;
  /** The module's unique name. */
  readonly name?: string | undefined;
}
const DTYPES = ['f32', 'f64'] as const;

/** What a layer is called with and gives. */
export type Layer = { call(x: Tensor): Tensor } | ((x: Tensor) => Tensor);

/** The name that options give; {@link checkLayer} speaks of options that are none. */
export const nameIn = (options: LayerOptions | null): string | undefined => options?.name;

/** Checks options, of which `more` are the layer's own. @throws OptionError `OPTIONS`, `UNKNOWN_OPTION`, `OPTION_RANGE`, `NOT_A_KEY` */
export function checkLayer(owner: string, options: LayerOptions, more: readonly string[] = []): void {
  checkOptions(owner, options, [...more, 'dtype', 'key', 'name']);
  if (options.dtype !== undefined) checkChoice(owner, 'dtype', options.dtype, DTYPES);
  if (options.key !== undefined) checkKey(owner, options.key, owner);
}

/** Positive integers, as extents are. @throws OptionError `OPTION_RANGE` */
export function checkCounts(owner: string, counts: Readonly<Record<string, number>>): void {
  for (const [option, count] of Object.entries(counts)) checkRange(owner, option, count, POSITIVE_INTEGER);
}

/** As many keys as a layer needs. */
export const layerKeys = (options: LayerOptions, count: number): Tensor[] => split(options.key ?? nextKey(), count);

/** A parameter that begins at `value`, in the dtype of the layer. */
export const parameter = (value: Tensor, { dtype = 'f32' }: LayerOptions): TrainVar => new TrainVar(value.cast(dtype));

/** @throws ShapeError `LAYER_INPUT` for what is no tensor */
export function checkTensor(layer: Module, x: unknown): asserts x is Tensor {
  if (!(x instanceof Tensor))
    throw new ShapeError('LAYER_INPUT', `${layer.name} got ${describe(x)}`, 'It takes a tensor of any shape.');
}

/**
 * Checks that `x` has `features` on its last axis and at least `rank` axes.
 * @throws ShapeError `LAYER_INPUT`
 */
export function checkInput(layer: Module, x: unknown, features: number, rank = 1): asserts x is Tensor {
  if (x instanceof Tensor && x.ndim >= rank && x.shape.at(-1) === features) return;
  const leading = rank === 1 ? '...' : rank === 2 ? 'batch, ...' : 'batch, time';
  throw new ShapeError(
    'LAYER_INPUT',
    `${layer.name} got ${describe(x)}`,
    `It takes [${leading}, ${features}]: ${features} features on the last axis.`,
  );
}
