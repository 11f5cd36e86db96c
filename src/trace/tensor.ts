/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Tensor: an immutable handle on a node of the graph. Outside `jit` the node is pending until its elements are read;
 * inside, it is part of the function that is being recorded. Every method is NumPy's in camelCase.
 */
import { type Aval, checkShape, formatShape, makeAval, type Shape, sizeOf } from '../core/aval.js';
import {
  allocateArray,
  castValue,
  type DType,
  dtypeOfData,
  type TypedArray,
  type SmallIntegers,
} from '../core/dtype.js';
import { ConcretizationError, DisposedError, DonatedError, DTypeError, ShapeError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { printNode } from '../core/graph.js';
import { checkOptions, COPY, describeValue, THIS_COPY } from '../core/options.js';
import { getDefaultBackend, resolveBackend } from '../runtime/registry.js';
import { Storage } from '../runtime/storage.js';
import { boundPending, evaluated } from './eager.js';
import { drop, eagerScope, hold } from './eager-scope.js';
import { ElementwiseMethods } from './elementwise-methods.js';
import { checkDType, type Operand } from './operand.js';
import {
  elementOf,
  indexError,
  inspectCustom,
  nested,
  type NestedArray,
  printValue,
  refuseMissing,
  toJSON,
} from './print.js';
import { isTracing, record, useExpr } from './scope.js';
import { TensorMethods } from './tensor-methods.js';

/** Whatever an operation takes where it takes a tensor. */
export type TensorLike = Tensor | number | boolean;
/** What `tensor` makes a tensor of. */
export type TensorData = number | boolean | TypedArray | SmallIntegers | readonly TensorData[];

type Op = (...operands: never[]) => Expr;

/** What a user passes where an operation takes `A`. */
type Passed<A> = {
  [K in keyof A]: A[K] extends Operand | undefined
    ? TensorLike | Extract<A[K], undefined>
    : A[K] extends readonly Operand[]
      ? readonly TensorLike[]
      : A[K];
};

/** Records `op` on what the user passed and wraps the result. `map` forgets which operand is what, hence the casts. */
export const apply = <A extends readonly unknown[]>(op: (...args: A) => Expr, ...args: Passed<A>): Tensor =>
  wrapped(record(() => (op as unknown as Op)(...(args.map(toOperand) as never[]))));

/** As {@link apply}, for an operation of several results. */
export const applyToParts = <A extends readonly unknown[]>(op: (...args: A) => Expr[], ...args: Passed<A>): Tensor[] =>
  record(() => op(...(args.map(toOperand) as unknown as A))).map(wrapped);

function wrapped(expr: Expr): Tensor {
  const result = new Tensor(expr);
  if (expr.scope === eagerScope) boundPending(expr);
  return result;
}

const toOperand = (arg: unknown): unknown =>
  arg instanceof Tensor
    ? useExpr(arg.expr)
    : Array.isArray(arg) && arg.some((each) => each instanceof Tensor)
      ? arg.map(toOperand)
      : arg;

type HandleState = 'live' | 'disposed' | 'donated';

/**
 * A tensor of fixed shape and dtype.
 * @example tensor([1, 2]).add(1).mul(2).arraySync(); // [4, 6]
 */
export class Tensor extends TensorMethods<Tensor> {
  static override name = 'Tensor';
  readonly #expr: Expr;
  #state: HandleState = 'live';

  /** Use {@link tensor} and the other makers; this wraps a node. */
  constructor(expr: Expr) {
    super();
    this.#expr = hold(expr);
  }

  /** The node. @throws DisposedError, DonatedError for a handle that was given up. */
  get expr(): Expr {
    if (this.#state === 'disposed')
      throw new DisposedError(
        'USED_AFTER_DISPOSE',
        `a disposed tensor (${this.#expr.aval.key}) was used`,
        'Dispose a tensor after its last use.',
      );
    if (this.#state === 'donated')
      throw new DonatedError(
        'USED_AFTER_DONATION',
        `a tensor (${this.#expr.aval.key}) was used after it was donated to a jitted function`,
        'Use what the function returned, or do not donate the argument.',
      );
    return this.#expr;
  }

  /** Extents of the axes. */
  get shape(): Shape {
    return this.#expr.shape;
  }
  /** The dtype of the elements. */
  get dtype(): DType {
    return this.#expr.dtype;
  }
  /** Number of axes. */
  get ndim(): number {
    return this.#expr.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return this.#expr.aval.size;
  }

  #storage(): Storage {
    const { expr } = this;
    if (expr.scope !== eagerScope) {
      useExpr(expr);
      throw new ConcretizationError(
        'VALUE_IN_TRACE',
        `a value (${expr.aval.key}) was read while its function was traced`,
        `Return it, and read it outside; choose with where() instead of if${expr.aval.weak ? ', or name the argument in { static: [position] }' : ''}.`,
      );
    }
    if (isTracing())
      throw new ConcretizationError(
        'VALUE_IN_TRACE',
        `a value (${expr.aval.key}) was read while a function was traced`,
        'Read it before, and pass it as an argument.',
      );
    return evaluated(expr);
  }

  /** The elements in row-major order, a fresh typed array: Float32Array, Float64Array, Int32Array, Uint32Array, or Uint8Array for bool. */
  async data(): Promise<TypedArray> {
    return this.#storage().read();
  }
  /** As {@link data}, at once; CPU backends only. */
  dataSync(): TypedArray {
    return this.#storage().readSync();
  }
  /** The elements as nested arrays; a number (or boolean) for a scalar. */
  async array(): Promise<NestedArray> {
    return nested(await this.data(), this.shape, elementOf(this.dtype));
  }
  /** As {@link array}, at once; CPU backends only. */
  arraySync(): NestedArray {
    return nested(this.dataSync(), this.shape, elementOf(this.dtype));
  }
  /** The only element. @throws ShapeError `NOT_A_SCALAR` if there are more. */
  item(): number {
    if (this.size !== 1)
      throw new ShapeError(
        'NOT_A_SCALAR',
        `item() of ${this.#expr.aval.key}`,
        'Only a tensor of one element has an item; use data() or array().',
      );
    return this.dataSync()[0]!;
  }

  /** Gives the handle up; memory that nothing else uses, or can come to use, is freed at once. */
  dispose(): void {
    this.#giveUp('disposed');
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
  /** Called by `jit` after the handle's memory was given to a program. */
  markDonated(): void {
    this.#giveUp('donated');
  }
  #giveUp(state: HandleState): void {
    if (this.#state !== 'live') return;
    this.#state = state;
    drop(this.#expr);
  }

  /** A tensor has no primitive value: arithmetic goes through its methods. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'string') return this.toString();
    const { scope, aval } = this.#expr;
    throw new ConcretizationError(
      'TENSOR_AS_NUMBER',
      `a tensor (${aval.key}) was used as a JavaScript number`,
      scope === eagerScope
        ? 'Use its methods (a.add(b)) for arithmetic, and item() to read a scalar.'
        : `While a function is traced use its methods, and where(a.greater(b), x, y) instead of if${aval.weak ? '; or name the argument in { static: [position] }' : ''}.`,
    );
  }
  get [COPY](): object {
    return THIS_COPY;
  }
  /** Dtype, shape and elements, long axes shortened as NumPy does; of what is traced, its node. */
  override toString(): string {
    const expr = this.#expr;
    const content = expr.scope === eagerScope ? printValue(expr.aval, () => this.dataSync()) : ` = ${printNode(expr)}`;
    return `Tensor(${expr.aval.key})${content}`;
  }
  [inspectCustom](): string {
    return this.toString();
  }
  /** For `JSON.stringify`: `{ dtype, shape, values }`, or `{ dtype, shape, node }` of what is traced. */
  toJSON(): Record<string, unknown> {
    const { expr, dtype, shape } = this;
    return expr.scope === eagerScope ? toJSON(expr.aval, this.dataSync()) : { dtype, shape, node: printNode(expr) };
  }
  /** The slices along the first axis; a scalar is not iterable. */
  get [Symbol.iterator](): () => Generator<Tensor, void> {
    return (this.ndim > 0 ? this.#slices : undefined)!;
  }
  *#slices(): Generator<Tensor, void> {
    for (let i = 0; i < this.shape[0]!; i++) yield this.slice([i], [i + 1]).reshape(this.shape.slice(1));
  }

  protected override applied(op: (...operands: never) => Expr, ...rest: readonly unknown[]): Tensor {
    return apply(op as (...operands: readonly unknown[]) => Expr, this, ...rest);
  }
  protected override appliedToParts(op: (...operands: never) => Expr[], ...rest: readonly unknown[]): Tensor[] {
    return applyToParts(op as (...operands: readonly unknown[]) => Expr[], this, ...rest);
  }
}

refuseMissing(ElementwiseMethods, indexError);

/** The shape of flat data, and the dtype. */
export interface TensorOptions {
  readonly shape?: Shape;
  readonly dtype?: DType;
}

/** Nesting that no tensor needs: an array that contains itself. */
const MAX_AXES = 64;
const TOO_DEEP: readonly number[] = [];

/** The shape of nested arrays, or {@link TOO_DEEP}. @throws ShapeError `RAGGED_ARRAY`. */
function shapeOfNested(data: TensorData, depth = 0): readonly number[] {
  if (depth > MAX_AXES) return TOO_DEEP;
  if (ArrayBuffer.isView(data)) return [data.length];
  if (!Array.isArray(data)) return [];
  const list = data as readonly TensorData[];
  const inner = list.length === 0 ? [] : shapeOfNested(list[0]!, depth + 1);
  for (const [i, each] of list.entries()) {
    const shape = i === 0 ? inner : shapeOfNested(each, depth + 1);
    if (shape === TOO_DEEP) return TOO_DEEP;
    if (formatShape(shape) !== formatShape(inner))
      throw new ShapeError(
        'RAGGED_ARRAY',
        `nested arrays of different shapes: element 0 is ${formatShape(inner)}, element ${i} is ${formatShape(shape)}`,
        'All elements of one axis must have one shape.',
      );
  }
  return [list.length, ...inner];
}

function flattenNested(data: TensorData, out: (number | boolean)[], where = ''): void {
  if (typeof data === 'number' || typeof data === 'boolean') out.push(data);
  else if (Array.isArray(data) || ArrayBuffer.isView(data))
    for (const each of data as readonly TensorData[]) flattenNested(each, out, ' as an element');
  else
    throw new DTypeError(
      'NOT_A_NUMBER',
      `tensor got ${describeValue(data)}${where}`,
      'It is made of numbers or booleans, in arrays; stack() makes one tensor of several, and .value is the tensor of a Variable.',
    );
}

/** A tensor over a storage that holds its elements. */
export const fromStorage = (storage: Storage, aval: Aval): Tensor => new Tensor(eagerScope.data(storage, aval));

/**
 * A tensor that holds a copy of `data`: nested arrays, a typed array, a flat array with `shape`, a number or boolean.
 * The dtype is that of the typed array (`i32` for bytes and 16 bits), `bool` for booleans, else `f32`. Numbers that an
 * integer dtype does not hold saturate, as in a cast.
 * @throws ShapeError `RAGGED_ARRAY`, `SHAPE_DATA`, `INVALID_SHAPE`; DTypeError `UNKNOWN_DTYPE`, `NOT_A_NUMBER`.
 * @example tensor([[1, 2], [3, 4]]).shape; // [2, 2]
 */
export function tensor(data: TensorData, options: TensorOptions = {}): Tensor {
  checkOptions('tensor', options, ['shape', 'dtype']);
  if (options.dtype !== undefined) checkDType('tensor', options.dtype);
  const from = ArrayBuffer.isView(data) ? dtypeOfData(data) : undefined;
  if (ArrayBuffer.isView(data) && from === undefined)
    throw new DTypeError(
      'UNSUPPORTED_ARRAY',
      `tensor got ${describeValue(data)}`,
      'Pass an array of floats, or of integers of at most 32 bits.',
    );
  let values: ArrayLike<number | boolean>;
  let natural: readonly number[];
  if (from !== undefined) {
    values = data as TypedArray;
    natural = [values.length];
  } else {
    natural = shapeOfNested(data);
    if (natural === TOO_DEEP)
      throw new ShapeError(
        'TOO_MANY_AXES',
        `tensor got arrays nested deeper than ${MAX_AXES}`,
        'An array that contains itself has no shape.',
      );
    const flat: (number | boolean)[] = [];
    flattenNested(data, flat);
    values = flat;
  }
  const shape = options.shape === undefined ? natural : checkShape('tensor', options.shape);
  checkShape('tensor', shape);
  if (sizeOf(shape) !== values.length)
    throw new ShapeError(
      'SHAPE_DATA',
      `tensor got ${values.length} elements for the shape ${formatShape(shape)}, which holds ${sizeOf(shape)}`,
      'Pass as many elements as the shape holds.',
    );
  const allBoolean =
    from === undefined && values.length > 0 && Array.prototype.every.call(values, (each) => typeof each === 'boolean');
  const dtype = options.dtype ?? from ?? (allBoolean ? 'bool' : 'f32');
  const elements = allocateArray(dtype, values.length);
  if (from === dtype && dtype !== 'bool') elements.set(values as TypedArray);
  else for (let i = 0; i < values.length; i++) elements[i] = castValue(Number(values[i]), from ?? 'f64', dtype);
  const backend = resolveBackend(getDefaultBackend());
  return fromStorage(Storage.from(backend, dtype, elements, 'input'), makeAval(shape, dtype));
}
