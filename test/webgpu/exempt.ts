/**
 * Where a GPU may give another result than the CPU backends, each with the section of the WGSL specification that allows it.
 * Software adapters are held to all the rest bit for bit; on others every float result has the bounds of "Floating Point
 * Accuracy", which are below 16 ULP for what these functions are made of.
 */
import type { Case } from '../conformance/suite.js';
import { isExempt, isFlushed, isWithin } from './accuracy.js';

export interface Element {
  readonly suite: string;
  readonly op: string;
  readonly case: Case;
  readonly got: number;
  readonly want: number;
  readonly operands: readonly number[];
  /** Of the adapter: whether it rounds as IEEE 754 says. */
  readonly isExact: boolean;
}

interface Exemption {
  readonly section: string;
  readonly holds: (element: Element) => boolean;
}

/** The largest product of elements, one an input: what a term of a sum may be, and cancel. */
const largestTerm = ({ inputs }: Case): number =>
  inputs.reduce(
    (product, { data }) => product * Math.max(1, ...data.map((x) => Math.abs(Number(x))).filter(Number.isFinite)),
    1,
  );
const near = (got: number, want: number, tolerance: number): boolean =>
  Math.abs(got - want) <= tolerance * Math.max(Math.abs(want), 1);

/** Names of cases of float-legal in which subnormals come up between operands and result. */
const SUBNORMAL_ON_THE_WAY: ReadonlySet<string> = new Set([
  'float_exprs f32.no_reassociate_mul',
  'float_exprs f32.no_fold_to_hypot',
  'float_exprs f32.no_fold_mul_div',
  'float_exprs f32.no_fold_div_mul',
  'float_exprs f32.no_fold_div2_mul2',
  'float_exprs f32.no_fold_div_div',
  'float_exprs f32.no_fold_add_divs',
  'float_exprs f32.no_fold_sqrt_square',
  'float_exprs f32.no_flush_intermediate_subnormal',
  '(x·c)·d is not x·(c·d)',
  'x/10·10',
  'x·½·2 underflows',
  '(x-y)=0 is not x=y',
  '(x-y)<0 is not x<y',
  '√(x²)',
  'subnormal on the way',
]);
/** Sums, which are added up in another order. */
const SUMS = /sum|mean|Σ|matmul|dot|\(AB\)|\(BC\)|AB|AᵀBᵀ|variance/;
/** What is made of f32 and integers where the CPU has f64, and its bound in ULP. */
const WITHOUT_F64: Readonly<Record<string, number>> = { sin: 3, cos: 3, pow: 2, integer_pow: 2, 'x^½ is not √x': 2 };

const EXEMPTIONS: readonly Exemption[] = [
  {
    section: 'Differences from IEEE-754: subnormals may be flushed to zero',
    holds: ({ operands, want, op }) => isFlushed(operands, want) || SUBNORMAL_ON_THE_WAY.has(op),
  },
  {
    section: 'Reassociation and Fusion: sums may be reassociated',
    holds: ({ op, got, want, case: each }) => SUMS.test(op) && Math.abs(got - want) <= 1e-6 * largestTerm(each),
  },
  {
    section: 'Floating Point Accuracy: sin, cos and pow have far wider bounds than these',
    holds: ({ op, got, want }) => Number.isFinite(want) && isWithin(WITHOUT_F64[op] ?? 0, got, want),
  },
  {
    section: 'Reassociation and Fusion, on hardware: what float-legal asks is what it gives up',
    holds: ({ suite, isExact }) => !isExact && suite === 'float-legal',
  },
  {
    section: 'Floating Point Accuracy, on hardware',
    holds: ({ got, want, isExact }) =>
      !isExact && Number.isFinite(want) && (isWithin(16, got, want) || near(got, want, 1e-6)),
  },
  {
    section: 'Floating Point Accuracy, on hardware: quotients have a bound for divisors from 2⁻¹²⁶ to 2¹²⁶',
    holds: ({ op, operands, want, isExact }) => !isExact && op === 'div' && isExempt(op, operands, want),
  },
  {
    section: 'Differences from IEEE-754, on hardware: NaN and infinities may be assumed absent',
    holds: ({ operands, want, isExact }) => !isExact && ![...operands, want].every(Number.isFinite),
  },
];

export const mayDiffer = (element: Element): boolean => EXEMPTIONS.some(({ holds }) => holds(element));
