/**
 * Affine forms of loop indices: the coordinates at which a tensor is read, and addresses of its elements.
 * A movement primitive is defined by how it turns coordinates of its result into coordinates of its input.
 */
import { type Shape, stridesOf } from './aval.js';
import type { SizeForm } from './extent.js';

/** offset + size · n + Σ strides[d] · index[d] over the loop axes, parallel ones first; in elements. n is the size of a batch. */
export interface AffineMap {
  readonly offset: number;
  readonly strides: readonly number[];
  readonly size?: number;
  /** Strides that follow from n: then the others are what they are at most. */
  readonly sizes?: readonly (SizeForm | undefined)[];
}

/** The stride along an axis, in any case as what follows from n. */
export const strideForm = ({ strides, sizes }: AffineMap, axis: number): SizeForm =>
  sizes?.[axis] ?? { times: 0, plus: strides[axis]! };

/** One affine form an axis of the node that is read. */
export type Coordinates = readonly AffineMap[];

/** A condition 0 ≤ form < size. */
export interface Bound {
  readonly form: AffineMap;
  readonly size: number;
}

export const constantForm = (offset: number, rank: number): AffineMap => ({
  offset,
  strides: new Array<number>(rank).fill(0),
});
/** The index of loop `axis`. */
export const axisForm = (axis: number, rank: number): AffineMap => ({
  offset: 0,
  strides: new Array<number>(rank).fill(0).fill(1, axis, axis + 1),
});
export const addForms = (a: AffineMap, b: AffineMap): AffineMap => ({
  offset: a.offset + b.offset,
  strides: a.strides.map((stride, axis) => stride + b.strides[axis]!),
});
export const scaleForm = (a: AffineMap, factor: number): AffineMap => ({
  offset: a.offset * factor,
  strides: a.strides.map((stride) => (stride === 0 ? 0 : stride * factor)),
});
export const shiftForm = (a: AffineMap, by: number): AffineMap => ({ offset: a.offset + by, strides: a.strides });

/** Row-major element number at `coordinates` of `shape`. */
export function linearForm(coordinates: Coordinates, shape: Shape, rank: number): AffineMap {
  const elements = stridesOf(shape);
  const strides = new Array<number>(rank).fill(0);
  let offset = 0;
  coordinates.forEach((form, axis) => {
    offset += form.offset * elements[axis]!;
    for (let loop = 0; loop < rank; loop++) strides[loop]! += form.strides[loop]! * elements[axis]!;
  });
  return { offset, strides };
}

export const formKey = (form: AffineMap): string =>
  `${form.offset}${form.size === undefined ? '' : `+${form.size}n`}+${form.strides.join()}${form.sizes ? JSON.stringify(form.sizes) : ''}`;
export const coordinatesKey = (coordinates: Coordinates): string => coordinates.map(formKey).join(';');

/** What a movement node reads: its input's coordinates and, for a pad, where they are inside the input. */
export interface Moved {
  readonly coordinates: Coordinates;
  readonly bounds: readonly Bound[];
  /** For a pad: the value outside the bounds. */
  readonly otherwise: number;
}

/**
 * Groups of a reshape that only splits axes (and adds or removes extents of 1): for each input axis the run of output
 * axes that make it up; undefined if axes are merged, for then no affine form of an input coordinate exists.
 */
export function splitGroups(input: Shape, output: Shape): number[][] | undefined {
  const groups: number[][] = [];
  let next = 0;
  for (const extent of input) {
    const group: number[] = [];
    let product = 1;
    if (extent !== 1) {
      while (next < output.length && product < extent) {
        product *= output[next]!;
        group.push(next++);
      }
      if (product !== extent) return undefined;
    }
    groups.push(group);
  }
  while (next < output.length && output[next] === 1) next++;
  return next === output.length ? groups : undefined;
}
