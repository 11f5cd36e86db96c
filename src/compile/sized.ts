/**
 * What fusion and scheduling made of three members of a family → the same for any n.
 *
 * Plain data is compared part by part; numbers of four kinds may follow from n: extents of loops, offsets and strides of
 * accesses, how far the elements of a sequence lie apart, and sizes of buffers. Everything else must be equal. Elements lie as
 * dense as where n is known.
 */
import type { AffineMap } from '../core/affine.js';
import { type SizeForm, sizeAt, sizeFormOf } from '../core/extent.js';
import type { BufferSpec } from './buffer-table.js';
import { type Kernel, type ScalarNode, type Segment, segmentSignature } from './kernel.js';
import type { View, Work } from './work.js';

/** Three stages at `sizes` become one for up to `capacity` rows, whose numbers are those at the capacity. */
export class SizeMerge {
  /** The first place where the stages differ by more than n. */
  difference: string | undefined;

  constructor(
    readonly sizes: readonly number[],
    readonly capacity: number,
  ) {}

  kernels(all: readonly (readonly Kernel[])[]): readonly Kernel[] {
    return this.#merge(all, 'kernels') as readonly Kernel[];
  }
  buffers(all: readonly (readonly BufferSpec[])[]): BufferSpec[] {
    const [first] = all as [readonly BufferSpec[]];
    if (all.some(({ length }) => length !== first.length)) this.#differ('the number of buffers');
    return first.map((spec, i) => {
      const own = all.map((specs) => specs[i] ?? spec);
      const form = this.#form(
        own.map(({ size }) => size),
        'the size of a buffer',
      );
      if (form === undefined) return spec;
      const { sizes, most: shape } = this.#numbers(
        own.map((each) => each.shape),
        'the extent of a buffer',
      );
      return { ...spec, shape, size: sizeAt(form, this.capacity), count: form, sizes };
    });
  }
  work(all: readonly (readonly Work[])[]): readonly Work[] {
    return this.#merge(all, 'what runs when') as readonly Work[];
  }
  /** Checks that the stages are equal in `what`. */
  equal<T>(all: readonly T[], what: string): T {
    return this.#merge(all, what) as T;
  }

  #differ(what: string): void {
    this.difference ??= what;
  }
  /** Undefined for a number that is the same at all sizes. */
  #form(values: readonly number[], what: string): SizeForm | undefined {
    if (values.every((value) => Object.is(value, values[0]))) return undefined;
    const form = sizeFormOf(this.sizes, values);
    if (form === undefined) this.#differ(what);
    return form;
  }

  /** Lists of which each number may follow from n: their forms, and what they are at most. */
  #numbers(
    lists: readonly (readonly number[])[],
    what: string,
  ): { readonly sizes: readonly (SizeForm | undefined)[]; readonly most: readonly number[] } {
    const [first] = lists as [readonly number[]];
    if (lists.some(({ length }) => length !== first.length)) this.#differ(what);
    const sizes = first.map((_, i) =>
      this.#form(
        lists.map((list) => list[i]!),
        what,
      ),
    );
    return { sizes, most: first.map((value, i) => this.#most(value, sizes[i])) };
  }

  #merge(values: readonly unknown[], what: string): unknown {
    const [first] = values;
    if (values.every((value) => Object.is(value, first))) return first;
    if (first instanceof Set) {
      this.#merge(
        (values as readonly Set<unknown>[]).map((each) => [...each]),
        what,
      );
      return first;
    }
    if (Array.isArray(first)) {
      const lists = values as (readonly unknown[])[];
      if (lists.some((list) => !Array.isArray(list) || list.length !== first.length)) this.#differ(what);
      if (this.difference !== undefined) return first;
      return first.map((_, i) =>
        this.#merge(
          lists.map((list) => list[i]),
          what,
        ),
      );
    }
    if (values.some((value) => typeof value !== 'object' || value === null)) {
      this.#differ(what);
      return first;
    }
    const records = values as readonly Record<string, unknown>[];
    if ('reduceAxes' in records[0]!) return this.#segment(values as readonly Segment[]);
    if ('strides' in records[0]!) return this.#map(values as readonly AffineMap[]);
    if ('view' in records[0]!) return this.#view(values as readonly View[]);
    if ('turns' in records[0]!) what = 'a loop with a turn for each row';
    const kinds = values as readonly ScalarNode[];
    if (kinds.every((node) => node.kind === 'constant')) return this.#constant(kinds);
    return this.#record(records, what);
  }

  #record<T>(records: readonly (T & object)[], what: string, skip: readonly string[] = []): T {
    const merged = { ...(records[0] as Record<string, unknown>) };
    const keys = new Set(records.flatMap(Object.keys));
    for (const key of keys)
      if (!skip.includes(key))
        merged[key] = this.#merge(
          records.map((record) => (record as Record<string, unknown>)[key]),
          key === 'indirect' ? 'places along an axis whose elements lie rows apart' : what,
        );
    return merged as T;
  }

  /** Offset and strides may follow from n. */
  #map(maps: readonly AffineMap[]): AffineMap {
    const { sizes, most: strides } = this.#numbers(
      maps.map((map) => map.strides),
      'the layout of a buffer',
    );
    const form = this.#form(
      maps.map(({ offset }) => offset),
      'the offset of an access',
    );
    return {
      offset: form?.plus ?? maps[0]!.offset,
      strides,
      ...(form === undefined ? {} : { size: form.times }),
      ...(sizes.some(Boolean) ? { sizes } : {}),
    };
  }
  /** How far an element of a sequence lies from the next may follow from n. */
  #view(views: readonly View[]): View {
    const merged = this.#record(views, 'the sequences of a loop', ['stride']);
    const size = this.#form(
      views.map(({ stride }) => stride),
      'the elements of a sequence',
    );
    return { ...merged, stride: this.#most(views[0]!.stride, size), ...(size && { size }) };
  }
  #most(value: number, size: SizeForm | undefined): number {
    return size === undefined ? value : sizeAt(size, this.capacity);
  }

  /** A bound that follows from n is an index that moves with nothing else. */
  #constant(nodes: readonly Constant[]): ScalarNode {
    const [node] = nodes as [Constant];
    const form = this.#form(
      nodes.map(({ value }) => value),
      'a number of a kernel',
    );
    if (form === undefined) return node;
    return { ...node, kind: 'index', map: { offset: form.plus, strides: [], size: form.times } };
  }

  #segment(segments: readonly Segment[]): Segment {
    const merged = this.#record(segments, 'a loop nest', ['axes', 'reduceAxes', 'signature', 'origins', 'made']);
    const { sizes: outer, most: axes } = this.#numbers(
      segments.map((segment) => segment.axes),
      'the extent of a loop',
    );
    const { sizes: inner, most: reduceAxes } = this.#numbers(
      segments.map((segment) => segment.reduceAxes),
      'the extent of a loop',
    );
    const sizes = [...outer, ...inner];
    const rank = axes.length + reduceAxes.length;
    const body = merged.body.map((node) =>
      node.kind === 'index' && node.map.strides.length < rank
        ? { ...node, map: { ...node.map, strides: new Array<number>(rank).fill(0) } }
        : node,
    );
    const segment = {
      ...merged,
      axes,
      reduceAxes,
      body,
      ...(sizes.some(Boolean) ? { sizes } : {}),
    };
    return { ...segment, signature: segmentSignature(segment) };
  }
}

type Constant = Extract<ScalarNode, { kind: 'constant' }>;
