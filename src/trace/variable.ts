/**
 * Variables: the only things that change. Inside a trace reading and writing is recorded, so a Variable becomes a hidden
 * input and a hidden in-place output of the program; outside, it holds a storage or a pending node.
 */
import type { Aval } from '../core/aval.js';
import { DTypeError, OptionError, ShapeError, TraceError } from '../core/errors.js';
import { type Expr, scopeStack } from '../core/expr.js';
import { isFloat } from '../core/dtype.js';
import { COPY, describeValue, THIS_COPY } from '../core/options.js';
import { register } from '../core/tree.js';
import type { leafType } from '../core/tree-types.js';
import { cast } from '../ops/elementwise.js';
import type { UpdateTarget } from '../runtime/runner.js';
import type { Storage } from '../runtime/storage.js';
import { evaluated } from './eager.js';
import { drop, EagerNode, type EagerScope, eagerScope, hold } from './eager-scope.js';
import { asExpr, asTensor } from './operand.js';
import { indexError, inspectCustom, printValue, refuseMissing, toJSON } from './print.js';
import { activeScope, isTracing, record, touch, touchNew, type TraceScope, useExpr } from './scope.js';
import { Tensor, tensor, type TensorData } from './tensor.js';

/** What {@link Variable.number} holds: a tensor's value becomes a number, which needs it to be known. */
function asNumber(next: Tensor | TensorData): Expr {
  if (typeof next === 'number') return asExpr(next);
  const given = next instanceof Tensor ? next : tensor(next, { dtype: 'f64' });
  const expr = useExpr(given.expr);
  if (expr.aval.weak) return expr;
  if (given.ndim !== 0)
    throw new ShapeError(
      'VARIABLE_SHAPE',
      `a Variable that holds a number was set to ${expr.aval.key}`,
      'Set it to a number, or to a scalar.',
    );
  if (isTracing())
    throw new DTypeError(
      'VARIABLE_DTYPE',
      `a Variable that holds a number was set to ${expr.aval.key} while a function was traced`,
      'Compute its next value from numbers and from Variables that hold numbers.',
    );
  return asExpr(given.item());
}

/**
 * A tensor that can be replaced by another of its shape and dtype.
 * @example
 * const count = new Variable([0]);
 * count.value = count.value.add(1);
 * count.value.arraySync(); // [1]
 */
export class Variable implements UpdateTarget {
  static name = 'Variable';
  /** A tree's node with one leaf, its value. */
  declare readonly [leafType]: Tensor;

  /** The scope in which it was made: a Variable made while tracing (a model passed as an argument) ends with its trace. */
  readonly #home: TraceScope | EagerScope;
  #storage: Storage | undefined;
  /** The node that holds the value while it is pending or traced, or that stands for the storage. */
  #expr: Expr | undefined;
  readonly aval: Aval;
  /** A label for reports; the object model sets it. */
  name: string | undefined;

  /**
   * @param value what it holds first: a tensor, or what `tensor` takes. A number makes an f32 scalar, also one that was
   * computed of numbers, unless `numbers` are `kept` as they are: see {@link Variable.number}.
   */
  constructor(value: Tensor | TensorData, name?: string, numbers: 'f32' | 'kept' = 'f32') {
    if (name !== undefined && typeof (name as unknown) !== 'string')
      throw new OptionError('INVALID_NAME', `a Variable got the name ${describeValue(name)}`, 'A name is a string.');
    this.#home = activeScope();
    const given = value instanceof Tensor ? useExpr(value.expr) : tensor(value).expr;
    const first = numbers === 'kept' ? given : record(() => asTensor(given));
    this.#expr = hold(this.#home === eagerScope || first.scope === this.#home ? first : useExpr(first));
    if (this.#expr instanceof EagerNode) this.#expr.isInitial = true;
    this.aval = first.aval;
    this.name = name;
    if (this.#home === eagerScope) touchNew(this);
  }

  /**
   * A Variable that holds a JavaScript number: an f64 scalar that takes the dtype of the tensor it meets, as a literal
   * does. A rate or a step counter kept in one may change between calls without another trace.
   * @throws ShapeError `VARIABLE_SHAPE`, DTypeError `VARIABLE_DTYPE` for what is no number
   */
  static number(value: number, name?: string): Variable {
    return new Variable(new Tensor(record(() => asNumber(value))), name, 'kept');
  }

  /** Extents of the axes. */
  get shape(): readonly number[] {
    return this.aval.shape;
  }
  /** The dtype of the elements. */
  get dtype(): Aval['dtype'] {
    return this.aval.dtype;
  }
  /** Number of axes. */
  get ndim(): number {
    return this.aval.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return this.aval.size;
  }

  get [COPY](): object {
    return THIS_COPY;
  }
  /** The value now; inside a trace, the value at this point of the function. */
  get value(): Tensor {
    return new Tensor(this.read());
  }

  /**
   * Replaces the value.
   * @throws ShapeError `VARIABLE_SHAPE`, DTypeError `VARIABLE_DTYPE`: shape and dtype stay what they were; f64 converts to f32.
   */
  set value(next: Tensor | TensorData) {
    this.assign(record(() => this.#fitting(next)));
  }

  #fitting(next: Tensor | TensorData): Expr {
    if (this.aval.weak) return asNumber(next);
    const given = useExpr(next instanceof Tensor ? next.expr : tensor(next, { dtype: this.dtype }).expr);
    const expr = given.aval.weak || (this.dtype === 'f32' && given.dtype === 'f64') ? cast(given, this.dtype) : given;
    if (expr.shape.length !== this.shape.length || expr.shape.some((extent, axis) => extent !== this.shape[axis]))
      throw new ShapeError(
        'VARIABLE_SHAPE',
        `a Variable of ${this.aval.key} was set to ${expr.aval.key}`,
        'A Variable keeps its shape; make a new one for another.',
      );
    if (expr.dtype !== this.dtype)
      throw new DTypeError(
        'VARIABLE_DTYPE',
        `a Variable of ${this.aval.key} was set to ${expr.aval.key}`,
        `Cast it with .cast('${this.dtype}')${isFloat(this.dtype) ? '' : ', which truncates'}.`,
      );
    return expr;
  }

  /** @throws TraceError `LEAKED_VARIABLE` if it was made in a trace that has ended. */
  #checkHome(): void {
    if (this.#home !== eagerScope && !scopeStack().includes(this.#home))
      throw new TraceError(
        'LEAKED_VARIABLE',
        `a Variable of ${this.aval.key} that was made while a function was traced was used after the trace`,
        'Make Variables before, or return their values.',
      );
  }

  /** The value as a node of the innermost scope. */
  read(): Expr {
    const scope = activeScope();
    if (scope !== this.#home) {
      this.#checkHome();
      return (scope as TraceScope).readVariable(this);
    }
    if (this.#expr === undefined) {
      // Whoever has the node may keep it, so the storage counts as shared from now on.
      this.#storage!.shared = true;
      this.#expr = hold(eagerScope.data(this.#storage!, this.aval));
    }
    return this.#expr;
  }

  /** Makes `expr`, a node of the innermost scope, the value. */
  assign(expr: Expr): void {
    const scope = activeScope();
    if (scope !== this.#home) {
      this.#checkHome();
      (scope as TraceScope).writeVariable(this, expr);
      return;
    }
    if (scope === eagerScope) touch([this]);
    const former = this.#expr;
    if (scope !== eagerScope) (scope as TraceScope).journal.push(() => (this.#expr = former));
    this.#expr = hold(expr);
    this.#storage?.leave();
    this.#storage = undefined;
    drop(former);
  }

  /** The elements, for a program that reads and writes them. */
  get storage(): Storage {
    if (this.#storage === undefined) {
      // The node may be known to handles and to other Variables.
      this.#storage = evaluated(this.#expr!);
      this.#storage.shared = true;
    }
    return this.#storage;
  }

  /** Called by a program that wrote other memory. */
  set storage(storage: Storage) {
    this.#storage?.leave();
    this.#storage = storage;
    drop(this.#expr);
    this.#expr = undefined;
  }

  /** Dtype, shape and elements; while a function is traced, without elements. */
  toString(): string {
    const content = isTracing() ? '' : printValue(this.aval, () => this.storage.readSync());
    return `${this.constructor.name}(${this.aval.key})${content}`;
  }
  [inspectCustom](): string {
    return this.toString();
  }
  /** Text; as a number it has none. @throws DTypeError `VARIABLE_AS_TENSOR` */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'string') return this.toString();
    throw new DTypeError(
      'VARIABLE_AS_TENSOR',
      `a Variable (${this.aval.key}) was used as a JavaScript number`,
      'A Variable holds a tensor: use its methods, variable.value.add(b), and variable.value.item() for a number.',
    );
  }
  /** As {@link Tensor.toJSON}. */
  toJSON(): Record<string, unknown> {
    return isTracing() ? this.value.toJSON() : toJSON(this.aval, this.storage.readSync());
  }
}

/**
 * A Variable that an optimizer trains.
 * @example
 * const w = new TrainVar([1, 2]);
 * const [, grads] = valueAndGrad(() => w.value.square().sum(), { vars: { w } })();
 * grads.w.arraySync(); // [2, 4]
 */
export class TrainVar extends Variable {
  static override name = 'TrainVar';
}

refuseMissing(Variable, (name) =>
  name in Tensor.prototype
    ? new DTypeError(
        'VARIABLE_AS_TENSOR',
        `${name} of a Variable was used`,
        `A Variable holds a tensor: use variable.value.${name}.`,
      )
    : indexError(name),
);

register(Variable, {
  flatten: (variable) => ({ children: [variable.value], names: ['value'], auxiliary: variable.constructor }),
  unflatten: (type, [value]) => new (type as typeof Variable)(value as Tensor, undefined, 'kept'),
  shared: true,
});
