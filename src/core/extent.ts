/** Extents, and other whole numbers, that follow from n: the size of a batch, which each call brings. */

/** times · n + plus. */
export interface SizeForm {
  readonly times: number;
  readonly plus: number;
}

export const sizeAt = ({ times, plus }: SizeForm, n: number): number => times * n + plus;

export const scaledSize = ({ times, plus }: SizeForm, factor: number): SizeForm => ({
  times: times * factor,
  plus: plus * factor,
});

/** The form that has `values[i]` at n = `sizes[i]`, of which two differ; undefined if there is none. */
export function sizeFormOf(sizes: readonly number[], values: readonly number[]): SizeForm | undefined {
  const times = (values[1]! - values[0]!) / (sizes[1]! - sizes[0]!);
  const form = { times, plus: values[0]! - times * sizes[0]! };
  return Number.isInteger(times) && Number.isInteger(form.plus) && sizes.every((n, i) => sizeAt(form, n) === values[i])
    ? form
    : undefined;
}

/** An extent, and its form where it follows from n: then `extent` is what it is at most. */
export interface Sized {
  readonly extent: number;
  readonly size?: SizeForm | undefined;
}
/** The extent as a factor, in a language with C's operators that has n as a variable. */
export function sizeText({ extent, size }: Sized, n = 'n'): string {
  if (size === undefined) return String(extent);
  const { times, plus } = size;
  const product = times === 1 ? n : `${times} * ${n}`;
  return plus === 0 && times === 1 ? n : `(${product}${plus === 0 ? '' : ` + ${plus}`})`;
}

/** As printed: `n`, `3·n + 2`. */
export const formatSizeForm = ({ times, plus }: SizeForm): string =>
  `${times === 1 ? '' : `${times}·`}n${plus === 0 ? '' : plus < 0 ? ` - ${-plus}` : ` + ${plus}`}`;
