/** Where values stand: keys of objects and arrays, the patterns that take values apart, and assignment. */
import type {
  Expression,
  Identifier,
  MemberExpression,
  Node,
  Pattern,
  PrivateIdentifier,
  Property,
  Super,
} from 'acorn';
import { Machine, Undecided } from './machine.js';
import { Builtin, Compound, describe, isScalar, type Scope, UNINITIALISED, Unknown, type Value } from './values.js';

export type Target = Identifier | MemberExpression;
/** A name or member, whose object and key are evaluated once and before what is written. */
interface Reference {
  readonly read: () => Value;
  readonly write: (value: Value) => void;
}
/** Receives a value at a place of a pattern. */
type Put = (target: Target, value: Value) => void;

/** What is no math: facts and remedy by the type of node. */
const REFUSED: Readonly<Record<string, readonly [facts: string, remedy: string]>> = {
  ThisExpression: ['this is used', 'Pass what it holds as arguments.'],
  Super: ['super is used', 'Pass what it holds as arguments.'],
  AwaitExpression: ['await is used', 'Await before the call, and pass the values.'],
  YieldExpression: ['yield is used', 'Return the values in an array or object.'],
  NewExpression: ['an instance of a class is made', 'Use numbers, and object and array literals.'],
  ClassExpression: ['a class is declared', 'Use numbers, and object and array literals.'],
  ClassDeclaration: ['a class is declared', 'Use numbers, and object and array literals.'],
  TaggedTemplateExpression: ['a template is used', 'Compute with numbers and booleans.'],
  ImportExpression: ['a module is imported', 'Write what it computes inside, or pass it as an argument.'],
  MetaProperty: ['a meta property is used', 'Pass what it holds as arguments.'],
  ThrowStatement: ['an error is thrown', 'Return a value on every way, NaN for instance.'],
  TryStatement: ['errors are caught', 'Nothing here throws: write the body alone.'],
  SwitchStatement: ['switch is used', 'Write if and else.'],
  ForInStatement: ['for … in is used', 'Name the keys: p.x, p.y.'],
  WithStatement: ['with is used', 'Name the object: p.x.'],
};

export abstract class Places extends Machine {
  /** The value of an expression. */
  protected abstract evaluate(node: Expression | Super | PrivateIdentifier, scope: Scope): Value;

  /** @throws LiftError `LIFT_SYNTAX` */
  protected refuse(node: Node): never {
    const [facts, remedy] = REFUSED[node.type] ?? [`${this.source.quote(node)} is used`, 'Write it as arithmetic.'];
    throw this.source.error(node, 'LIFT_SYNTAX', facts, remedy);
  }

  protected compound(kind: Compound['kind'], entries: Iterable<readonly [string, Value]>): Compound {
    return new Compound(new Map(entries), kind, undefined, this.memory.depth);
  }
  protected array(values: readonly Value[]): Compound {
    return this.compound('array', Object.entries(values));
  }

  /** The elements of an array. @throws LiftError `LIFT_VALUE` for what is none. */
  protected elements(value: Value, node: Node): Value[] {
    if (value instanceof Unknown) throw new Undecided();
    if (value instanceof Compound && value.kind === 'array') {
      const all = [...value.cell.value.values()];
      this.refuseLength(all, node);
      return all;
    }
    this.refuseConflict(value, node);
    throw this.source.error(
      node,
      'LIFT_VALUE',
      `${describe(value)} is spread as an array`,
      'Pass an array of numbers or tensors.',
    );
  }

  /** The key that a property or member expression names. @throws LiftError `LIFT_KEY` unless it is known. */
  protected keyOf({ computed, ...rest }: Pick<Property, 'computed'> & { key: Node }, scope: Scope): string {
    const key = rest.key as Expression;
    const value = !computed && key.type === 'Identifier' ? key.name : this.evaluate(key, scope);
    if (value instanceof Unknown && value.inCalls === 'either') throw new Undecided();
    if (typeof value === 'string' || typeof value === 'number') return String(value);
    throw this.source.error(
      key,
      'LIFT_KEY',
      `the key ${this.source.quote(key)} is not known before the values are`,
      'Use constant keys, or the counter of a loop with constant bounds; choose by ?: what depends on a tensor.',
    );
  }

  /** What `object`, which stands at `node`, holds at `key`. @throws LiftError `LIFT_VALUE` */
  protected read(object: Value, key: string, node: Node): Value {
    if (object instanceof Unknown) {
      const member = object.members.get(key) ?? new Unknown(key === 'length' ? 'either' : 'input');
      object.members.set(key, member);
      return member;
    }
    this.refuseConflict(object, node);
    let remedy = 'Compute it with what is there.';
    if (object instanceof Compound) {
      const { cell, fixed } = object;
      const isArray = object.kind === 'array';
      if (cell.value.has(key)) return cell.value.get(key);
      if (isArray && key === 'length') {
        this.refuseLength(cell.value.values(), node);
        return cell.value.size;
      }
      if (isArray ? /^\d+$/.test(key) : fixed !== 'namespace' && !(key in Object.prototype)) return undefined;
      if (isArray) remedy = 'Write a for loop over the indices.';
      else if (key === 'random')
        remedy = 'Pass a tensor of random.uniform(key, shape): a program gives the same for the same arguments.';
    } else if (object instanceof Builtin && object.members.has(key)) return object.members.get(key);
    else if (isScalar(object)) remedy = 'Inside lift a tensor is a number: write a * b for a.mul(b).';
    throw this.source.error(
      node,
      'LIFT_VALUE',
      `${this.source.quote(node)} is not there: ${describe(object)} has no ${key}`,
      remedy,
    );
  }

  /** Takes `value` apart and gives its parts to `put`. */
  protected bind(pattern: Pattern, value: Value, scope: Scope, put: Put): void {
    switch (pattern.type) {
      case 'Identifier':
      case 'MemberExpression':
        return put(pattern, value);
      case 'AssignmentPattern': {
        const isOpen = value instanceof Unknown && value.inCalls === 'input';
        const given =
          value === undefined ? this.evaluate(pattern.right, scope) : isOpen ? new Unknown('either') : value;
        return this.bind(pattern.left, given, scope, put);
      }
      case 'ObjectPattern': {
        const taken = new Set<string>();
        for (const property of pattern.properties) {
          if (property.type === 'RestElement') {
            if (value instanceof Unknown) throw new Undecided();
            const rest = value instanceof Compound ? [...value.cell.value].filter(([key]) => !taken.has(key)) : [];
            this.bind(property.argument, this.compound('object', rest), scope, put);
            continue;
          }
          const key = this.keyOf(property, scope);
          taken.add(key);
          this.bind(property.value, this.read(value, key, property), scope, put);
        }
        return;
      }
      case 'ArrayPattern':
        pattern.elements.forEach((element, i) => {
          if (element?.type === 'RestElement') {
            this.bind(element.argument, this.array(this.elements(value, pattern).slice(i)), scope, put);
          } else if (element !== null) this.bind(element, this.read(value, String(i), element), scope, put);
        });
        return;
      case 'RestElement':
      default:
        this.refuse(pattern);
    }
  }

  protected assign(pattern: Pattern, value: Value, scope: Scope): void {
    this.bind(pattern, value, scope, (target, part) => this.reference(target, scope).write(part));
  }

  protected reference(target: Target, scope: Scope): Reference {
    if (target.type === 'Identifier')
      return {
        read: () => this.evaluate(target, scope),
        write: (value) => this.#assignName(target, value, scope),
      };
    const object = this.evaluate(target.object, scope);
    const key = this.keyOf({ computed: target.computed, key: target.property }, scope);
    return {
      read: () => this.read(object, key, target),
      write: (value) => this.#assignMember(target, object, key, value),
    };
  }

  /** @throws LiftError `LIFT_MUTATION` */
  #refuseMutation(node: Node, facts: string, remedy: string): never {
    throw this.source.error(node, 'LIFT_MUTATION', facts, remedy);
  }

  #assignName(target: Identifier, value: Value, scope: Scope): void {
    const binding = scope.find(target.name);
    if (binding === undefined)
      this.#refuseMutation(
        target,
        `${target.name} is assigned, which is outside the function`,
        'Return the value, and assign it where the function is called.',
      );
    if (binding.kind === 'const')
      this.#refuseMutation(target, `the constant ${target.name} is assigned`, 'Declare it with let.');
    if (binding.cell.value === UNINITIALISED) this.scalar(UNINITIALISED, target);
    this.memory.write(binding.cell, value);
  }

  #assignMember(target: MemberExpression, object: Value, key: string, value: Value): void {
    const what = this.source.quote(target);
    if (object instanceof Unknown || (object instanceof Compound && object.fixed === 'outside'))
      this.#refuseMutation(
        target,
        `${what} is assigned, which is outside the function`,
        'Return a new object: { ...p, x: value }.',
      );
    if (!(object instanceof Compound) || object.fixed !== undefined)
      this.#refuseMutation(
        target,
        `${what} is assigned, whose object ${object instanceof Compound && object.fixed === 'chosen' ? 'a condition on tensors chose' : 'is none'}`,
        'Assign on both sides of the branch, or make a new object after it.',
      );
    const { cell } = object;
    if (object.kind === 'array' && !(Number(key) >= 0 && Number(key) <= cell.value.size && String(Number(key)) === key))
      throw this.source.error(target, 'LIFT_KEY', `${what} is assigned, which leaves a hole`, 'Fill arrays in order.');
    this.memory.write(cell, new Map(cell.value).set(key, value));
  }
}
