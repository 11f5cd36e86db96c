/** Tensors by name: what checkpoints are made of. */
import { OptionError } from '../core/errors.js';
import { describeValue, isDict } from '../core/options.js';
import { Tensor } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import { entriesOf, quote } from './array-file.js';

/** Tensors (or Variables) by name. */
export type TensorDict = ReadonlyMap<string, Tensor | Variable> | Readonly<Record<string, Tensor | Variable>>;

/** The pairs of a dict. @throws OptionError `OPTION_TENSOR` for an array, whose positions are no names, and for what is no dict. */
export function tensorsIn(tensors: TensorDict): [string, Tensor | Variable][] {
  if (isDict(tensors)) return entriesOf(tensors);
  throw new OptionError(
    'OPTION_TENSOR',
    `the dict of tensors is ${describeValue(tensors)}`,
    'Pass tensors or Variables by name: { w, b }, or module.vars().',
  );
}

/** The tensor under `name`. @throws OptionError `OPTION_TENSOR` */
export const valueOf = (name: string, value: unknown): Tensor => {
  if (value instanceof Variable) return value.value;
  if (value instanceof Tensor) return value;
  throw new OptionError(
    'OPTION_TENSOR',
    `${quote(name)} holds ${describeValue(value)}`,
    'Pass tensors or Variables by name.',
  );
};
