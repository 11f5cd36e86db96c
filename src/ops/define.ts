/** The table of primitives: each is defined once, and tests and printers find all of them here. */
import type { Attributes, Inputs, Primitive } from '../core/expr.js';
import { InternalError } from '../core/errors.js';

const table = new Map<string, Primitive>();

/** Enters a primitive in the table. */
export function define<A extends Attributes, I extends Inputs = Inputs>(primitive: Primitive<A, I>): Primitive<A, I> {
  if (table.has(primitive.name)) throw new InternalError(`the primitive ${primitive.name} is defined twice`);
  table.set(primitive.name, primitive);
  return primitive;
}

/** All primitives by name, in order of definition. */
export const primitives = (): ReadonlyMap<string, Primitive> => table;
