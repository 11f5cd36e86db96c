/** Choices: `cond`, `switchCase`. Where the choice is known while the function is traced, only that branch is. */
import type { Aval } from '../../core/aval.js';
import { DTypeError, OptionError, ShapeError } from '../../core/errors.js';
import type { Expr } from '../../core/expr.js';
import { describeValue } from '../../core/options.js';
import { flatten, unflatten } from '../../core/tree.js';
import { branch } from '../../ops/control/branch.js';
import { cast } from '../../ops/elementwise.js';
import { attempt, isTracing, record, useExpr } from '../scope.js';
import { Tensor, type TensorLike } from '../tensor.js';
import type { Traced } from '../traced-types.js';
import {
  Body,
  call,
  checkFunction,
  checkStructure,
  commonAval,
  finished,
  jointOutside,
  leafExprs,
  refuseAvals,
  valueOf,
} from './body.js';
import { predicateTensor } from './loops.js';

const SAME = 'Return the same shapes and dtypes from all branches.';
type Branch = (...operands: never[]) => unknown;

/**
 * `onTrue(...operands)` or `onFalse(...operands)`, of which one runs. A predicate that is known chooses now; a traced one is a
 * bool scalar, and both branches, which return the same structure, are part of the program.
 * @throws ShapeError, TraceError `PREDICATE`, TreeError `STRUCTURE_CHANGED`, ShapeError, DTypeError `BRANCHES_DIFFER`
 * @example cond(tensor(1).greater(0), (x: Tensor) => x.mul(2), (x: Tensor) => x, tensor([3])).arraySync(); // [6]
 */
export function cond<A extends unknown[], R>(
  predicate: TensorLike,
  onTrue: (...operands: A) => R,
  onFalse: (...operands: A) => unknown,
  ...operands: A
): Traced<R>;
export function cond(predicate: TensorLike, onTrue: Branch, onFalse: Branch, ...operands: unknown[]): unknown {
  checkFunction('cond', 'branch', onTrue);
  checkFunction('cond', 'branch', onFalse);
  const test = predicateTensor('cond', predicate);
  if (!(predicate instanceof Tensor)) return chosen('cond', predicate ? onTrue : onFalse, operands);
  if (!isTracing()) return chosen('cond', test.item() ? onTrue : onFalse, operands);
  return choose(
    'cond',
    record(() => cast(useExpr(test.expr), 'i32')),
    [onFalse, onTrue],
    operands,
  );
}

/**
 * `branches[index](...operands)`; an index out of range is clamped. One that is known chooses now; a traced one is an i32
 * scalar, and all branches are part of the program.
 * @throws OptionError `BRANCHES`, DTypeError, ShapeError `BRANCH_INDEX`; as {@link cond}
 * @example switchCase(1, [(x: Tensor) => x, (x: Tensor) => x.neg()], tensor([3])).arraySync(); // [-3]
 */
export function switchCase<A extends unknown[], R>(
  index: TensorLike,
  branches: readonly ((...operands: A) => R)[],
  ...operands: A
): Traced<R>;
export function switchCase(index: TensorLike, branches: readonly Branch[], ...operands: unknown[]): unknown {
  if (!Array.isArray(branches) || branches.length === 0)
    throw new OptionError(
      'BRANCHES',
      `switchCase got ${describeValue(branches)} as branches`,
      'Give an array of functions.',
    );
  for (const each of branches) checkFunction('switchCase', 'branch', each);
  const known = index instanceof Tensor ? (isTracing() ? undefined : checkedIndex(index).item()) : index;
  if (known !== undefined) {
    if (!Number.isInteger(known))
      throw new DTypeError(
        'BRANCH_INDEX',
        `switchCase got the index ${describeValue(known)}`,
        'An index is an integer.',
      );
    const at = Math.min(Math.max(known as number, 0), branches.length - 1);
    return chosen('switchCase', (branches as readonly Branch[])[at]!, operands);
  }
  return choose(
    'switchCase',
    record(() => cast(useExpr(checkedIndex(index).expr), 'i32')),
    branches,
    operands,
  );
}

function checkedIndex(index: unknown): Tensor {
  if (!(index instanceof Tensor))
    throw new DTypeError(
      'BRANCH_INDEX',
      `switchCase got the index ${describeValue(index)}`,
      'An index is an integer, or a tensor of one.',
    );
  const { aval } = index.expr;
  if (index.ndim !== 0)
    throw new ShapeError('BRANCH_INDEX', `switchCase got ${aval.key} as its index`, 'An index is a scalar.');
  if (!aval.weak && index.dtype !== 'i32' && index.dtype !== 'u32')
    throw new DTypeError('BRANCH_INDEX', `switchCase got ${aval.key} as its index`, `Cast it to 'i32'.`);
  return index;
}

const chosen = (op: string, fn: Branch, operands: readonly unknown[]): unknown => attempt(() => call(op, fn, operands));

/** Records all branches. */
function choose(op: string, index: Expr, branches: readonly Branch[], operands: readonly unknown[]): unknown {
  const [leaves, tree] = flatten(operands);
  const inputs = leafExprs(op, leaves);
  const bodies = branches.map(
    (fn) =>
      new Body(
        op,
        inputs.map(({ aval }) => aval),
        (handles) => call(op, fn, unflatten(tree, handles)),
        inputs,
      ),
  );
  const [first, ...others] = bodies as [Body, ...Body[]];
  const avals = first.outputs.map(({ aval }) => aval);
  for (const body of others) {
    checkStructure(op, 'the results of two branches', first.tree, body.tree);
    body.outputs.forEach(({ aval }, i) => {
      avals[i] =
        commonAval(avals[i]!, aval) ??
        refuseAvals(op, 'BRANCHES_DIFFER', `result ${i} of two branches`, avals[i]!, aval, SAME);
    });
  }
  const { outside, written } = jointOutside(bodies);
  return unflatten(
    first.tree,
    record(() => {
      const values = [...outside.map(valueOf), ...written.map((variable) => variable.read())];
      const own: Aval[] = [...inputs, ...values].map(({ aval }) => aval);
      const graphs = bodies.map((body) => {
        const outputs = [
          ...body.outputs.map(
            (output, i) =>
              body.converted(output, avals[i]!) ??
              refuseAvals(op, 'BRANCHES_DIFFER', `result ${i} of two branches`, output.aval, avals[i]!, SAME),
          ),
          ...written.map((variable) => body.finalValue(variable)),
        ];
        const parameters = [
          ...inputs.map((_, i) => body.argument(i)),
          ...outside.map((each) => body.parameterOf(each)),
          ...written.map((variable) => body.parameterOf({ kind: 'variable', variable })),
        ];
        return body.graph(parameters, own, outputs);
      });
      const results = branch(index, [...inputs, ...values], graphs);
      written.forEach((variable, i) => variable.assign(results[first.outputs.length + i]!));
      return finished(results.slice(0, first.outputs.length));
    }),
  );
}
