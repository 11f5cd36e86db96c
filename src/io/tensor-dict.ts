/** Tensors by name: what checkpoints are made of. */
import { OptionError } from '../core/errors.js';
import { Tensor } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import { quote } from './array-file.js';

/** Tensors (or Variables) by name. */
export type TensorDict = ReadonlyMap<string, Tensor | Variable> | Readonly<Record<string, Tensor | Variable>>;

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
