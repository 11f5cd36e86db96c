/** Expressions of a function that is lifted. */
import type {
  AssignmentExpression,
  BinaryExpression,
  CallExpression,
  Expression,
  Identifier,
  Literal,
  MemberExpression,
  Node,
  ObjectExpression,
  Pattern,
  PrivateIdentifier,
  SpreadElement,
  Super,
} from 'acorn';
import type { Expr } from '../../core/expr.js';
import { isBoolean, isExpr, isOperator } from './arithmetic.js';
import { Undecided, type Way } from './machine.js';
import { Places, type Target } from './places.js';
import { Builtin, Closure, Compound, isScalar, type Scope, UNINITIALISED, Unknown, type Value } from './values.js';

/** Leads from `?.` on nothing to the end of its chain. */
const END_OF_CHAIN = new Error('the end of a chain');

export abstract class Evaluator extends Places {
  /** What the function returns for these arguments. */
  protected abstract call(closure: Closure, args: readonly Value[], node: Node): Value;

  protected evaluate(node: Expression | Super | PrivateIdentifier, scope: Scope): Value {
    switch (node.type) {
      case 'Identifier':
        return this.#lookUp(node, scope);
      case 'Literal':
        return this.#literal(node);
      case 'UnaryExpression': {
        if (node.operator === 'typeof' || node.operator === 'delete')
          throw this.source.error(
            node,
            'LIFT_SYNTAX',
            `${node.operator} is used`,
            'All values are numbers or booleans.',
          );
        const value = this.evaluate(node.argument, scope);
        if (node.operator === 'void') return undefined;
        if (node.operator === '!') {
          const truth = this.truth(value, node.argument);
          return isExpr(truth) ? this.arithmetic.not(truth) : !truth;
        }
        const scalar = this.scalar(value, node.argument);
        if (node.operator === '-') return this.arithmetic.negate(scalar);
        if (node.operator === '~') return this.arithmetic.binary('^', scalar, -1);
        return isExpr(scalar) ? this.arithmetic.toNumber(scalar) : Number(scalar);
      }
      case 'BinaryExpression':
        return this.#binary(node, scope);
      case 'LogicalExpression':
        return this.#logical(node.operator, this.evaluate(node.left, scope), node.left, () =>
          this.evaluate(node.right, scope),
        );
      case 'ConditionalExpression': {
        const truth = this.truth(this.evaluate(node.test, scope), node.test);
        const [then, otherwise] = [node.consequent, node.alternate].map((side) => () => this.evaluate(side, scope));
        return isExpr(truth) ? this.#either(truth, then!, otherwise!) : (truth ? then! : otherwise!)();
      }
      case 'AssignmentExpression':
        return this.#assignment(node, scope);
      case 'UpdateExpression': {
        const target = this.reference(node.argument as Target, scope);
        const before = this.scalar(target.read(), node.argument);
        const old = isExpr(before) ? this.arithmetic.toNumber(before) : Number(before);
        const value = this.arithmetic.binary(node.operator === '++' ? '+' : '-', old, 1);
        target.write(value);
        return node.prefix ? value : old;
      }
      case 'SequenceExpression':
        return node.expressions.map((each) => this.evaluate(each, scope)).at(-1);
      case 'CallExpression':
        return this.#callExpression(node, scope);
      case 'MemberExpression':
        return this.#member(node, this.evaluate(node.object, scope), scope);
      case 'ChainExpression':
        try {
          return this.evaluate(node.expression, scope);
        } catch (end) {
          if (end !== END_OF_CHAIN) throw end;
          return undefined;
        }
      case 'ParenthesizedExpression':
        return this.evaluate(node.expression, scope);
      case 'ArrayExpression':
        return this.array(this.#list(node.elements, scope));
      case 'ObjectExpression':
        return this.#object(node, scope);
      case 'ArrowFunctionExpression':
      case 'FunctionExpression':
        scope.capture();
        return new Closure(node, scope);
      case 'TemplateLiteral':
        if (node.expressions.length === 0) return node.quasis[0]!.value.cooked ?? '';
        return this.#refuseText(node);
      case 'AwaitExpression':
      case 'ClassExpression':
      case 'ImportExpression':
      case 'MetaProperty':
      case 'NewExpression':
      case 'PrivateIdentifier':
      case 'Super':
      case 'TaggedTemplateExpression':
      case 'ThisExpression':
      case 'YieldExpression':
      default:
        return this.refuse(node);
    }
  }

  /** @throws LiftError `LIFT_STRING` */
  #refuseText(node: Node): never {
    throw this.source.error(
      node,
      'LIFT_STRING',
      `${this.source.quote(node)} is text`,
      'Compute with numbers and booleans; strings are for the keys of objects.',
    );
  }

  #literal(node: Literal): Value {
    const { value } = node;
    if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string') return value;
    if (value === null && node.regex === undefined && node.bigint == null) return null;
    if (node.regex !== undefined) return this.#refuseText(node);
    throw this.source.error(node, 'LIFT_VALUE', `${this.source.quote(node)} is a bigint`, 'Write it as a number.');
  }

  #lookUp(node: Identifier, scope: Scope): Value {
    const { name } = node;
    const binding = scope.find(name);
    if (binding === undefined) {
      if (name === 'arguments')
        throw this.source.error(node, 'LIFT_SYNTAX', 'arguments is used', 'Name the parameters.');
      throw this.source.error(
        node,
        'LIFT_NAME',
        `${name} is not defined in the function, and lift does not see what is around it`,
        `Make it a parameter, or give it by name if it is a constant: lift(fn, { constants: { ${name} } }).`,
      );
    }
    const { value } = binding.cell;
    return value === UNINITIALISED ? this.scalar(UNINITIALISED, node) : value;
  }

  #binary(node: BinaryExpression, scope: Scope): Value {
    const { operator, left, right } = node;
    const a = this.evaluate(left, scope);
    const b = this.evaluate(right, scope);
    const equality = /^([!=]=)=?$/.exec(operator)?.[1] as '==' | '!=' | undefined;
    if (equality !== undefined) {
      const known = this.#knownEquality(a, b, operator.length === 3, node);
      if (known !== undefined) return known === (equality === '==');
    }
    const operation = equality ?? operator;
    if (!isOperator(operation)) return this.refuse(node);
    return this.arithmetic.binary(operation, this.scalar(a, left), this.scalar(b, right));
  }

  /** Whether values are equal, where that depends on what they are alone; undefined for numbers and booleans of a kind. */
  #knownEquality(a: Value, b: Value, isStrict: boolean, node: Node): boolean | undefined {
    this.refuseConflict(a, node);
    this.refuseConflict(b, node);
    const isNothing = (value: Value): boolean => value === null || value === undefined;
    if (isNothing(a) || isNothing(b)) {
      if (a instanceof Unknown || b instanceof Unknown) throw new Undecided();
      return isNothing(a) && isNothing(b) && (!isStrict || a === b);
    }
    const isMixed = (value: Value): boolean => isScalar(value) && this.arithmetic.isMixed(value);
    if (isStrict && (isMixed(a) || isMixed(b)))
      throw this.source.error(
        node,
        'LIFT_STRUCTURE',
        `${this.source.quote(node)} compares what is a boolean or a number, as a condition on tensors decides`,
        'Compare by ==, or make it a number on both sides of the branch.',
      );
    if (a instanceof Unknown || b instanceof Unknown) return undefined;
    if (!isScalar(a) || !isScalar(b)) return a === b;
    return isStrict && isBoolean(a) !== isBoolean(b) ? false : undefined;
  }

  /** What both sides of a condition of the graph leave, joined. */
  #either(condition: Expr, then: () => Value, otherwise: () => Value): Value {
    const sides = [then, otherwise].map((side): Way => {
      const { depth } = this.memory;
      return this.memory.branch(() => {
        const value = side();
        return { condition: () => condition, value, changes: this.memory.changesSince(depth) };
      });
    });
    return this.merge(sides);
  }

  #logical(operator: '&&' | '||' | '??', left: Value, node: Expression | Pattern, right: () => Value): Value {
    if (operator === '??') {
      this.refuseConflict(left, node);
      return left === null || left === undefined ? right() : left;
    }
    const truth = this.truth(left, node);
    const stays = (): Value => left;
    if (!isExpr(truth)) return truth === (operator === '&&') ? right() : left;
    return operator === '&&' ? this.#either(truth, right, stays) : this.#either(truth, stays, right);
  }

  #assignment(node: AssignmentExpression, scope: Scope): Value {
    const { left, operator } = node;
    if (left.type !== 'Identifier' && left.type !== 'MemberExpression') {
      const value = this.evaluate(node.right, scope);
      this.assign(left, value, scope);
      return value;
    }
    const target = this.reference(left, scope);
    const set = (): Value => {
      const value = this.evaluate(node.right, scope);
      target.write(value);
      return value;
    };
    if (operator === '=') return set();
    const before = target.read();
    const operation = operator.slice(0, -1);
    if (operation === '&&' || operation === '||' || operation === '??')
      return this.#logical(operation, before, left, set);
    if (!isOperator(operation)) return this.refuse(node);
    const right = this.scalar(this.evaluate(node.right, scope), node.right);
    const value = this.arithmetic.binary(operation, this.scalar(before, left), right);
    target.write(value);
    return value;
  }

  #callExpression(node: CallExpression, scope: Scope): Value {
    const { callee } = node;
    // esbuild (so tsx) keeps the names of inner functions by a helper: __name(fn, "fn").
    if (callee.type === 'Identifier' && callee.name === '__name' && scope.find('__name') === undefined)
      return this.#list(node.arguments, scope)[0];
    const isUnknownName = callee.type === 'Identifier' && scope.find(callee.name) === undefined;
    const fn = isUnknownName ? undefined : this.evaluate(callee, scope);
    if ((fn === undefined || fn === null) && node.optional && !isUnknownName) throw END_OF_CHAIN;
    if (!(fn instanceof Closure) && !(fn instanceof Builtin))
      throw this.source.error(
        node,
        'LIFT_CALL',
        `${this.source.quote(callee)} is called, which lift does not know`,
        'Call functions of Math, or define it inside, as const f = (x) => 2 * x.',
      );
    const args = this.#list(node.arguments, scope);
    if (fn instanceof Closure) return this.call(fn, args, node);
    const scalars = args.map((arg, i) => this.scalar(arg, node.arguments[i] ?? node));
    const { required } = fn;
    if (scalars.length < required)
      throw this.source.error(
        node,
        'LIFT_CALL',
        `${fn.name} got ${scalars.length} arguments`,
        `Pass ${required === 1 ? 'a number' : `${required} numbers`}.`,
      );
    return fn.call(scalars);
  }

  /** The values of arguments or elements. */
  #list(nodes: readonly (Expression | SpreadElement | null)[], scope: Scope): Value[] {
    return nodes.flatMap((node) => {
      if (node === null) return [undefined];
      if (node.type !== 'SpreadElement') return [this.evaluate(node, scope)];
      return this.elements(this.evaluate(node.argument, scope), node);
    });
  }

  #object(node: ObjectExpression, scope: Scope): Value {
    const entries = node.properties.flatMap((property): (readonly [string, Value])[] => {
      if (property.type === 'SpreadElement') {
        const value = this.evaluate(property.argument, scope);
        if (value instanceof Unknown) throw new Undecided();
        this.refuseConflict(value, property);
        return value instanceof Compound ? [...value.cell.value] : [];
      }
      if (property.kind !== 'init')
        throw this.source.error(property, 'LIFT_SYNTAX', 'an accessor is defined', 'Write the value: { x: … }.');
      if (!property.computed && !property.shorthand && /^['"]?__proto__/.test(this.source.quote(property.key)))
        throw this.source.error(property, 'LIFT_SYNTAX', 'a prototype is set', 'Copy its members: { ...p, x: … }.');
      return [[this.keyOf(property, scope), this.evaluate(property.value, scope)]];
    });
    return this.compound('object', entries);
  }

  #member(node: MemberExpression, object: Value, scope: Scope): Value {
    if (node.optional && (object === undefined || object === null)) throw END_OF_CHAIN;
    return this.read(object, this.keyOf({ computed: node.computed, key: node.property }, scope), node);
  }
}
