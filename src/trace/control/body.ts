/**
 * Functions as closed graphs: the body of a loop or branch is traced in a scope of its own; what it uses from outside, and
 * Variables that it reads and writes, become its parameters.
 */
import type { Aval } from '../../core/aval.js';
import { isFloat } from '../../core/dtype.js';
import { DTypeError, OptionError, ShapeError, TraceError, TreeError } from '../../core/errors.js';
import { type Expr, ExprScope, type Graph, copyInto, withScope } from '../../core/expr.js';
import { describeValue } from '../../core/options.js';
import { flatten, type TreeDef } from '../../core/tree.js';
import { CONTROL } from '../../compile/control.js';
import { bringControl } from '../../compile/control-passes.js';
import { closed } from '../../ops/control/inline.js';
import { cast } from '../../ops/elementwise.js';
import { parameter } from '../../ops/leaf.js';
import { callTraced } from '../call.js';
import { evaluatePending } from '../eager.js';
import { EagerNode } from '../eager-scope.js';
import { leafExpr } from '../grad.js';
import { isIntegerHere, numberOf } from '../number.js';
import { type Binding, isTracing, record, type TracedVariable, TraceScope, useExpr } from '../scope.js';
import { Tensor } from '../tensor.js';

/** What a body uses besides its arguments. */
export type Outside = Exclude<Binding, { readonly kind: 'argument' }>;

const sameOutside = (a: Outside, b: Outside): boolean =>
  a.kind === 'variable'
    ? b.kind === 'variable' && a.variable === b.variable
    : b.kind === 'capture' && a.expr === b.expr;

/** The value where the innermost scope is the one around the body. */
export const valueOf = (outside: Outside): Expr =>
  outside.kind === 'variable' ? outside.variable.read() : useExpr(outside.expr);

/** A traced function. */
export class Body {
  readonly scope: TraceScope;
  /** Its results, and their structure. */
  readonly outputs: readonly Expr[];
  readonly tree: TreeDef;
  /** The arguments of which was asked whether they are integers. */
  readonly asked = new Set<number>();

  /** @throws TraceError `RESULT_TYPE` for a result that is no tree of tensors and numbers. */
  constructor(
    readonly name: string,
    avals: readonly Aval[],
    /** Calls the function on the handles. */
    call: (handles: Tensor[]) => unknown,
    /** Nodes outside for which its first arguments stand in every turn: numbers among them are what they are outside. */
    standFor: readonly Expr[] = [],
  ) {
    bringControl(CONTROL);
    this.scope = new TraceScope(name);
    this.scope.readNumber = (leaf) => {
      const node = standFor[leaf];
      if (node === undefined) return NaN;
      this.asked.add(leaf);
      return numberOf(node);
    };
    const handles = avals.map(
      (aval, i) => new Tensor(this.scope.parameter({ aval }, `x${i}`, { kind: 'argument', leaf: i })),
    );
    [this.outputs, this.tree] = withScope(this.scope, () => {
      const [leaves, tree] = flatten(call(handles));
      return [
        leaves.map((leaf) => {
          const expr = leafExpr(leaf);
          if (expr !== undefined) return expr;
          throw new TraceError(
            'RESULT_TYPE',
            `${name} returned ${describeValue(leaf)}`,
            'Return tensors and numbers, in arrays, objects and Maps.',
          );
        }),
        tree,
      ];
    });
  }

  /** What it uses from outside, in order, without what it writes. */
  get outside(): Outside[] {
    const written = new Set<TracedVariable>(this.scope.writes.map(([variable]) => variable));
    return this.scope.bindings.filter(
      (binding): binding is Outside =>
        binding.kind === 'capture' || (binding.kind === 'variable' && !written.has(binding.variable)),
    );
  }

  /** The Variables that it writes. */
  get written(): TracedVariable[] {
    return this.scope.writes.map(([variable]) => variable);
  }

  /** The value of a Variable when the body ends. */
  finalValue(variable: TracedVariable): Expr {
    return withScope(this.scope, () => this.scope.readVariable(variable));
  }

  /** An output in another dtype; undefined for a number that is none of it. */
  converted(output: Expr, aval: Aval): Expr | undefined {
    return withScope(this.scope, () => inDType(output, aval));
  }

  argument(leaf: number): Expr {
    return this.scope.parameters[leaf]!;
  }
  /** The parameter that stands for what is outside; undefined if it is not used. */
  parameterOf(outside: Outside): Expr | undefined {
    const at = this.scope.bindings.findIndex((each) => each.kind !== 'argument' && sameOutside(each, outside));
    return this.scope.parameters[at];
  }

  /** The graph from the nodes that the parameters of its list stand for; undefined is a parameter that is not used. */
  graph(parameters: readonly (Expr | undefined)[], avals: readonly Aval[], outputs: readonly Expr[]): Graph {
    return withScope(new ExprScope(), () => {
      const copies = new Map<Expr, Expr>();
      const own = parameters.map((node, i) => {
        const { shape, dtype, weak } = avals[i]!;
        const copy = parameter(i, shape, dtype, weak);
        if (node !== undefined) copies.set(node, copy);
        return copy;
      });
      return closed(this.name, own, copyInto(copies, outputs));
    });
  }
}

/** What several bodies use, each once. */
export function jointOutside(bodies: readonly Body[]): { outside: Outside[]; written: TracedVariable[] } {
  const written = [...new Set(bodies.flatMap((body) => body.written))];
  const outside: Outside[] = [];
  for (const each of bodies.flatMap((body) => body.outside)) {
    const isWritten = each.kind === 'variable' && written.includes(each.variable);
    if (!isWritten && !outside.some((other) => sameOutside(other, each))) outside.push(each);
  }
  return { outside, written };
}

/** Nodes for the leaves of a tree. @throws TraceError `NOT_A_TENSOR` */
export function leafExprs(op: string, leaves: readonly unknown[]): Expr[] {
  return record(() =>
    leaves.map((leaf) => {
      const expr = typeof leaf === 'boolean' ? undefined : leafExpr(leaf);
      if (expr !== undefined) return expr;
      throw new TraceError('NOT_A_TENSOR', `${op} got ${describeValue(leaf)}`, 'Pass trees of tensors and numbers.');
    }),
  );
}

/** Calls the user's function while it is traced. @throws OptionError `NOT_A_FUNCTION` */
export function checkFunction(op: string, what: string, fn: unknown): asserts fn is (...args: never[]) => unknown {
  if (typeof fn !== 'function')
    throw new OptionError('NOT_A_FUNCTION', `${op} got ${describeValue(fn)} as its ${what}`, 'Pass a function.');
}
export const call = (op: string, fn: (...args: never[]) => unknown, args: readonly unknown[]): unknown =>
  callTraced(fn.name || op, fn, args);

/** @throws TreeError `STRUCTURE_CHANGED` */
export function checkStructure(op: string, what: string, expected: TreeDef, got: TreeDef): void {
  const difference = expected.mismatch(got, '');
  if (difference === undefined) return;
  throw new TreeError(
    'STRUCTURE_CHANGED',
    `${op}: ${what} have different structures: ${String(expected)} and ${String(got)}; ${difference}`,
    'Return the same structure.',
  );
}

/** The common aval of two values that take each other's place: a number takes the dtype of a scalar; undefined if there is none. */
export function commonAval(a: Aval, b: Aval): Aval | undefined {
  if (a.key === b.key) return a;
  if (a.weak && b.shape.length === 0) return b;
  if (b.weak && a.shape.length === 0) return a;
  return undefined;
}

/** A value in the dtype in which it takes the place of others; undefined for a number that no integer of it is. */
export function inDType(node: Expr, { dtype, weak }: Aval): Expr | undefined {
  if (weak || node.dtype === dtype) return node;
  // What is computed as the program runs is rounded then.
  if (node.aval.weak && !isFloat(dtype) && !Number.isNaN(numberOf(node)) && !isIntegerHere(node, dtype))
    return undefined;
  return cast(node, dtype);
}

/** @throws ShapeError, DTypeError `CARRY_CHANGED`, `BRANCHES_DIFFER` */
export function refuseAvals(op: string, code: string, what: string, a: Aval, b: Aval, remedy: string): never {
  const facts = `${op}: ${what} is ${a.key} and ${b.key}`;
  if (a.shape.join() !== b.shape.join()) throw new ShapeError(code, facts, remedy);
  throw new DTypeError(code, facts, remedy);
}

/** Handles on results; outside a trace all are computed now, for the loop is to run once. */
export function finished(results: readonly Expr[]): Tensor[] {
  const handles = results.map((each) => new Tensor(each));
  if (!isTracing() && results.length > 0) evaluatePending(results.filter((each) => each instanceof EagerNode));
  return handles;
}
