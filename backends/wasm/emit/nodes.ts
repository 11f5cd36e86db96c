/**
 * Nodes and stores of a nest: loads (contiguous, gathered, guarded, indirect), indices, core ops, and stores, as scalars
 * or as vectors of four elements.
 */
import type { DType } from '../../../src/core/dtype.js';
import type { ScalarOp } from '../../../src/core/scalar-op.js';
import type { ScalarNode, Store } from '../../../src/compile/kernel.js';
import type { FunctionBody, Local } from '../body.js';
import type { MemoryLaneOp, MemoryOp } from '../opcodes.js';
import { SCALAR, type Mode, type Nest } from './nest.js';
import { emitCast, emitScalarOp, pushConstant, scalarType } from './scalar-ops.js';
import { emitVectorOp, pushElement, splatBytes, WIDTH } from './vector-ops.js';

type LoadNode = Extract<ScalarNode, { kind: 'load' }>;
const ZERO = Array<number>(16).fill(0);

/** The instruction that loads (or stores) one element of `dtype` as a scalar. */
const scalarMemory = (dtype: DType, verb: 'load' | 'store'): MemoryOp =>
  dtype === 'bool' ? (verb === 'load' ? 'i32.load8_u' : 'i32.store8') : (`${scalarType(dtype)}.${verb}` as MemoryOp);

/**
 * Emits `nodes` (ascending) in each of `modes`: first, once, those that are the same for all elements, then mode by mode
 * the others, and `then` after each mode.
 */
export function emitNodes(
  nest: Nest,
  nodes: readonly number[],
  modes: readonly Mode[],
  then?: (mode: Mode) => void,
): void {
  for (const index of nodes) if (!nest.varies(index)) emitNode(nest, index, []);
  for (const mode of modes) {
    for (const index of nodes) if (nest.varies(index)) emitNode(nest, index, [mode]);
    then?.(mode);
  }
}

/** Emits node `index` in each of `modes`; once, as a scalar, if it is the same for all elements. */
function emitNode(nest: Nest, index: number, modes: readonly Mode[]): void {
  if (nest.node(index).kind === 'constant') return;
  if (!nest.varies(index)) {
    emitIn(nest, index, SCALAR);
    nest.spread(index);
  } else for (const mode of modes) emitIn(nest, index, mode);
}

function emitIn(nest: Nest, index: number, mode: Mode): void {
  const node = nest.node(index);
  const into = nest.parts(index, mode);
  if (node.kind === 'load') emitLoad(nest, node, mode, into);
  else if (node.kind === 'index') emitIndex(nest, node, mode, into);
  else if (node.kind === 'op') {
    const from = nest.node(node.inputs[node.inputs.length - 1]!).dtype;
    apply(nest, mode, node.op, from, node.dtype, node.inputs, into);
  }
}

/** Sets `into` to `op` of the nodes `inputs`. */
function apply(
  nest: Nest,
  mode: Mode,
  op: ScalarOp,
  from: DType,
  to: DType,
  inputs: readonly number[],
  into: readonly Local[],
): void {
  const { f, helpers } = nest;
  if (mode.vector) {
    const operands = inputs.map((input) => ({
      parts: nest.parts(input, mode),
      pushScalar: nest.varies(input) ? undefined : () => nest.pushScalar(input),
    }));
    emitVectorOp(f, helpers, op, from, to, operands, into);
    return;
  }
  emitScalarOp(
    f,
    helpers,
    op,
    from,
    to,
    inputs.map((input) => () => nest.pushScalar(input)),
  );
  f.set(into[0]!);
}

/** Sets `into` to `op` of values in locals. */
export function applyLocals(
  nest: Nest,
  mode: Mode,
  op: ScalarOp,
  from: DType,
  to: DType,
  operands: readonly (readonly Local[])[],
  into: readonly Local[],
): void {
  const { f, helpers } = nest;
  if (mode.vector)
    emitVectorOp(
      f,
      helpers,
      op,
      from,
      to,
      operands.map((parts) => ({ parts })),
      into,
    );
  else {
    emitScalarOp(
      f,
      helpers,
      op,
      from,
      to,
      operands.map((parts) => () => f.get(parts[0]!)),
    );
    f.set(into[0]!);
  }
}

/** Sets `into` to the constant `value`. */
export function setConstant(f: FunctionBody, mode: Mode, value: number, dtype: DType, into: readonly Local[]): void {
  if (mode.vector) for (const local of into) f.v128(splatBytes(value, dtype)).set(local);
  else {
    pushConstant(f, value, dtype);
    f.set(into[0]!);
  }
}

function emitIndex(
  nest: Nest,
  { map, dtype }: Extract<ScalarNode, { kind: 'index' }>,
  mode: Mode,
  into: readonly Local[],
): void {
  const { f, helpers } = nest;
  nest.pushIndex(map);
  if (!mode.vector) {
    emitCast(f, 'i32', dtype);
    f.set(into[0]!);
    return;
  }
  const stride = nest.vectorStride(map);
  const first = mode.unit * WIDTH * stride;
  if (first !== 0) f.i32(first).op('i32.add');
  const steps = Array.from({ length: WIDTH }, (_, element) =>
    Array.from(new Uint8Array(Int32Array.of(element * stride).buffer)),
  ).flat();
  const integers = dtype === 'i32' || dtype === 'u32' ? into[0]! : f.local('v128', 'index');
  f.op('i32x4.splat').v128(steps).op('i32x4.add').set(integers);
  if (integers !== into[0]) emitVectorOp(f, helpers, 'cast', 'i32', dtype, [{ parts: [integers] }], into);
}

// Loads ----------------------------------------------------------------------------------------------------------------

function emitLoad(nest: Nest, node: LoadNode, mode: Mode, into: readonly Local[]): void {
  const { f } = nest;
  const { guard } = node;
  if (!mode.vector) {
    const load = (): void => {
      const offset = nest.pushAddress(node, mode);
      f.memory(scalarMemory(node.dtype, 'load'), offset);
      if (node.dtype === 'bool') f.i32(0).op('i32.ne');
    };
    if (guard === undefined) load();
    else {
      nest.pushScalar(guard);
      f.if(load, () => pushConstant(f, 0, node.dtype), scalarType(node.dtype));
    }
    f.set(into[0]!);
    return;
  }
  const clear = (): void => into.forEach((part) => void f.v128(ZERO).set(part));
  const whole = (): void => loadVector(nest, node, mode, into);
  if (guard === undefined) whole();
  else if (!nest.varies(guard)) {
    nest.pushScalar(guard);
    f.if(whole, clear);
  } else {
    const mask = nest.parts(guard, mode)[0]!;
    f.get(mask).op('i32x4.all_true');
    f.if(whole, () => {
      clear();
      f.get(mask)
        .op('v128.any_true')
        .if(() => {
          for (let element = 0; element < mode.active; element++) {
            f.get(mask)
              .lane('i32x4.extract_lane', element)
              .if(() => loadElement(nest, node, mode, into, element));
          }
          finishBool(nest, node, into);
        });
    });
  }
}

/** All active elements, none of them guarded. */
function loadVector(nest: Nest, node: LoadNode, mode: Mode, into: readonly Local[]): void {
  const { f } = nest;
  const indirect = node.indirect !== undefined && nest.varies(node.indirect.node);
  if (nest.vectorStride(node.map) === 1 && !indirect && mode.active === WIDTH) {
    if (node.dtype === 'bool') {
      f.memory('v128.load32_zero', nest.pushAddress(node, mode), 0)
        .op('i16x8.extend_low_i8x16_u')
        .op('i32x4.extend_low_i16x8_u')
        .set(into[0]!);
      finishBool(nest, node, into);
    } else {
      into.forEach((part, i) => {
        const offset = nest.pushAddress(node, mode);
        f.memory('v128.load', offset + 16 * i, node.dtype === 'f64' ? 3 : 2).set(part);
      });
    }
    return;
  }
  for (const part of into) f.v128(ZERO).set(part);
  for (let element = 0; element < mode.active; element++) loadElement(nest, node, mode, into, element);
  finishBool(nest, node, into);
}

/** Loads one element into its lane; a bool as the byte that it is. */
function loadElement(nest: Nest, node: LoadNode, mode: Mode, into: readonly Local[], element: number): void {
  const { f } = nest;
  const lanes = WIDTH / into.length;
  const part = into[Math.floor(element / lanes)]!;
  if (node.dtype === 'bool') {
    f.get(part);
    f.memory('i32.load8_u', nest.pushAddress(node, mode, element))
      .lane('i32x4.replace_lane', element)
      .set(part);
    return;
  }
  const offset = nest.pushAddress(node, mode, element);
  f.get(part)
    .memoryLane(`v128.load${node.dtype === 'f64' ? 64 : 32}_lane` as MemoryLaneOp, element % lanes, offset)
    .set(part);
}

/** Bytes that were loaded become masks. */
function finishBool({ f }: Nest, node: LoadNode, into: readonly Local[]): void {
  if (node.dtype === 'bool') f.get(into[0]!).v128(ZERO).op('i32x4.ne').set(into[0]!);
}

// Stores ---------------------------------------------------------------------------------------------------------------

/** Emits a store in `mode`. */
export function emitStore(nest: Nest, store: Store, mode: Mode): void {
  const { f } = nest;
  const { dtype } = nest.node(store.node);
  if (!mode.vector) {
    const write = (): void => storeScalar(nest, store, dtype, mode, 0, () => nest.pushScalar(store.node));
    guarded(nest, store.guard, write);
    return;
  }
  const parts = nest.parts(store.node, mode);
  const byElement = (element: number): void =>
    storeScalar(nest, store, dtype, mode, element, () => pushElement(f, dtype, parts, element));
  const uniformAddress = store.indirect === undefined || !nest.varies(store.indirect.node);
  const uniformGuard = store.guard === undefined || !nest.varies(store.guard);
  if (uniformGuard) {
    guarded(nest, store.guard, () => {
      if (nest.vectorStride(store.map) === 1 && uniformAddress && mode.active === WIDTH)
        storeVector(nest, store, dtype, mode, parts);
      else for (let element = 0; element < mode.active; element++) byElement(element);
    });
    return;
  }
  const mask = nest.parts(store.guard, mode)[0]!;
  for (let element = 0; element < mode.active; element++) {
    f.get(mask)
      .lane('i32x4.extract_lane', element)
      .if(() => byElement(element));
  }
}

function guarded(nest: Nest, guard: number | undefined, write: () => void): void {
  if (guard === undefined) return write();
  nest.pushScalar(guard);
  nest.f.if(write);
}

function storeScalar(nest: Nest, store: Store, dtype: DType, mode: Mode, element: number, pushValue: () => void): void {
  const { f, helpers } = nest;
  const offset = nest.pushAddress(store, mode, element);
  if (store.accumulate === true) {
    const load = (): void => void f.memory(scalarMemory(dtype, 'load'), nest.pushAddress(store, mode, element));
    emitScalarOp(f, helpers, 'add', dtype, dtype, [load, pushValue]);
  } else pushValue();
  f.memory(scalarMemory(dtype, 'store'), offset);
}

function storeVector(nest: Nest, store: Store, dtype: DType, mode: Mode, parts: readonly Local[]): void {
  const { f, helpers } = nest;
  if (dtype === 'bool') {
    // Masks become bytes 0 or 1: narrowing saturates −1 to 255, of which the lowest bit stays.
    const offset = nest.pushAddress(store, mode);
    f.get(parts[0]!).v128(splatBytes(1, 'i32')).op('v128.and').get(parts[0]!).op('i16x8.narrow_i32x4_s');
    f.v128(ZERO).op('i8x16.narrow_i16x8_s').memoryLane('v128.store32_lane', 0, offset);
    return;
  }
  let values = parts;
  if (store.accumulate === true) {
    const sums = nest.temporary(dtype, mode);
    sums.forEach((sum, i) => {
      const offset = nest.pushAddress(store, mode);
      f.memory('v128.load', offset + 16 * i, 2).set(sum);
    });
    emitVectorOp(f, helpers, 'add', dtype, dtype, [{ parts: sums }, { parts }], sums);
    values = sums;
  }
  values.forEach((value, i) => {
    const offset = nest.pushAddress(store, mode);
    f.get(value).memory('v128.store', offset + 16 * i, dtype === 'f64' ? 3 : 2);
  });
}
