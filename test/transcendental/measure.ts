/** What the tests of the transcendental functions share: running a decomposition, its error in ULP, its number of ops. */
import type { Builder } from '../../src/core/builder.js';
import { allocateArray, type DType } from '../../src/core/dtype.js';
import { arrayBuilder } from '../../src/ops/evaluate.js';
import { TRANSCENDENTALS, type Transcendental } from '../../src/ops/transcendental/table.js';

export type Float = 'f32' | 'f64';
export const FUNCTIONS = Object.entries<Transcendental>(TRANSCENDENTALS);

/** The decomposition's results on columns of operands, one column an operand. */
export function evaluate(f: Transcendental, dtype: Float, columns: readonly ArrayLike<number>[]): ArrayLike<number> {
  const operands = columns.map((column) => {
    const data = allocateArray(dtype, column.length);
    data.set(column);
    return { dtype, shape: [column.length], data };
  });
  return f.decompose(arrayBuilder, ...operands).data;
}

/** The result for one list of operands. */
export const evaluateAt = (f: Transcendental, dtype: Float, ...operands: number[]): number =>
  evaluate(
    f,
    dtype,
    operands.map((x) => [x]),
  )[0]!;

const words = new DataView(new ArrayBuffer(8));

/** The distance from x to the next number of the dtype away from 0: 2^(exponent − 23) or 2^(exponent − 52), exactly. */
export function unitInLastPlace(x: number, dtype: Float): number {
  if (dtype === 'f64') {
    words.setFloat64(0, x);
    return 2 ** (Math.max((words.getInt32(0) >>> 20) & 0x7ff, 1) - 1023 - 52);
  }
  words.setFloat32(0, x);
  return 2 ** (Math.max((words.getInt32(0) >>> 23) & 0xff, 1) - 127 - 23);
}

/** The largest finite f32 and what would follow it, were there more exponents. */
const MAX_32 = 3.4028234663852886e38;
const AFTER_MAX_32 = 2 ** 128;
const finite = (x: number): number => Math.max(-AFTER_MAX_32, Math.min(AFTER_MAX_32, x));

/** |got − ideal| in ULP of f32; ∞ where only one is NaN or a zero has the wrong sign. */
export function error32(got: number, ideal: number): number {
  if (Number.isNaN(got) || Number.isNaN(ideal)) return Number.isNaN(got) && Number.isNaN(ideal) ? 0 : Infinity;
  if (got === 0 && Object.is(got, -0) !== (ideal < 0 || Object.is(ideal, -0))) return Infinity;
  const unit = unitInLastPlace(Math.max(-MAX_32, Math.min(MAX_32, ideal)), 'f32');
  return Math.abs(finite(got) - finite(ideal)) / unit;
}

/** |got − (nearest + rest ULP)| in ULP of f64. */
export const error64 = (got: number, nearest: number, rest: number): number =>
  Math.abs((got - nearest) / unitInLastPlace(nearest, 'f64') - rest);

/** `call` of a builder whose other primitives have their own decompositions. */
export const callOn =
  <T>(builder: Builder<T>) =>
  (name: string, ...operands: T[]): T =>
    (TRANSCENDENTALS as Record<string, Transcendental>)[name]!.decompose(builder, ...operands);

/** A node of a decomposition, known by its op and operands. */
interface Node {
  readonly id: string;
  readonly dtype: DType;
}
const COMPARISONS = new Set(['equal', 'notEqual', 'less', 'lessEqual']);
const WORDS = new Set(['highWord', 'lowWord']);

/** Distinct core ops of a decomposition, constants not counted. */
export function countOps(f: Transcendental, dtype: Float): number {
  const ids = new Map<string, string>();
  const builder = new Proxy({} as Builder<Node>, {
    get(_target, op: string) {
      if (op === 'dtypeOf') return (x: Node) => x.dtype;
      if (op === 'constant') return (value: number, to: DType): Node => ({ id: `${value}:${to}`, dtype: to });
      if (op === 'call') return callOn(builder);
      return (...args: (Node | DType)[]): Node => {
        const key = [op, ...args.map((arg) => (typeof arg === 'string' ? arg : arg.id))].join(' ');
        if (!ids.has(key)) ids.set(key, `#${ids.size}`);
        const last = args[args.length - 1]!;
        const result = COMPARISONS.has(op)
          ? 'bool'
          : WORDS.has(op)
            ? 'i32'
            : op === 'fromWords'
              ? 'f64'
              : typeof last === 'string'
                ? last
                : last.dtype;
        return { id: ids.get(key)!, dtype: result };
      };
    },
  });
  f.decompose(builder, ...Array.from({ length: f.arity }, (_, i): Node => ({ id: `x${i}`, dtype })));
  return ids.size;
}

/** Uniform numbers in [0, 1) from a 32-bit state (Mulberry32), the same in every run. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
