/** Elements as keys that are compared by `less` and `equal` alone: NaN is the largest, −0 is 0. */
import { mapEach } from '../core/axes.js';
import type { DType } from '../core/dtype.js';
import type { FunctionBuilder } from './builder.js';
import type { ValueId } from './loops.js';

const HIGHEST = 2 ** 31 - 1;
const LOWEST = -(2 ** 31);

/** Significant bits of each word of a key, the most significant word first. */
export const keyBits = (dtype: DType): readonly number[] =>
  dtype === 'f64' ? [32, 32] : dtype === 'bool' ? [1] : [32];

/** The words of an element's key, as i32, the most significant first; ascending if the order is to be descending. */
export function keyWords(builder: FunctionBuilder, x: ValueId, descending: boolean): ValueId[] {
  const { dtype } = builder.values[x]!;
  const int = (value: number): ValueId => builder.constant(value, 'i32');
  const op = (name: 'bitwiseXor' | 'bitwiseAnd' | 'where' | 'rightShift', ...inputs: ValueId[]): ValueId =>
    builder.op(name, 'i32', 1, ...inputs);
  const words = (): ValueId[] => {
    switch (dtype) {
      case 'i32':
        return [x];
      case 'bool':
        return [builder.op('cast', 'i32', 1, x)];
      case 'u32':
        return [op('bitwiseXor', builder.op('bitcast', 'i32', 1, x), int(LOWEST))];
      case 'f32': {
        // Sign and magnitude: compared as words, since some machines take subnormals for 0 and NaN for what they like.
        const bits = builder.op('bitcast', 'i32', 1, x);
        const magnitude = op('bitwiseAnd', bits, int(HIGHEST));
        const isNegative = builder.op('less', 'bool', 1, bits, int(0));
        const number = op('where', isNegative, builder.op('neg', 'i32', 1, magnitude), magnitude);
        const isNaN = builder.op('less', 'bool', 1, int(0x7f800000), magnitude);
        return [op('where', isNaN, int(HIGHEST), number)];
      }
      case 'f64': {
        const [high, low] = mapEach(['highWord', 'lowWord'], (half) => builder.op(half, 'i32', 1, x));
        const sign = op('rightShift', high, int(31));
        const isNaN = builder.op('notEqual', 'bool', 1, x, x);
        const isZero = builder.op('equal', 'bool', 1, x, builder.constant(0, 'f64'));
        const special = (zero: number, other: ValueId): ValueId =>
          op('where', isNaN, int(HIGHEST), op('where', isZero, int(zero), other));
        return [
          special(0, op('bitwiseXor', high, op('bitwiseAnd', sign, int(HIGHEST)))),
          special(LOWEST, op('bitwiseXor', op('bitwiseXor', low, sign), int(LOWEST))),
        ];
      }
    }
  };
  return descending ? words().map((word) => op('bitwiseXor', word, int(-1))) : words();
}

/** The dtypes of {@link keyNumbers}. */
export const numberDTypes = (dtype: DType): readonly DType[] => (dtype === 'f32' ? ['i32', 'f32'] : ['i32']);

/** The same for a machine without words: whether it is NaN, and the number. */
export function keyNumbers(builder: FunctionBuilder, x: ValueId, descending: boolean): ValueId[] {
  const { dtype } = builder.values[x]!;
  const signed = (value: ValueId, of: DType): ValueId => (descending ? builder.op('neg', of, 1, value) : value);
  const asInteger = (value: ValueId): ValueId => builder.op('cast', 'i32', 1, value);
  if (dtype !== 'f32') return [signed(dtype === 'bool' ? asInteger(x) : x, 'i32')];
  const isNaN = builder.op('notEqual', 'bool', 1, x, x);
  const number = builder.op('where', dtype, 1, isNaN, builder.constant(0, dtype), x);
  return [signed(asInteger(isNaN), 'i32'), signed(number, dtype)];
}

/** A bool: whether the key `a` comes before `b`. */
export function precedes(
  builder: FunctionBuilder,
  [a, ...restOfA]: readonly ValueId[],
  [b, ...restOfB]: readonly ValueId[],
): ValueId {
  const op = (name: 'less' | 'equal' | 'logicalAnd' | 'logicalOr', x: ValueId, y: ValueId): ValueId =>
    builder.op(name, 'bool', 1, x, y);
  const isLess = op('less', a!, b!);
  if (restOfA.length === 0) return isLess;
  return op('logicalOr', isLess, op('logicalAnd', op('equal', a!, b!), precedes(builder, restOfA, restOfB)));
}
