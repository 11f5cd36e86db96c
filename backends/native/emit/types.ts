/** How values look in C: types, literals, and how many registers a vector takes. */
import type { DType } from '../../../src/core/dtype.js';

/** The C type of one element as a value; in memory a bool is a byte. */
export const SCALAR_TYPE: Readonly<Record<DType, string>> = {
  f32: 'float',
  f64: 'double',
  i32: 'int32_t',
  u32: 'uint32_t',
  bool: 'int',
};
export const memoryType = (dtype: DType): string => (dtype === 'bool' ? 'uint8_t' : SCALAR_TYPE[dtype]);

/** The C type of one register of a vector, but for its width: bools are masks of 32 bits, all ones or all zeros. */
export const VECTOR_TYPE: Readonly<Record<DType, string>> = {
  f32: 'f32v',
  f64: 'f64v',
  i32: 'i32v',
  u32: 'u32v',
  bool: 'i32v',
};

/** Types of vectors, and helpers that take or give them. */
const VECTOR_NAMES =
  /\b(?:(?:[fiu](?:32|64)|b8)[vuh]|(?:splat|select|low|high|join|mask|from_words)_(?:[a-z]+|[fiu]\d\d)|\w+_v[fiu]\d\d|(?:load|store)_bool|all_true)\b/g;

/** The C type of one register of a vector of `width` elements. */
export const vectorType = (dtype: DType, width: number): string => `${VECTOR_TYPE[dtype]}_${width}`;

/** C in which the names of vectors and their helpers end in how many elements of 32 bits they have: `splat_f32_16`. */
export const withWidth = (text: string, width: number): string => text.replace(VECTOR_NAMES, `$&_${width}`);

/** Registers that a vector value takes; f64 has elements twice as long. */
export const partsOf = (dtype: DType): number => (dtype === 'f64' ? 2 : 1);

/** A number as C that reads back as itself. */
export function literal(value: number, dtype: DType): string {
  switch (dtype) {
    case 'bool':
      return value !== 0 ? '1' : '0';
    case 'i32':
      return value === -2147483648 ? 'INT32_MIN' : value < 0 ? `(${value})` : String(value);
    case 'u32':
      return `${value}u`;
    case 'f32':
    case 'f64': {
      const suffix = dtype === 'f32' ? 'f' : '';
      if (Number.isNaN(value)) return `__builtin_nan${suffix}("")`;
      const sign = value < 0 || Object.is(value, -0) ? '-' : '';
      const size = Math.abs(value);
      const digits = size === Infinity ? `__builtin_inf${suffix}()` : decimal(size) + suffix;
      return sign === '' ? digits : `(-${digits})`;
    }
    default:
      return dtype satisfies never;
  }
}

/** The shortest decimal of a number that is not negative, with a point or an exponent, as C wants it. */
function decimal(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
