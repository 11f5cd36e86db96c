/**
 * log and log1p: x = 2ᵏ·m with √½ ≤ m < √2, f = m − 1, and
 * log(1 + f) = f − (½f² − s·(½f² + R(s²))) where s = f / (2 + f) and R(s²) = (2·atanh(s) − 2s) / s.
 * Source of the scheme: fdlibm `e_log.c` and `s_log1p.c`; the coefficients are minimax ones made with Sollya.
 */
import type { Builder } from '../../core/builder.js';
import { byDtype, head, head32, literals, polynomial, twoSum } from './arithmetic.js';
import { LN2_32, LN2_64 } from './exp.js';

/** R(z)/z for |s| ≤ 3 − 2√2: log within 2⁻³⁰. */
const LOG_32 = [0.666667759 /* 0x3f2aaabd */, 0.399775088 /* 0x3eccaf52 */, 0.298741996 /* 0x3e98f4b6 */];
/** R(z)/z for |s| ≤ 3 − 2√2: log within 2⁻⁵⁹. */
const LOG_64 = [
  0.6666666666666735 /* 0x3fe5555555555593 */, 0.3999999999941005 /* 0x3fd999999997fa76 */,
  0.28571428743437305 /* 0x3fd249249421f4f5 */, 0.22222198461216128 /* 0x3fcc71c51e2e43ed */,
  0.18183570417234723 /* 0x3fc7466471552a96 */, 0.1531388712405301 /* 0x3fc39a0df5dcba2e */,
  0.14797663792381932 /* 0x3fc2f0e6023a381c */,
];

/** R(z)/z for |s| ≤ 1/3: log within 2⁻²⁷, f32. */
const LOG_UNIT_32 = [
  0.666664183 /* 0x3f2aaa81 */, 0.400214344 /* 0x3ecce8e5 */, 0.280030906 /* 0x3e8f6036 */,
  0.280064374 /* 0x3e8f6499 */,
];
/** R(z)/z for |s| ≤ 1/3: log within 2⁻⁵⁹, f64. */
const LOG_UNIT_64 = [
  0.6666666666666631 /* 0x3fe5555555555535 */, 0.4000000000015569 /* 0x3fd99999999a0728 */,
  0.28571428548056743 /* 0x3fd249249208e61c */, 0.22222223957015305 /* 0x3fcc71c741b2e753 */,
  0.181817443711354 /* 0x3fc745cb434a9230 */, 0.15386550523073292 /* 0x3fc3b1dd687968ef */,
  0.1330109511339623 /* 0x3fc10680ba90ab1f */, 0.1210514201270947 /* 0x3fbefd39d29489d1 */,
  0.08344147928321628 /* 0x3fb55c6bb8a6b9fd */, 0.1701122564510671 /* 0x3fc5c63d090d94a0 */,
];

/** The bits of √½ (f32) and the upper word of √½ (f64): where k steps. */
const SQRT_HALF_32 = 0x3f3504f3;
const SQRT_HALF_64 = 0x3fe6a09e;

/** x = 2ᵏ·m for normal x > 0: `m`, and `k` as k·2²³, an i32 that subtracts from an exponent field. */
export function split32<T>(b: Builder<T>, x: T): { m: T; k: T } {
  const i = literals(b, 'i32');
  const bits = b.bitcast(x, 'i32');
  const k = b.bitwiseAnd(b.sub(bits, i(SQRT_HALF_32)), i(-0x800000));
  return { m: b.bitcast(b.sub(bits, k), 'f32'), k };
}

/** x = 2ᵏ·m for normal x > 0: `m`, and `k` as k·2²⁰, an i32 that subtracts from an exponent field. */
export function split64<T>(b: Builder<T>, x: T): { m: T; k: T } {
  const i = literals(b, 'i32');
  const high = b.highWord(x);
  const k = b.bitwiseAnd(b.sub(high, i(SQRT_HALF_64)), i(-0x100000));
  return { m: b.fromWords(b.sub(high, k), b.lowWord(x)), k };
}

interface LogTables {
  /** R(z)/z. */
  readonly coefficients: readonly number[];
  /** ln 2 in the unit of k, in two parts. */
  readonly high: number;
  readonly low: number;
}
const TABLES_32: LogTables = { coefficients: LOG_32, high: LN2_32.high * 2 ** -23, low: LN2_32.low * 2 ** -23 };
const TABLES_64: LogTables = { coefficients: LOG_64, high: LN2_64.high * 2 ** -20, low: LN2_64.low * 2 ** -20 };

/** k·ln 2 + log(m) + correction, where `correction` is small. */
function sumOfLogs<T>(b: Builder<T>, m: T, k: T, tables: LogTables, correction?: T): T {
  const c = literals(b, b.dtypeOf(m));
  const f = b.sub(m, c(1));
  const s = b.div(f, b.add(m, c(1)));
  const z = b.mul(s, s);
  const rest = b.mul(z, polynomial(b, z, tables.coefficients));
  const halfSquare = b.mul(b.mul(f, f), c(0.5));
  const low = b.mul(k, c(tables.low));
  const tail = correction === undefined ? low : b.add(low, correction);
  const small = b.add(b.mul(s, b.add(halfSquare, rest)), tail);
  return b.sub(b.mul(k, c(tables.high)), b.sub(b.sub(halfSquare, small), f));
}

/** `finite` where 0 < x < ∞; −∞ at 0, NaN below and for NaN, ∞ at ∞. `x` is log's argument. */
function logDomain<T>(b: Builder<T>, x: T, finite: T): T {
  const c = literals(b, b.dtypeOf(x));
  const atEnd = b.where(b.equal(x, c(0)), c(-Infinity), c(NaN));
  return b.where(b.less(x, c(Infinity)), b.where(b.less(c(0), x), finite, atEnd), x);
}

const log32 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f32');
  const subnormal = b.less(x, c(2 ** -126));
  const { m, k } = split32(b, b.where(subnormal, b.mul(x, c(2 ** 23)), x));
  const exponent = b.add(b.cast(k, 'f32'), b.where(subnormal, c(-23 * 2 ** 23), c(0)));
  return logDomain(b, x, sumOfLogs(b, m, exponent, TABLES_32));
};

const log64 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f64');
  const subnormal = b.less(x, c(2 ** -1022));
  const { m, k } = split64(b, b.where(subnormal, b.mul(x, c(2 ** 52)), x));
  const exponent = b.add(b.cast(k, 'f64'), b.where(subnormal, c(-52 * 2 ** 20), c(0)));
  return logDomain(b, x, sumOfLogs(b, m, exponent, TABLES_64));
};

/**
 * The natural logarithm. f32: within 0.9 ULP; f64: within 1 ULP. log(±0) = −∞, log(x < 0) = NaN, log(∞) = ∞.
 * Source: fdlibm `e_log.c`.
 */
export const log = byDtype('log', log32, log64);

/** A base: 1/ln(base) in two parts of which the first is short, and log 2 in that base likewise. */
interface Base {
  readonly inverse: readonly [high: number, low: number];
  readonly two: readonly [high: number, low: number];
}

/**
 * log x in a base: with hfsq = ½f², log m = (f − hfsq) + (s·(hfsq + R)), of which the first part, cut short, times 1/ln(base)
 * is exact (FreeBSD `e_log2.c`, `e_log10.c`).
 */
const logOf =
  (dtype: 'f32' | 'f64', { inverse, two }: Base) =>
  <T>(b: Builder<T>, x: T): T => {
    const is32 = dtype === 'f32';
    const c = literals(b, dtype);
    const [least, shift, unit] = is32 ? [2 ** -126, 23, 23] : [2 ** -1022, 52, 20];
    const subnormal = b.less(x, c(least));
    const { m, k } = (is32 ? split32 : split64)(b, b.where(subnormal, b.mul(x, c(2 ** shift)), x));
    const n = b.add(b.mul(b.cast(k, dtype), c(2 ** -unit)), b.where(subnormal, c(-shift), c(0)));
    const f = b.sub(m, c(1));
    const s = b.div(f, b.add(m, c(1)));
    const z = b.mul(s, s);
    const rest = b.mul(z, polynomial(b, z, is32 ? LOG_32 : LOG_64));
    const halfSquare = b.mul(b.mul(f, f), c(0.5));
    const high = (is32 ? head32 : head)(b, b.sub(f, halfSquare));
    const low = b.add(b.sub(b.sub(f, high), halfSquare), b.mul(s, b.add(halfSquare, rest)));
    const whole = b.mul(n, c(two[0]));
    const part = b.mul(high, c(inverse[0]));
    const sum = b.add(whole, part);
    const lost = b.add(b.sub(whole, sum), part);
    const small = b.add(b.mul(b.add(low, high), c(inverse[1])), b.mul(low, c(inverse[0])));
    return logDomain(b, x, b.add(sum, b.add(b.add(small, b.mul(n, c(two[1]))), lost)));
  };

/** log₂ x. f32: within 0.9 ULP; f64: within 0.9 ULP; exact for powers of two. The ends as {@link log}. */
export const log2 = byDtype(
  'log2',
  logOf('f32', { inverse: [1.4428711 /* 0x3fb8b000 */, -0.00017605285 /* 0xb9389ad4 */], two: [1, 0] }),
  logOf('f64', {
    inverse: [1.4426950407214463 /* 0x3ff7154765200000 */, 1.6751713164886512e-10 /* 0x3de705fc2eefa200 */],
    two: [1, 0],
  }),
);

/** log₁₀ x. f32: within 0.8 ULP; f64: within 0.8 ULP. The ends as {@link log}. */
export const log10 = byDtype(
  'log10',
  logOf('f32', {
    inverse: [0.43432617 /* 0x3ede6000 */, -3.168997e-5 /* 0xb804ead9 */],
    two: [0.30103302 /* 0x3e9a2100 */, -3.0243555e-6 /* 0xb64af608 */],
  }),
  logOf('f64', {
    inverse: [0.4342944818781689 /* 0x3fdbcb7b15200000 */, 2.5082946711645275e-11 /* 0x3dbb9438ca9aadd5 */],
    two: [0.3010299956640665 /* 0x3fd34413509f8000 */, -8.532344317057107e-14 /* 0xbd380433b83b532a */],
  }),
);

// 1 + x rounds to u = 2ᵏ·m, and what it lost is given back to first order: log(u + e) = log(u) + e/u.
// Zeros return themselves, for the sign.

const log1p32 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f32');
  const { sum: u, error } = twoSum(b, c(1), x);
  const { m, k } = split32(b, u);
  const finite = sumOfLogs(b, m, b.cast(k, 'f32'), TABLES_32, b.div(error, u));
  return b.where(b.equal(x, c(0)), x, logDomain(b, u, finite));
};

const log1p64 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f64');
  const { sum: u, error } = twoSum(b, c(1), x);
  const { m, k } = split64(b, u);
  const finite = sumOfLogs(b, m, b.cast(k, 'f64'), TABLES_64, b.div(error, u));
  return b.where(b.equal(x, c(0)), x, logDomain(b, u, finite));
};

/**
 * log(1 + x), accurate near 0. f32: within 0.9 ULP; f64: within 1 ULP. log1p(−1) = −∞, log1p(x < −1) = NaN; the sign of zero is kept.
 * Source: fdlibm `s_log1p.c`; the rounding error of 1 + x by Knuth's two-sum.
 */
export const log1p = byDtype('log1p', log1p32, log1p64);

/** log(1 + f) for 0 ≤ f ≤ 1, where no power of two need be split off: f − s·(f − R(s²)). Subnormals are kept. */
export function log1pOfUnit<T>(b: Builder<T>, f: T): T {
  const dtype = b.dtypeOf(f);
  const s = b.div(f, b.add(f, b.constant(2, dtype)));
  const z = b.mul(s, s);
  const rest = b.mul(z, polynomial(b, z, dtype === 'f64' ? LOG_UNIT_64 : LOG_UNIT_32));
  return b.sub(f, b.mul(s, b.sub(f, rest)));
}
