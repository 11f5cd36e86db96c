/**
 * Scopes of tracing. The eager scope (`eager-scope.ts`) is the outermost. A trace scope records one function; what it
 * uses from outside becomes a hidden parameter, and Variables that it reads and writes are kept here, so that leaving the
 * trace restores them.
 */
import type { DType } from '../core/dtype.js';
import { TraceError, userLocation } from '../core/errors.js';
import {
  currentOrigin,
  type Expr,
  ExprScope,
  type Origin,
  scopeStack,
  withOrigin,
  withScope,
  attributesOf,
} from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { constant, parameter, constantPrimitive, parameterPrimitive } from '../ops/leaf.js';
import type { UpdateTarget } from '../runtime/runner.js';
import { drop, type EagerScope, eagerScope, hold } from './eager-scope.js';

/** A question that was asked of a number, and the answer. */
export interface NumberGuard {
  /** The number now. */
  readonly read: () => number;
  readonly dtype: DType;
  readonly isInteger: boolean;
}

/** A Variable as scopes see it. */
export interface TracedVariable extends UpdateTarget {
  readonly aval: Expr['aval'];
  readonly name: string | undefined;
  /** The value as a node of the innermost scope. */
  read(): Expr;
  /** Makes a node of the innermost scope the value. */
  assign(expr: Expr): void;
}

/** Where a parameter of a trace gets its value. */
export type Binding =
  | { readonly kind: 'argument'; readonly leaf: number }
  | { readonly kind: 'variable'; readonly variable: TracedVariable }
  | { readonly kind: 'capture'; readonly expr: Expr };

/** What has a mode by which it chooses what it records, as a module does. */
export interface Moded {
  readonly name: string;
  readonly training: boolean;
}

interface VariableState {
  /** The parameter that holds the value at entry. */
  readonly parameter: Expr;
  current: Expr;
  written: boolean;
}

/** Records one function. */
export class TraceScope extends ExprScope {
  readonly parameters: Expr[] = [];
  readonly names: string[] = [];
  readonly bindings: Binding[] = [];
  /** The scope in which the function is traced. */
  readonly parent: TraceScope | EagerScope = activeScope();
  /** What was asked of numbers; kept by the outermost trace. */
  readonly guards = new Map<string, NumberGuard>();
  /** The argument `leaf`, a number, in the call at hand; absent for arguments that have no value of their own. */
  readNumber?: (leaf: number) => number;
  /** The guards of a trace that is repeated: questions come in their order, and have their answers. */
  answers: readonly NumberGuard[] | undefined;
  /** The modes by which something was chosen; kept by the outermost trace. Those of a trace that is repeated are there before. */
  readonly modes: Map<Moded, boolean>;
  readonly #captured = new Map<Expr, Expr>();
  readonly #variables = new Map<TracedVariable, VariableState>();
  /** How to take back each write of a Variable, the last one at the end. */
  readonly journal: (() => void)[] = [];

  /** @param records a `program` is compiled under a key of its own, so that numbers may be part of it; a `part` of one is not. */
  constructor(
    readonly functionName: string,
    readonly records: 'program' | 'part' = 'program',
    modes: Iterable<readonly [Moded, boolean]> = [],
  ) {
    super();
    this.modes = new Map(modes);
  }

  /** A new parameter with the aval of `like`. */
  parameter(like: { aval: Expr['aval'] }, name: string, binding: Binding): Expr {
    const { shape, dtype, weak } = like.aval;
    const node = withScope(this, () => parameter(this.parameters.length, shape, dtype, weak));
    this.parameters.push(node);
    this.names.push(name);
    this.bindings.push(binding);
    return node;
  }

  /** The parameter that stands for `expr` of an enclosing scope. */
  capture(expr: Expr): Expr {
    const own = attributesOf(expr, constantPrimitive);
    if (own !== undefined) return withScope(this, () => constant(own.value, own.dtype, own.weak));
    let node = this.#captured.get(expr);
    if (node === undefined) {
      node = this.parameter(expr, `captured${this.#captured.size}`, { kind: 'capture', expr: hold(expr) });
      this.#captured.set(expr, node);
    }
    return node;
  }

  #state(variable: TracedVariable): VariableState {
    let state = this.#variables.get(variable);
    if (state === undefined) {
      const node = this.parameter(variable, variable.name ?? `variable${this.#variables.size}`, {
        kind: 'variable',
        variable,
      });
      state = { parameter: node, current: node, written: false };
      this.#variables.set(variable, state);
    }
    return state;
  }

  /** The Variable's value at this point of the trace. */
  readVariable(variable: TracedVariable): Expr {
    return this.#state(variable).current;
  }

  /** The parameter that holds the Variable's value at entry. */
  variableParameter(variable: TracedVariable): Expr {
    return this.#state(variable).parameter;
  }

  writeVariable(variable: TracedVariable, value: Expr): void {
    const state = this.#state(variable);
    const former = { ...state };
    this.journal.push(() => Object.assign(state, former));
    state.current = value;
    state.written = true;
  }

  /** What `body` returns; if it throws, the Variables that it wrote have their former values again. */
  attempt<T>(body: () => T): T {
    const writes = this.journal.length;
    try {
      return body();
    } catch (error) {
      while (this.journal.length > writes) this.journal.pop()!();
      throw error;
    }
  }

  /** Variables written so far, with their values. */
  get writes(): [TracedVariable, Expr][] {
    return [...this.#variables]
      .filter(([, state]) => state.written)
      .map(([variable, state]) => [variable, state.current]);
  }

  /** Position of the Variable's parameter. */
  #indexOf(variable: TracedVariable): number {
    return attributesOf(this.variableParameter(variable), parameterPrimitive)!.index;
  }

  /** The recorded function with these outputs; the values of written Variables follow them, as updates. */
  toGraph(outputs: readonly Expr[], outputNames: readonly string[]): Graph {
    const { writes } = this;
    return {
      name: this.functionName,
      parameters: [...this.parameters],
      parameterNames: [...this.names],
      outputs: [...outputs, ...writes.map(([, value]) => value)],
      outputNames: [...outputNames, ...writes.map(([variable]) => this.names[this.#indexOf(variable)]!)],
      updates: writes.map(([variable], i) => ({
        output: outputs.length + i,
        parameter: this.#indexOf(variable),
      })),
    };
  }
}

/** Whether a function is being traced. */
export const isTracing = (): boolean => {
  const stack = scopeStack();
  // `record` enters the eager scope: that is no trace.
  return stack.length > 0 && stack[stack.length - 1] !== eagerScope;
};
/** Whether a program is being traced: then numbers are constants of it; outside they are inputs, also under `grad`. */
export const isCompiling = (): boolean =>
  scopeStack().some((scope) => scope instanceof TraceScope && scope.records === 'program');
/** The innermost scope, eager if nothing is traced. */
export const activeScope = (): TraceScope | EagerScope =>
  (scopeStack()[scopeStack().length - 1] as TraceScope | undefined) ?? eagerScope;

/** Of the innermost attempt outside of traces: the Variables written in it, with what they held before; undefined for new ones. */
let touched: Map<TracedVariable, Expr | undefined> | undefined;

/** Called before Variables change outside of traces. */
export function touch(variables: readonly TracedVariable[]): void {
  if (touched === undefined) return;
  for (const each of variables) if (!touched.has(each)) touched.set(each, hold(each.read()));
}
/** Called when a Variable is made outside of traces. */
export const touchNew = (variable: TracedVariable): void => void touched?.set(variable, undefined);

/** {@link attempt} outside of traces; `body` can ask whether it has written Variables that were there before. */
export function attemptNow<T>(body: (hasWritten: () => boolean) => T): T {
  const outer = touched;
  const own: typeof touched = (touched = new Map());
  try {
    return body(() => [...own.values()].some((former) => former !== undefined));
  } catch (error) {
    touched = undefined;
    for (const [variable, former] of own) if (former !== undefined) variable.assign(former);
    throw error;
  } finally {
    touched = outer;
    for (const [variable, former] of own)
      if (outer === undefined || outer.has(variable)) drop(former);
      else outer.set(variable, former);
  }
}

/** What `body` returns; if it throws, the Variables that it wrote have their former values again. */
export function attempt<T>(body: () => T): T {
  const scope = activeScope();
  return scope instanceof TraceScope ? scope.attempt(body) : attemptNow(body);
}

/** The trace in which all others stand. */
export function outermostTrace(): TraceScope | undefined {
  let scope = activeScope();
  while (scope instanceof TraceScope && scope.parent instanceof TraceScope) scope = scope.parent;
  return scope instanceof TraceScope ? scope : undefined;
}

/** The mode of `holder`, which is `now`, in the call that is traced: its program is for that mode alone. */
export function modeHere(holder: Moded, now: boolean): boolean {
  const modes = outermostTrace()?.modes;
  const mode = modes?.get(holder) ?? now;
  modes?.set(holder, mode);
  return mode;
}

/** Runs an op function in the innermost scope. */
export const record = <T>(body: () => T): T =>
  isTracing() ? (locating ? announce({}, body, NEAR) : body()) : withScope(eagerScope, body);

/** Whether nodes remember the user's line. A stack costs more than all else that a trace does with a node. */
let locating = false;
/** Frames between an operation and the line that called it; whoever is farther away has announced itself. */
const NEAR = 12;

/** Traces `body` with the user's lines as origins of its nodes. */
export function withLocations<T>(body: () => T): T {
  locating = true;
  try {
    return body();
  } finally {
    locating = false;
  }
}

/** Makes `part` known as the origin of what `body` records. */
export function announce<T>(part: Origin, body: () => T, frames?: number): T {
  if (!isTracing()) return body();
  const above = currentOrigin();
  const location = (locating ? userLocation(frames) : undefined) ?? above?.location;
  return withOrigin({ ...above, ...part, location }, body);
}

/**
 * The node by which the innermost scope knows `expr`: itself, or a parameter that captures it.
 * @throws TraceError `LEAKED_TENSOR` for a node of a trace that has ended.
 */
export function useExpr(expr: Expr): Expr {
  const stack = scopeStack();
  const current = stack[stack.length - 1] ?? eagerScope;
  if (expr.scope === current) return expr;
  const from = expr.scope === eagerScope ? -1 : stack.indexOf(expr.scope);
  if (from < 0 && expr.scope !== eagerScope)
    throw new TraceError(
      'LEAKED_TENSOR',
      `a tensor (${expr.aval.key}) of a trace that has ended was used`,
      'Return it from the function, or keep it in a Variable.',
    );
  let node = expr;
  for (const scope of stack.slice(from + 1)) if (scope instanceof TraceScope) node = scope.capture(node);
  return node;
}
