/** Parts of a function whose derivative is taken in another way: `checkpoint`, `customVjp`. */
import { OptionError, TraceError } from '../../core/errors.js';
import type { Expr } from '../../core/expr.js';
import { describeValue } from '../../core/options.js';
import { flatten, type TreeDef, unflatten } from '../../core/tree.js';
import { checkpointed } from '../../ops/control/checkpoint.js';
import { custom } from '../../ops/control/custom.js';
import { constant } from '../../ops/leaf.js';
import { broadcastScalar } from '../../ops/movement.js';
import { attemptNow, isTracing, record } from '../scope.js';
import { Tensor } from '../tensor.js';
import {
  Body,
  call,
  checkFunction,
  checkStructure,
  finished,
  jointOutside,
  leafExprs,
  refuseAvals,
  valueOf,
} from './body.js';

// A function of any arguments.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type AnyFunction = (...args: any[]) => unknown;

/** The leaves of arguments that are recorded, and how to put them back among the others. */
function splitArguments(
  op: string,
  args: readonly unknown[],
): { inputs: Expr[]; rebuild: (handles: readonly Tensor[]) => unknown[] } {
  const [leaves, tree] = flatten(args);
  const isInput = leaves.map((leaf) => leaf instanceof Tensor || typeof leaf === 'number');
  const inputs = leafExprs(
    op,
    leaves.filter((_, i) => isInput[i]),
  );
  return {
    inputs,
    rebuild: (handles) => {
      let next = 0;
      return unflatten(
        tree,
        leaves.map((leaf, i) => (isInput[i] ? handles[next++]! : leaf)),
      ) as unknown[];
    },
  };
}

/**
 * `fn`, of which a derivative keeps the arguments alone: what else it needs is computed again in the backward pass. Memory
 * for time; the values are the same bits.
 * @example grad(checkpoint((x: Tensor) => x.sin().sum()))(tensor([0])).arraySync(); // [1]
 */
export function checkpoint<F extends AnyFunction>(fn: F): F;
export function checkpoint(fn: AnyFunction): AnyFunction {
  checkFunction('checkpoint', 'function', fn);
  return (...args: unknown[]) => {
    if (!isTracing()) return attemptNow(() => fn(...args));
    const { inputs, rebuild } = splitArguments('checkpoint', args);
    const body = new Body(
      fn.name || 'checkpoint',
      inputs.map(({ aval }) => aval),
      (handles) => call('checkpoint', fn, rebuild(handles)),
      inputs,
    );
    const { outside, written } = jointOutside([body]);
    const handles = record(() => {
      const values = [...outside.map(valueOf), ...written.map((variable) => variable.read())];
      const graph = body.graph(
        [
          ...inputs.map((_, i) => body.argument(i)),
          ...outside.map((each) => body.parameterOf(each)),
          ...written.map((variable) => body.scope.variableParameter(variable)),
        ],
        [...inputs, ...values].map(({ aval }) => aval),
        [...body.outputs, ...written.map((variable) => body.finalValue(variable))],
      );
      const results = checkpointed([...inputs, ...values], graph);
      written.forEach((variable, i) => variable.assign(results[body.outputs.length + i]!));
      return finished(results.slice(0, body.outputs.length));
    });
    return unflatten(body.tree, handles);
  };
}

/**
 * `fn` with a derivative of its own: `forward(...args) → [out, residuals]` takes the place of `fn` where a derivative is
 * taken, and `backward(residuals, cotangent) → [cotangent of each argument]` gives it; null for an argument without one.
 * None of the three writes Variables.
 * @throws TraceError `CUSTOM_WRITES`; in a trace `FORWARD_RESULT`, `BACKWARD_RESULT`, TreeError `STRUCTURE_CHANGED`, ShapeError,
 * DTypeError `COTANGENT`.
 * @example
 * const bounded = customVjp(
 *   (x: Tensor) => x.square(),
 *   (x: Tensor) => [x.square(), x],
 *   (x: Tensor, cotangent: Tensor) => [cotangent.mul(x).clip(-1, 1)],
 * );
 * grad((x: Tensor) => bounded(x).sum())(tensor([0.5, 5])).arraySync(); // [0.5, 1]
 */
export function customVjp<A extends unknown[], R, S>(
  fn: (...args: A) => R,
  forward: (...args: A) => readonly [R, S],
  backward: (residuals: S, cotangent: R) => readonly unknown[],
): (...args: A) => R;
export function customVjp(fn: AnyFunction, forward: AnyFunction, backward: AnyFunction): AnyFunction {
  checkFunction('customVjp', 'function', fn);
  checkFunction('customVjp', 'forward', forward);
  checkFunction('customVjp', 'backward', backward);
  return (...args: unknown[]) => {
    if (!isTracing())
      return attemptNow((hasWritten) => {
        const result: unknown = fn(...args);
        if (hasWritten()) refuseWrites(fn.name || 'customVjp');
        return result;
      });
    const { inputs, rebuild } = splitArguments('customVjp', args);
    const avals = inputs.map(({ aval }) => aval);
    const body = new Body(fn.name || 'customVjp', avals, (handles) => call('customVjp', fn, rebuild(handles)), inputs);
    let trees: readonly [TreeDef, TreeDef] | undefined;
    const saving = new Body(
      'forward',
      avals,
      (handles) => {
        const result = call('forward', forward, rebuild(handles));
        if (!Array.isArray(result) || result.length !== 2)
          throw new TraceError(
            'FORWARD_RESULT',
            `forward returned ${describeValue(result)}`,
            'Return [out, residuals].',
          );
        trees = [flatten(result[0])[1], flatten(result[1])[1]];
        return result as unknown;
      },
      inputs,
    );
    const [outTree, residualTree] = trees!;
    checkStructure('customVjp', 'the results of the function and of forward', body.tree, outTree);
    const count = body.outputs.length;
    body.outputs.forEach(({ aval }, i) => {
      const own = saving.outputs[i]!.aval;
      if (own.key !== aval.key)
        refuseAvals(
          'customVjp',
          'FORWARD_RESULT',
          `result ${i} of the function and of forward`,
          aval,
          own,
          'Return the same.',
        );
    });
    const residuals = saving.outputs.slice(count).map(({ aval }) => aval);
    const pulling = new Body('backward', [...residuals, ...body.outputs.map(({ aval }) => aval)], (handles) => {
      const result = call('backward', backward, [
        unflatten(residualTree, handles.slice(0, residuals.length)),
        unflatten(outTree, handles.slice(residuals.length)),
      ]);
      return cotangentsOf(result, rebuild, inputs);
    });
    for (const each of [body, saving, pulling]) if (each.written.length > 0) refuseWrites(each.name);
    const { outside } = jointOutside([body, saving, pulling]);
    const handles = record(() => {
      const values = outside.map(valueOf);
      const captured = values.map(({ aval }) => aval);
      const forwardGraph = (each: Body) =>
        each.graph(
          [...inputs.map((_, i) => each.argument(i)), ...outside.map((one) => each.parameterOf(one))],
          [...avals, ...captured],
          each.outputs,
        );
      const given = [...residuals, ...body.outputs.map(({ aval }) => aval)];
      const results = custom([...inputs, ...values], {
        body: forwardGraph(body),
        forward: forwardGraph(saving),
        backward: pulling.graph(
          [...given.map((_, i) => pulling.argument(i)), ...outside.map((one) => pulling.parameterOf(one))],
          [...given, ...captured],
          pulling.outputs,
        ),
        args: inputs.length,
      });
      return finished(results);
    });
    return unflatten(body.tree, handles);
  };
}

/** @throws TraceError `CUSTOM_WRITES`: how often each of the functions runs depends on whether a derivative is taken. */
function refuseWrites(name: string): never {
  throw new TraceError('CUSTOM_WRITES', `${name} writes a Variable`, 'Return the value, and write it outside.');
}

/** A Tensor for each leaf of the arguments, zeros where there is no cotangent. */
function cotangentsOf(
  result: unknown,
  rebuild: (handles: readonly Tensor[]) => unknown[],
  inputs: readonly Expr[],
): Tensor[] {
  const zeros = record(() => inputs.map(({ shape, dtype }) => new Tensor(broadcastScalar(constant(0, dtype), shape))));
  const like = rebuild(zeros);
  if (!Array.isArray(result) || result.length !== like.length)
    throw new TraceError(
      'BACKWARD_RESULT',
      `backward returned ${describeValue(result)} for ${like.length} arguments`,
      'Return an array with one cotangent an argument; null for one without.',
    );
  const cotangents = like.flatMap((argument, i) => {
    const [own, tree] = flatten(argument);
    const given: unknown = result[i];
    const leaves = own.filter((leaf) => leaf instanceof Tensor);
    if (given === null || given === undefined) return leaves;
    const [values, got] = flatten(given);
    checkStructure('customVjp', `argument ${i} and its cotangent`, tree, got);
    return values.filter((_, at) => own[at] instanceof Tensor);
  });
  cotangents.forEach((cotangent, i) => {
    const { aval } = inputs[i]!;
    if (!(cotangent instanceof Tensor))
      throw new OptionError('COTANGENT', `backward returned ${describeValue(cotangent)}`, 'Return tensors.');
    const own = cotangent.expr.aval;
    if (own.shape.join() !== aval.shape.join() || (own.dtype !== aval.dtype && !own.weak && !aval.weak))
      refuseAvals(
        'customVjp',
        'COTANGENT',
        `leaf ${i} of the arguments and its cotangent`,
        aval,
        own,
        'Return a cotangent of the argument’s shape and dtype.',
      );
  });
  return cotangents;
}
