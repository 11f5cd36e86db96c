/** True values in f64 of the functions that `Math` lacks or decides otherwise, by other methods: for tests alone. */

const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

/** 1 / (1 + e⁻ˣ). */
export function idealSigmoid(x: number): number {
  const e = Math.exp(-Math.abs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

/** log(1 + eˣ). */
export const idealSoftplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** erf x for |x| ≤ 3: 2/√π·e^(−x²)·Σ 2ⁿ·x²ⁿ⁺¹/(2n + 1)!!, whose terms have one sign (Abramowitz & Stegun 7.1.6). */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 80; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return TWO_OVER_SQRT_PI * Math.exp(-x * x) * sum;
}

/** erfc x for x ≥ 2: the continued fraction of Abramowitz & Stegun 7.1.14. */
function erfcFraction(x: number): number {
  let fraction = x;
  for (let n = 160; n > 0; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / fraction / Math.sqrt(Math.PI);
}

/** The error function. */
export function idealErf(x: number): number {
  if (Math.abs(x) < 3) return erfSeries(x);
  return x < 0 ? erfcFraction(-x) - 1 : x > 0 ? 1 - erfcFraction(x) : x;
}

/** 1 − erf x. */
export const idealErfc = (x: number): number => (x < 2 ? 1 - idealErf(x) : erfcFraction(x));

/** x·Φ(x); 0 from below at −∞. */
export const idealGelu = (x: number): number => (x === -Infinity ? -0 : (x / 2) * idealErfc(-x * Math.SQRT1_2));

/** xʸ with C99's 1ʸ = 1 and (−1)^±∞ = 1, where ECMAScript has NaN. */
export const idealPow = (x: number, y: number): number =>
  x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);

/** 2ˣ. */
export const idealExp2 = (x: number): number => Math.pow(2, x);
