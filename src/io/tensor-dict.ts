/** Tensors by name: what checkpoints are made of. */
import { OptionError } from '../core/errors.js';
import { Tensor } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import { entriesOf, quote } from './array-file.js';

/** Tensors (or Variables) by name. */
export type TensorDict = ReadonlyMap<string, Tensor | Variable> | Readonly<Record<string, Tensor | Variable>>;

/** The pairs of a dict. @throws OptionError `OPTION_TENSOR` for an array, whose positions are no names, and for what is no dict. */
export function tensorsIn(tensors: TensorDict): [string, Tensor | Variable][] {
  if (typeof tensors === 'object' && (tensors as unknown) !== null && !Array.isArray(tensors))
    return entriesOf(tensors);
  throw new OptionError(
    'OPTION_TENSOR',
    `a dict of tensors was expected, and ${Array.isArray(tensors) ? 'an array' : typeof tensors} given`,
    'Pass tensors or Variables by name: { w, b }, or module.vars().',
  );
}

/** The tensor under `name`. @throws OptionError `OPTION_TENSOR` */
export const valueOf = (name: string, value: unknown): Tensor => {
  if (value instanceof Variable) return value.value;
  if (value instanceof Tensor) return value;
  throw new OptionError(
    'OPTION_TENSOR',
    `${quote(name)} holds no tensor but ${typeof value}`,
    'Pass tensors or Variables by name.',
  );
};
