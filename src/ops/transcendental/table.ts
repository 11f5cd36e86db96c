/**
 * The transcendental functions in one table: what each is made of, how far it may be from the true value, and whose
 * method it is. The f32 bounds of functions of one argument were measured over all 2³² inputs, the others on millions
 * of points; `test/transcendental` samples them again. Only tests import this file.
 */
import type { Builder } from '../../core/builder.js';
import { DECOMPOSITIONS, type TranscendentalName } from './decompositions.js';
import { idealErf, idealErfc, idealExp2, idealGelu, idealPow, idealSigmoid, idealSoftplus } from './ideal.js';

/** A function that is no core op: its decomposition is its meaning. */
export interface Transcendental {
  readonly arity: 1 | 2;
  readonly decompose: <T>(b: Builder<T>, ...operands: T[]) => T;
  /** The true value to about 10⁻¹⁴ of itself: what f32 results are measured against. */
  readonly ideal: (...operands: number[]) => number;
  /** The bound on the error, in units in the last place of the true value rounded to the dtype. */
  readonly ulp: { readonly f32: number; readonly f64: number };
  /** Where the result is neither NaN nor infinite. */
  readonly domain: string;
  readonly source: string;
}

/** All of them, by the name of the primitive. */
export const TRANSCENDENTALS: Readonly<Record<TranscendentalName, Transcendental>> = {
  exp: {
    arity: 1,
    decompose: DECOMPOSITIONS.exp,
    ideal: Math.exp,
    ulp: { f32: 1, f64: 1 },
    domain: 'x < 88.73 (f32), x < 709.79 (f64)',
    source: 'Cody & Waite 1980; Cephes expf.c; fdlibm e_exp.c',
  },
  expm1: {
    arity: 1,
    decompose: DECOMPOSITIONS.expm1,
    ideal: Math.expm1,
    ulp: { f32: 1.6, f64: 1.8 },
    domain: 'x < 88.73 (f32), x < 709.79 (f64)',
    source: 'Cody & Waite 1980; fdlibm s_expm1.c',
  },
  log: {
    arity: 1,
    decompose: DECOMPOSITIONS.log,
    ideal: Math.log,
    ulp: { f32: 0.9, f64: 1 },
    domain: 'x > 0',
    source: 'fdlibm e_log.c',
  },
  log1p: {
    arity: 1,
    decompose: DECOMPOSITIONS.log1p,
    ideal: Math.log1p,
    ulp: { f32: 0.9, f64: 1 },
    domain: 'x > −1',
    source: 'fdlibm s_log1p.c',
  },
  sin: {
    arity: 1,
    decompose: DECOMPOSITIONS.sin,
    ideal: Math.sin,
    ulp: { f32: 0.6, f64: 0.9 },
    domain: 'every finite x',
    source: 'Payne & Hanek 1983; fdlibm k_sin.c, k_cos.c',
  },
  cos: {
    arity: 1,
    decompose: DECOMPOSITIONS.cos,
    ideal: Math.cos,
    ulp: { f32: 0.6, f64: 0.9 },
    domain: 'every finite x',
    source: 'Payne & Hanek 1983; fdlibm k_sin.c, k_cos.c',
  },
  tanh: {
    arity: 1,
    decompose: DECOMPOSITIONS.tanh,
    ideal: Math.tanh,
    ulp: { f32: 1.6, f64: 2.4 },
    domain: 'every x',
    source: 'Cephes tanhf.c (f32); fdlibm s_tanh.c (f64)',
  },
  sigmoid: {
    arity: 1,
    decompose: DECOMPOSITIONS.sigmoid,
    ideal: idealSigmoid,
    ulp: { f32: 2.5, f64: 2.5 },
    domain: 'every x',
    source: 'from exp',
  },
  softplus: {
    arity: 1,
    decompose: DECOMPOSITIONS.softplus,
    ideal: idealSoftplus,
    ulp: { f32: 2.1, f64: 2.3 },
    domain: 'x < ∞',
    source: 'from exp, and log1p as in fdlibm s_log1p.c',
  },
  erf: {
    arity: 1,
    decompose: DECOMPOSITIONS.erf,
    ideal: idealErf,
    ulp: { f32: 1.6, f64: 1.8 },
    domain: 'every x',
    source: 'after N. Juffa, erff(), 2013',
  },
  gelu: {
    arity: 1,
    decompose: DECOMPOSITIONS.gelu,
    ideal: idealGelu,
    ulp: { f32: 5.5, f64: 6 },
    domain: 'x < ∞',
    source: 'Hendrycks & Gimpel 2016, arXiv:1606.08415; Shepherd & Laframboise 1981',
  },
  pow: {
    arity: 2,
    decompose: DECOMPOSITIONS.pow,
    ideal: idealPow,
    ulp: { f32: 0.51, f64: 1 },
    domain: 'x > 0, and x < 0 for integer y; C99 annex F.10.4.4 beyond',
    source: 'fdlibm e_pow.c',
  },
  exp2: {
    arity: 1,
    decompose: DECOMPOSITIONS.exp2,
    ideal: idealExp2,
    ulp: { f32: 1.1, f64: 1 },
    domain: 'x < 128 (f32), x < 1024 (f64)',
    source: 'as exp',
  },
  log2: {
    arity: 1,
    decompose: DECOMPOSITIONS.log2,
    ideal: Math.log2,
    ulp: { f32: 0.9, f64: 0.9 },
    domain: 'x > 0',
    source: 'FreeBSD e_log2.c',
  },
  log10: {
    arity: 1,
    decompose: DECOMPOSITIONS.log10,
    ideal: Math.log10,
    ulp: { f32: 0.8, f64: 0.8 },
    domain: 'x > 0',
    source: 'FreeBSD e_log10.c',
  },
  tan: {
    arity: 1,
    decompose: DECOMPOSITIONS.tan,
    ideal: Math.tan,
    ulp: { f32: 2, f64: 1.6 },
    domain: 'every finite x',
    source: 'from sin and cos',
  },
  asin: {
    arity: 1,
    decompose: DECOMPOSITIONS.asin,
    ideal: Math.asin,
    ulp: { f32: 2.6, f64: 1.8 },
    domain: '|x| ≤ 1',
    source: 'from atan2',
  },
  acos: {
    arity: 1,
    decompose: DECOMPOSITIONS.acos,
    ideal: Math.acos,
    ulp: { f32: 2.4, f64: 2 },
    domain: '|x| ≤ 1',
    source: 'from atan2',
  },
  atan: {
    arity: 1,
    decompose: DECOMPOSITIONS.atan,
    ideal: Math.atan,
    ulp: { f32: 2.1, f64: 1.9 },
    domain: 'every x',
    source: 'from atan2',
  },
  atan2: {
    arity: 2,
    decompose: DECOMPOSITIONS.atan2,
    ideal: Math.atan2,
    ulp: { f32: 2.2, f64: 1.9 },
    domain: 'every y and x',
    source: 'Cephes atanf.c; C99 annex F.10.1.4',
  },
  sinh: {
    arity: 1,
    decompose: DECOMPOSITIONS.sinh,
    ideal: Math.sinh,
    ulp: { f32: 2.1, f64: 1.6 },
    domain: '|x| < 89.4 (f32), |x| < 710.4 (f64)',
    source: 'fdlibm e_sinh.c',
  },
  cosh: {
    arity: 1,
    decompose: DECOMPOSITIONS.cosh,
    ideal: Math.cosh,
    ulp: { f32: 1.6, f64: 1.6 },
    domain: '|x| < 89.4 (f32), |x| < 710.4 (f64)',
    source: 'from expm1',
  },
  asinh: {
    arity: 1,
    decompose: DECOMPOSITIONS.asinh,
    ideal: Math.asinh,
    ulp: { f32: 1.7, f64: 1.6 },
    domain: 'every x',
    source: 'fdlibm s_asinh.c',
  },
  acosh: {
    arity: 1,
    decompose: DECOMPOSITIONS.acosh,
    ideal: Math.acosh,
    ulp: { f32: 1.8, f64: 1.6 },
    domain: 'x ≥ 1',
    source: 'fdlibm e_acosh.c',
  },
  atanh: {
    arity: 1,
    decompose: DECOMPOSITIONS.atanh,
    ideal: Math.atanh,
    ulp: { f32: 2, f64: 1.6 },
    domain: '|x| < 1',
    source: 'fdlibm e_atanh.c',
  },
  erfc: {
    arity: 1,
    decompose: DECOMPOSITIONS.erfc,
    ideal: idealErfc,
    ulp: { f32: 5.2, f64: 5 },
    domain: 'every x',
    source: 'Shepherd & Laframboise 1981',
  },
  cbrt: {
    arity: 1,
    decompose: DECOMPOSITIONS.cbrt,
    ideal: Math.cbrt,
    ulp: { f32: 0.8, f64: 0.8 },
    domain: 'every x',
    source: "from exp and log, by a step of Newton's method",
  },
};
