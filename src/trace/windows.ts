/** What convolutions and pooling check of their options, before anything is recorded. */
import { range } from '../core/axes.js';
import { OptionError, ShapeError } from '../core/errors.js';
import { describeValue } from '../core/options.js';

/** None, as much as gives ⌈extent / stride⌉ places (the odd one at the end), so many on both sides, or a pair an axis. */
export type Padding = 'valid' | 'same' | number | readonly (readonly [number, number])[];
/** Channels last or first, in any number of dimensions. */
export type ConvLayout = 'NHWC' | 'NCHW';

export const refuse = (name: string, option: string, value: unknown, remedy: string): never => {
  const shown = Array.isArray(value) ? JSON.stringify(value) : describeValue(value);
  throw new OptionError('OPTION_RANGE', `${name} got ${option} = ${shown}`, remedy);
};

/** Integers of at least `least`, one an axis, from one number or a list. */
export function eachAxis(name: string, option: string, value: unknown, rank: number, least: number): number[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : range(rank).map(() => value);
  if (list.length !== rank || !list.every((each) => Number.isInteger(each) && (each as number) >= least))
    refuse(
      name,
      option,
      value,
      `Give an integer of at least ${least}${rank > 1 ? `, or ${rank} of them, one an axis` : ''}.`,
    );
  return list as number[];
}

/** Whether `layout` is `'NCHW'`. @throws OptionError `OPTION_RANGE` */
export function isChannelsFirst(name: string, layout: unknown = 'NHWC'): boolean {
  if (layout !== 'NHWC' && layout !== 'NCHW')
    refuse(
      name,
      'layout',
      layout,
      `It is 'NHWC' (channels last) or 'NCHW' (channels first), whatever the number of axes.`,
    );
  return layout === 'NCHW';
}

/** The pairs of widths that `padding` gives; undefined where they are none, or follow from extents. @throws OptionError `OPTION_RANGE` */
export function checkPadding(
  name: string,
  padding: unknown,
  rank: number,
): readonly (readonly [number, number])[] | undefined {
  if (padding === undefined || padding === 'valid' || padding === 'same') return undefined;
  const isWidth = (n: unknown): boolean => Number.isInteger(n) && (n as number) >= 0;
  const pairs: readonly unknown[] = Array.isArray(padding) ? padding : range(rank).map(() => [padding, padding]);
  if (pairs.length !== rank || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isWidth)))
    refuse(
      name,
      'padding',
      padding,
      `It is 'valid', 'same', a width of at least 0, or ${rank} pair${rank > 1 ? 's' : ''} [before, after] of them.`,
    );
  return pairs as readonly (readonly [number, number])[];
}

/** Widths before and after each axis; `same(axis)` is the sum of both for 'same'. */
export const paddings = (
  name: string,
  padding: unknown,
  rank: number,
  same: (axis: number) => number,
): readonly (readonly [number, number])[] =>
  checkPadding(name, padding, rank) ??
  range(rank).map((axis) => {
    const total = padding === 'same' ? Math.max(0, same(axis)) : 0;
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  });

/** What pads so that there are ⌈extent / stride⌉ windows of `size`, as TensorFlow does. */
export const samePadding = (extent: number, size: number, stride: number): number =>
  (Math.ceil(extent / stride) - 1) * stride + size - extent;

/** Places that a window covers. */
export const covered = (size: number, dilation: number): number => (size === 0 ? 0 : dilation * (size - 1) + 1);

/** How many windows there are along an axis. @throws ShapeError `WINDOW_TOO_LARGE` if there is none. */
export function windowCount(name: string, key: string, extent: number, size: number, stride: number): number {
  if (size > extent)
    throw new ShapeError(
      'WINDOW_TOO_LARGE',
      `${name} got a window that covers ${size} places of ${extent}, padding counted, of ${key}`,
      'A window must fit into the padded input.',
    );
  return Math.floor((extent - size) / stride) + 1;
}
