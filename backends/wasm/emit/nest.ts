/**
 * What a loop nest over one index space needs, whatever its kind: which values differ along the vectorised axis, the
 * pointers that walk the operands, and the locals that hold each node's value.
 *
 * Each loop has pointers of its own, which start at those of the loop around it and advance by its stride; an access
 * adds only a constant. Nodes stand at their depth, so nothing is computed again in an inner loop.
 */
import type { AffineMap } from '../../../src/core/affine.js';
import { bytesPerElement, type DType } from '../../../src/core/dtype.js';
import { InternalError } from '../../../src/core/errors.js';
import { inheriting } from '../../../src/compile/body.js';
import type { IndirectTerm, ScalarNode, Store } from '../../../src/compile/kernel.js';
import type { FunctionBody, Local } from '../body.js';
import { push, scale } from '../loops.js';
import type { Helpers } from './helpers.js';
import { scalarType, pushConstant } from './scalar-ops.js';
import { partsOf, splat, splatBytes, WIDTH } from './vector-ops.js';

/** A segment as the nest sees it: loops in the order in which they are nested, nodes with depths in that order. */
export interface NestSpace {
  readonly rank: number;
  readonly body: readonly ScalarNode[];
  readonly stores: readonly Store[];
  readonly operandDTypes: readonly DType[];
  /** The axis along which vectors lie; undefined for scalar code. */
  readonly vectorAxis: number | undefined;
  /** Whether the result of a reduction differs along `vectorAxis`. */
  readonly reductionsVary: boolean;
  /** Nodes that reductions read: from locals, and as vectors though no varying node may read them. */
  readonly reduced: readonly number[];
}

/** Scalar code, or one vector of `active` elements that begins `unit` vectors after the loop's index. */
export interface Mode {
  readonly vector: boolean;
  readonly unit: number;
  /** Elements that are there; the others are neither loaded nor stored. */
  readonly active: number;
}
export const SCALAR: Mode = { vector: false, unit: 0, active: 1 };
export const vectorMode = (unit: number, active = WIDTH): Mode => ({ vector: true, unit, active });

/** A place in an operand: a load's or a store's. */
export interface Access {
  readonly operand: number;
  readonly map: AffineMap;
  readonly indirect?: IndirectTerm;
  readonly guard?: number;
}

/** Accesses that one pointer serves. */
interface PointerGroup {
  readonly operand: number;
  readonly strides: readonly number[];
  readonly bytes: number;
  /** Elements from the operand's start to where the pointer begins. */
  offset: number;
  /** The pointer in each loop depth. */
  readonly at: (Pointer | undefined)[];
}

/**
 * An address: the sum of two locals. In the vectorised loop the second is an offset that all operands of one step share,
 * so that one addition moves them all; where each had a pointer of its own, TurboFan kept the old and the new value of
 * each alive and spilled.
 */
interface Pointer {
  readonly base: Local;
  readonly offset?: Local;
}

export class Nest {
  /** Loop indices of the axes whose loops are open. */
  readonly indices: (Local | undefined)[] = [];
  readonly #varies: readonly boolean[];
  readonly #wantsVector: ReadonlySet<number>;
  readonly #scalars: (Local | undefined)[] = [];
  readonly #splats: (readonly Local[] | undefined)[] = [];
  readonly #vectors = new Map<string, readonly Local[]>();
  readonly #groups = new Map<string, PointerGroup>();
  /** The offsets of the vectorised loop by the bytes of one step. */
  readonly #offsets = new Map<number, Local>();
  /** Number of loops that are open. */
  depth = 0;

  /** `pushBase` pushes the address of an operand's first element. */
  constructor(
    readonly f: FunctionBody,
    readonly helpers: Helpers,
    readonly space: NestSpace,
    pushBase: (operand: number) => void,
  ) {
    this.#varies = varyingNodes(space);
    this.#wantsVector = wantedVectors(space, this.#varies);
    for (const access of accessesOf(space)) this.#join(access);
    for (const group of this.#groups.values()) {
      const pointer = f.local('i32', `p${group.operand}`);
      pushBase(group.operand);
      if (group.offset !== 0) f.i32(group.offset * group.bytes).op('i32.add');
      f.set(pointer);
      group.at[0] = { base: pointer };
    }
    for (const i of space.reduced) {
      const node = this.node(i);
      if (node.kind !== 'constant') continue;
      pushConstant(f, node.value, node.dtype);
      f.set(this.scalar(i));
    }
    space.body.forEach((node, i) => {
      if (node.kind !== 'constant' || !this.#wantsVector.has(i)) return;
      const locals = this.#newParts(node.dtype, `k${i}_`);
      for (const local of locals) f.v128(splatBytes(node.value, node.dtype)).set(local);
      this.#splats[i] = locals;
    });
  }

  node(index: number): ScalarNode {
    return this.space.body[index]!;
  }
  /** Whether the node's value differs along the vectorised axis. */
  varies(index: number): boolean {
    return this.#varies[index]!;
  }

  /** The local that holds the node's scalar value. */
  scalar(index: number): Local {
    return (this.#scalars[index] ??= this.f.local(scalarType(this.node(index).dtype), `v${index}`));
  }
  /** Pushes the node's scalar value. */
  pushScalar(index: number): void {
    const node = this.node(index);
    if (node.kind === 'constant') pushConstant(this.f, node.value, node.dtype);
    else this.f.get(this.scalar(index));
  }

  /** The locals that hold the node's value in `mode`. */
  parts(index: number, mode: Mode): readonly Local[] {
    if (!mode.vector) return [this.scalar(index)];
    if (!this.varies(index)) {
      const parts = this.#splats[index];
      if (parts === undefined) throw new InternalError(`node ${index} is read as a vector before it is one`);
      return parts;
    }
    const key = `${index} ${mode.unit}`;
    let parts = this.#vectors.get(key);
    if (parts === undefined) this.#vectors.set(key, (parts = this.#newParts(this.node(index).dtype, `v${index}_`)));
    return parts;
  }

  /** After a uniform node's scalar is set: makes the vector of it, if one is wanted. */
  spread(index: number): void {
    if (!this.#wantsVector.has(index) || this.varies(index)) return;
    const { dtype } = this.node(index);
    const parts = (this.#splats[index] ??= this.#newParts(dtype, `s${index}_`));
    splat(this.f, dtype, parts, () => this.pushScalar(index));
  }

  /** New locals for a vector of `dtype`. */
  #newParts(dtype: DType, name: string): Local[] {
    return Array.from({ length: partsOf(dtype) }, (_, part) => this.f.local('v128', name + part));
  }
  /** New locals for a value of `dtype` in `mode`. */
  temporary(dtype: DType, mode: Mode): readonly Local[] {
    return mode.vector ? this.#newParts(dtype, 't') : [this.f.local(scalarType(dtype), 't')];
  }

  // Loops ------------------------------------------------------------------------------------------------------------

  /** Opens the loop over `axis`: its index and pointers begin at `from`. */
  open(axis: number, from: Local | number): Local {
    const { f } = this;
    const index = f.local('i32', `i${axis}`);
    push(f, from).set(index);
    this.indices[axis] = index;
    if (axis === this.space.vectorAxis) this.#offsets.clear();
    for (const group of this.#groups.values()) {
      const outer = group.at[axis]!;
      const step = group.strides[axis]! * group.bytes;
      if (step === 0) group.at[axis + 1] = outer;
      else if (axis === this.space.vectorAxis && outer.offset === undefined)
        group.at[axis + 1] = { base: outer.base, offset: this.#offsetOf(step, from) };
      else {
        const base = f.local('i32', `p${group.operand}_${axis}`);
        this.#pushPointer(outer);
        if (from !== 0) scale(push(f, from), step).op('i32.add');
        f.set(base);
        group.at[axis + 1] = { base };
      }
    }
    this.depth = axis + 1;
    return index;
  }

  /** The offset that the vectorised loop moves by `step` bytes for each index. */
  #offsetOf(step: number, from: Local | number): Local {
    let offset = this.#offsets.get(step);
    if (offset === undefined) {
      const { f } = this;
      offset = f.local('i32', `o${step}`);
      scale(push(f, from), step);
      f.set(offset);
      this.#offsets.set(step, offset);
    }
    return offset;
  }

  #pushPointer({ base, offset }: Pointer): void {
    const { f } = this;
    f.get(base);
    if (offset !== undefined) f.get(offset).op('i32.add');
  }

  /** Moves the loop over `axis` on by `step`. */
  advance(axis: number, step: number): void {
    const { f } = this;
    f.increment(this.indices[axis]!, step);
    if (axis === this.space.vectorAxis) for (const [bytes, offset] of this.#offsets) f.increment(offset, bytes * step);
    for (const group of this.#groups.values()) {
      const stride = group.strides[axis]!;
      const pointer = group.at[axis + 1]!;
      if (stride !== 0 && pointer.offset === undefined) f.increment(pointer.base, stride * group.bytes * step);
    }
  }

  /** After a loop: the index and the pointers inside are forgotten. */
  close(axis: number): void {
    this.indices[axis] = undefined;
    this.depth = axis;
  }

  /**
   * Repeats `body` while the index of `axis` is below `end`, `step` at a time; the loop must be open. A step of 0 runs
   * the body once without a test.
   */
  repeat(axis: number, end: Local | number, step: number, body: () => void): void {
    const { f } = this;
    const index = this.indices[axis]!;
    const below = (): FunctionBody => push(f.get(index), end).op('i32.lt_u');
    below().if(() => {
      f.loop((again) => {
        body();
        this.depth = axis + 1;
        this.advance(axis, step);
        below().brIf(again);
      });
    });
  }

  /** A whole loop over `axis` from `from` to `to`, one element at a time. */
  loop(axis: number, from: Local | number, to: Local | number, body: () => void): void {
    this.open(axis, from);
    this.repeat(axis, to, 1, body);
    this.close(axis);
  }

  // Addresses --------------------------------------------------------------------------------------------------------

  /** Elements from one element of the vector to the next. */
  vectorStride(map: AffineMap): number {
    return this.space.vectorAxis === undefined ? 0 : map.strides[this.space.vectorAxis]!;
  }

  /**
   * Pushes the address of the access, for element `element` of the vector in `mode`; returns the constant that the
   * instruction is to add.
   */
  pushAddress(access: Access, mode: Mode, element = 0): number {
    const { f } = this;
    const group = this.#groupOf(access);
    const pointer = group.at[this.depth]!;
    const along = mode.vector ? (mode.unit * WIDTH + element) * this.vectorStride(access.map) : 0;
    const constant = (access.map.offset - group.offset + along) * group.bytes;
    // Where the first element is guarded away, the pointer itself may lie below the operand, even below address 0.
    const mayWrap = constant < 0 || (constant > 0 && access.guard !== undefined && mayBeBelow(access.map));
    this.#pushPointer(pointer);
    if (access.indirect !== undefined) {
      const { node, stride } = access.indirect;
      if (mode.vector && this.varies(node)) f.get(this.parts(node, mode)[0]!).lane('i32x4.extract_lane', element);
      else this.pushScalar(node);
      scale(f, stride * group.bytes).op('i32.add');
    }
    if (!mayWrap) return constant;
    f.i32(constant).op('i32.add');
    return 0;
  }

  #join(access: Access): void {
    const key = groupKey(access);
    const group = this.#groups.get(key);
    if (group !== undefined) {
      group.offset = Math.min(group.offset, access.map.offset);
      return;
    }
    this.#groups.set(key, {
      operand: access.operand,
      strides: access.map.strides,
      bytes: bytesPerElement(this.space.operandDTypes[access.operand]!),
      offset: access.map.offset,
      at: [],
    });
  }

  #groupOf(access: Access): PointerGroup {
    return this.#groups.get(groupKey(access))!;
  }

  /** Pushes the value of an affine form of the loop indices at the loop's index, as i32. */
  pushIndex(map: AffineMap): void {
    const { f } = this;
    f.i32(map.offset);
    map.strides.forEach((stride, axis) => {
      if (stride !== 0) scale(f.get(this.indices[axis]!), stride).op('i32.add');
    });
  }
}

/**
 * Accesses of equal strides share a pointer to the lowest of them, and the constants in their instructions tell them
 * apart. Not so where a pointer might stand below the operand: an instruction's constant does not wrap around at 2³².
 */
const groupKey = ({ operand, map }: Access): string =>
  `${operand}:${map.strides.join()}${mayBeBelow(map) ? `:${map.offset}` : ''}`;

/** Whether some loop indices give an element before the operand's first. */
const mayBeBelow = ({ offset, strides }: AffineMap): boolean => offset < 0 || strides.some((stride) => stride < 0);

const accessesOf = ({ body, stores }: NestSpace): Access[] => [
  ...body.flatMap((node): Access[] => (node.kind === 'load' ? [node] : [])),
  ...stores,
];

const varyingNodes = ({ body, vectorAxis, reductionsVary }: NestSpace): boolean[] =>
  inheriting(body, (node) =>
    node.kind === 'load' || node.kind === 'index'
      ? vectorAxis !== undefined && node.map.strides[vectorAxis] !== 0
      : node.kind === 'reduction' && reductionsVary,
  );

/** Uniform nodes that something reads as vectors. Addresses and shift amounts are read as scalars. */
function wantedVectors({ body, stores, reduced, vectorAxis }: NestSpace, varies: readonly boolean[]): Set<number> {
  if (vectorAxis === undefined) return new Set();
  const wanted = new Set(reduced);
  body.forEach((node, i) => {
    if (node.kind === 'op' && varies[i]!) for (const input of node.inputs) wanted.add(input);
  });
  for (const store of stores) wanted.add(store.node);
  return wanted;
}
