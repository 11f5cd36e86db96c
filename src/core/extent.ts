/** Extents, and other whole numbers, that follow from n: the size of a batch, which each call brings. */

/** times · n + plus. */
export interface SizeForm {
  readonly times: number;
  readonly plus: number;
}

export const sizeAt = ({ times, plus }: SizeForm, n: number): number => times * n + plus;

/** The form that has `values[i]` at n = `sizes[i]`, of which two differ; undefined if there is none. */
export function sizeFormOf(sizes: readonly number[], values: readonly number[]): SizeForm | undefined {
  const times = (values[1]! - values[0]!) / (sizes[1]! - sizes[0]!);
  const form = { times, plus: values[0]! - times * sizes[0]! };
  return Number.isInteger(times) && Number.isInteger(form.plus) && sizes.every((n, i) => sizeAt(form, n) === values[i])
    ? form
    : undefined;
}

/** As printed: `n`, `3·n + 2`. */
export const formatSizeForm = ({ times, plus }: SizeForm): string =>
  `${times === 1 ? '' : `${times}·`}n${plus === 0 ? '' : plus < 0 ? ` - ${-plus}` : ` + ${plus}`}`;
