/** Loads and stores: contiguous, gathered, guarded, indirect, as scalars or as vectors. */
import { bytesPerElement, type DType } from '../../../src/core/dtype.js';
import type { Access, ValueId } from '../../../src/lower/loops.js';
import type { FunctionBody, Local } from '../body.js';
import { scale } from '../loops.js';
import type { MemoryLaneOp, MemoryOp } from '../opcodes.js';
import type { Helpers } from './helpers.js';
import type { Pointers } from './pointers.js';
import { emitScalarOp, pushConstant, scalarType } from './scalar-ops.js';
import { emitVectorOp, pushElement, splatBytes, WIDTH } from './vector-ops.js';

/** The instruction that loads (or stores) one element of `dtype` as a scalar. */
const scalarMemory = (dtype: DType, verb: 'load' | 'store'): MemoryOp =>
  dtype === 'bool' ? (verb === 'load' ? 'i32.load8_u' : 'i32.store8') : (`${scalarType(dtype)}.${verb}` as MemoryOp);

/** What a printer of functions knows of values and addresses. */
export interface ValueLocals {
  readonly f: FunctionBody;
  readonly helpers: Helpers;
  readonly pointers: Pointers;
  widthOf(value: ValueId): number;
  /** The locals of a value. */
  parts(value: ValueId): readonly Local[];
  /** New locals for a vector of `dtype`. */
  newParts(dtype: DType, name: string): Local[];
  /** Pushes a scalar value, or the one that a splat spreads. */
  pushScalar(value: ValueId): void;
}

/** Pushes the address of element `element`; returns what the instruction is to add. */
function pushAddress(printer: ValueLocals, access: Access, dtype: DType, element: number): number {
  const { f } = printer;
  const offset = printer.pointers.push(access, element);
  const { indirect } = access.address;
  if (indirect !== undefined) {
    if (printer.widthOf(indirect.value) > 1)
      f.get(printer.parts(indirect.value)[0]!).lane('i32x4.extract_lane', element);
    else printer.pushScalar(indirect.value);
    scale(f, indirect.stride * bytesPerElement(dtype)).op('i32.add');
  }
  return offset;
}

/** Whether elements of a vector lie side by side. */
const areAdjacent = (printer: ValueLocals, { step, address }: Access): boolean =>
  step === 1 && (address.indirect === undefined || printer.widthOf(address.indirect.value) === 1);
/** Whether they do, and all are there. */
const isContiguous = (printer: ValueLocals, access: Access): boolean =>
  access.active === WIDTH && areAdjacent(printer, access);
/** Whether two or three adjacent elements of 32 bits are there: the first two are read and written at once. */
const hasPair = (printer: ValueLocals, access: Access, dtype: DType): boolean =>
  dtype !== 'bool' && dtype !== 'f64' && (access.active === 2 || access.active === 3) && areAdjacent(printer, access);

export function emitLoad(
  printer: ValueLocals,
  access: Access,
  dtype: DType,
  width: number,
  into: readonly Local[],
): void {
  const { f } = printer;
  const { guard } = access;
  if (width === 1) {
    const load = (): void => {
      const offset = pushAddress(printer, access, dtype, 0);
      f.memory(scalarMemory(dtype, 'load'), offset);
      if (dtype === 'bool') f.i32(0).op('i32.ne');
    };
    if (guard === undefined) load();
    else {
      printer.pushScalar(guard);
      f.if(load, () => pushConstant(f, 0, dtype), scalarType(dtype));
    }
    f.set(into[0]!);
    return;
  }
  const clear = (): void => into.forEach((part) => void f.zero('v128').set(part));
  const whole = (): void => loadVector(printer, access, dtype, into);
  if (guard === undefined) whole();
  else if (printer.widthOf(guard) === 1) {
    printer.pushScalar(guard);
    f.if(whole, clear);
  } else {
    const mask = printer.parts(guard)[0]!;
    f.get(mask).op('i32x4.all_true');
    f.if(whole, () => {
      clear();
      f.get(mask)
        .op('v128.any_true')
        .if(() => {
          for (let element = 0; element < access.active; element++) {
            f.get(mask)
              .lane('i32x4.extract_lane', element)
              .if(() => loadElement(printer, access, dtype, into, element));
          }
          finishBool(printer, dtype, into);
        });
    });
  }
}

/** All active elements, none of them guarded. */
function loadVector(printer: ValueLocals, access: Access, dtype: DType, into: readonly Local[]): void {
  const { f } = printer;
  if (hasPair(printer, access, dtype)) {
    f.memory('v128.load64_zero', pushAddress(printer, access, dtype, 0), 2).set(into[0]!);
    if (access.active === 3) loadElement(printer, access, dtype, into, 2);
  } else if (!isContiguous(printer, access)) {
    for (const part of into) f.zero('v128').set(part);
    for (let element = 0; element < access.active; element++) loadElement(printer, access, dtype, into, element);
  } else if (dtype === 'bool') {
    f.memory('v128.load32_zero', pushAddress(printer, access, dtype, 0), 0)
      .op('i16x8.extend_low_i8x16_u')
      .op('i32x4.extend_low_i16x8_u')
      .set(into[0]!);
  } else {
    into.forEach((part, i) => {
      const offset = pushAddress(printer, access, dtype, 0);
      f.memory('v128.load', offset + 16 * i, dtype === 'f64' ? 3 : 2).set(part);
    });
  }
  finishBool(printer, dtype, into);
}

/** Loads one element into its lane; a bool as the byte that it is. */
function loadElement(
  printer: ValueLocals,
  access: Access,
  dtype: DType,
  into: readonly Local[],
  element: number,
): void {
  const { f } = printer;
  const lanes = WIDTH / into.length;
  const part = into[Math.floor(element / lanes)]!;
  if (dtype === 'bool') {
    f.get(part);
    f.memory('i32.load8_u', pushAddress(printer, access, dtype, element))
      .lane('i32x4.replace_lane', element)
      .set(part);
    return;
  }
  const offset = pushAddress(printer, access, dtype, element);
  f.get(part)
    .memoryLane(`v128.load${dtype === 'f64' ? 64 : 32}_lane` as MemoryLaneOp, element % lanes, offset)
    .set(part);
}

/** Bytes that were loaded become masks. */
function finishBool({ f }: ValueLocals, dtype: DType, into: readonly Local[]): void {
  if (dtype === 'bool') f.get(into[0]!).zero('v128').op('i32x4.ne').set(into[0]!);
}

/** Stores a value of `dtype`, or adds it to what is there. */
export function emitStore(
  printer: ValueLocals,
  access: Access,
  dtype: DType,
  value: number,
  accumulate: boolean,
): void {
  const { f, helpers } = printer;
  const { guard } = access;
  const storeScalar = (element: number, pushValue: () => void): void => {
    const offset = pushAddress(printer, access, dtype, element);
    if (accumulate) {
      const load = (): void => void f.memory(scalarMemory(dtype, 'load'), pushAddress(printer, access, dtype, element));
      emitScalarOp(f, helpers, 'add', dtype, dtype, [load, pushValue]);
    } else pushValue();
    f.memory(scalarMemory(dtype, 'store'), offset);
  };
  if (printer.widthOf(value) === 1)
    return whereScalar(printer, guard, () => storeScalar(0, () => printer.pushScalar(value)));
  const parts = printer.parts(value);
  const byElement = (element: number): void => storeScalar(element, () => pushElement(f, dtype, parts, element));
  if (guard !== undefined && printer.widthOf(guard) > 1) {
    const mask = printer.parts(guard)[0]!;
    for (let element = 0; element < access.active; element++) {
      f.get(mask)
        .lane('i32x4.extract_lane', element)
        .if(() => byElement(element));
    }
    return;
  }
  whereScalar(printer, guard, () => {
    if (isContiguous(printer, access)) storeVector(printer, access, dtype, parts, accumulate);
    else {
      let element = 0;
      if (!accumulate && hasPair(printer, access, dtype)) {
        const offset = pushAddress(printer, access, dtype, 0);
        f.get(parts[0]!).memoryLane('v128.store64_lane', 0, offset);
        element = 2;
      }
      for (; element < access.active; element++) byElement(element);
    }
  });
}

function whereScalar(printer: ValueLocals, guard: number | undefined, write: () => void): void {
  if (guard === undefined) return write();
  printer.pushScalar(guard);
  printer.f.if(write);
}

function storeVector(
  printer: ValueLocals,
  access: Access,
  dtype: DType,
  parts: readonly Local[],
  accumulate: boolean,
): void {
  const { f, helpers } = printer;
  if (dtype === 'bool') {
    // Masks become bytes 0 or 1: narrowing saturates −1 to 255, of which the lowest bit stays.
    const offset = pushAddress(printer, access, dtype, 0);
    f.get(parts[0]!).v128(splatBytes(1, 'i32')).op('v128.and').get(parts[0]!).op('i16x8.narrow_i32x4_s');
    f.zero('v128').op('i8x16.narrow_i16x8_s').memoryLane('v128.store32_lane', 0, offset);
    return;
  }
  let values = parts;
  if (accumulate) {
    const sums = printer.newParts(dtype, 't');
    sums.forEach((sum, i) => {
      const offset = pushAddress(printer, access, dtype, 0);
      f.memory('v128.load', offset + 16 * i, 2).set(sum);
    });
    emitVectorOp(f, helpers, 'add', dtype, dtype, [{ parts: sums }, { parts }], sums);
    values = sums;
  }
  values.forEach((value, i) => {
    const offset = pushAddress(printer, access, dtype, 0);
    f.get(value).memory('v128.store', offset + 16 * i, dtype === 'f64' ? 3 : 2);
  });
}
