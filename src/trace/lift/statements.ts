/** Statements of a function that is lifted, loops turn by turn, and calls of functions. */
import type {
  Expression,
  ForOfStatement,
  ForStatement,
  Function as FunctionNode,
  IfStatement,
  Node,
  Pattern,
  Statement,
  VariableDeclaration,
} from 'acorn';
import type { Expr } from '../../core/expr.js';
import { isExpr } from './arithmetic.js';
import { Evaluator } from './expressions.js';
import { type Arrival, Path } from './machine.js';
import { Cell, type Changes, Closure, Scope, UNINITIALISED, Unknown, type Value } from './values.js';

/** Turns of one loop, and of all loops of a call together. */
const MAX_TURNS = 10_000;
const MAX_TURNS_IN_ALL = 1_000_000;
/** Calls within each other. */
const MAX_CALLS = 200;

/** Where `return`, `break` and `continue` lead: the end of `exits`, with what has changed since `depth`. */
interface Destination {
  readonly kind: 'return' | 'break' | 'continue';
  readonly labels: readonly (string | undefined)[];
  readonly depth: number;
  readonly exits: Arrival[];
}

const variableNames = new WeakMap<Node, readonly string[]>();

/** Names that a pattern declares. */
function namesIn(pattern: Pattern): string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((each) => namesIn(each.type === 'RestElement' ? each.argument : each.value));
    case 'ArrayPattern':
      return pattern.elements.flatMap((each) => (each === null ? [] : namesIn(each)));
    case 'AssignmentPattern':
      return namesIn(pattern.left);
    case 'RestElement':
      return namesIn(pattern.argument);
    case 'MemberExpression':
      return [];
  }
}
const declaredNames = (node: VariableDeclaration): string[] => node.declarations.flatMap(({ id }) => namesIn(id));

/** Names that `var` declares in a function's body, blocks included. */
function variablesOf(body: Node): readonly string[] {
  const known = variableNames.get(body);
  if (known !== undefined) return known;
  const names = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (typeof value !== 'object' || value === null || !('type' in value)) return;
    const node = value as Statement | Expression;
    if (/Function/.test(node.type)) return;
    if (node.type === 'VariableDeclaration' && node.kind === 'var')
      declaredNames(node).forEach((name) => names.add(name));
    Object.values(node).forEach(visit);
  };
  visit(body);
  const list = [...names];
  variableNames.set(body, list);
  return list;
}

/** What a loop does: whether there is another turn, the turn, and what comes between turns. */
interface Loop {
  readonly test: () => boolean;
  readonly body: () => void;
  readonly next?: () => void;
}

export class Interpreter extends Evaluator {
  #destinations: readonly Destination[] = [];
  #turns = 0;
  #calls = 0;
  /** The last `return` of the function itself. */
  #returned: Node | undefined;

  /** The function's value for these arguments, which sees the names of `scope`, with the place that gives it. */
  run(node: FunctionNode, args: readonly Value[], scope: Scope): { value: Value; node: Node } {
    const value = this.call(new Closure(node, scope), args, node);
    return { value, node: this.#returned ?? node.body };
  }

  protected call({ node, scope: outer }: Closure, args: readonly Value[], at: Node): Value {
    if (node.async || node.generator)
      throw this.source.error(
        node,
        'LIFT_SYNTAX',
        `${node.async ? 'an async function' : 'a generator'} is called`,
        'Write a plain function; await before the call.',
      );
    if (this.#calls === MAX_CALLS)
      throw this.source.error(
        at,
        'LIFT_LOOP',
        `${MAX_CALLS} calls stand in each other`,
        'A recursion must end where constants say so: lift runs both sides of a condition on tensors.',
      );
    this.#calls++;
    const before = this.#destinations;
    this.#destinations = [];
    const value = this.#region('return', [], () => this.#body(node, args, outer));
    this.#destinations = before;
    this.#calls--;
    return value;
  }

  #body(node: FunctionNode, args: readonly Value[], outer: Scope): Value {
    const scope = new Scope(outer, 'function');
    if (node.type === 'FunctionExpression' && node.id != null) {
      scope.capture();
      this.#declare(scope, [node.id.name], new Closure(node, outer));
    }
    this.#declare(scope, node.params.flatMap(namesIn), UNINITIALISED);
    node.params.forEach((pattern, i) => {
      // How many arguments there are, only a call tells.
      const isOpen = this.#calls === 1 && args[i] instanceof Unknown;
      if (pattern.type === 'RestElement' && !isOpen)
        this.#initialise(pattern.argument, this.array(args.slice(i)), scope);
      else if (pattern.type === 'RestElement') this.#initialise(pattern.argument, args[i], scope);
      else this.#initialise(pattern, args[i], scope);
    });
    if (node.body.type !== 'BlockStatement') return this.evaluate(node.body, scope);
    const names = variablesOf(node.body).filter((name) => !scope.hasOwn(name));
    this.#declare(scope, names, undefined);
    this.#block(node.body.body, scope);
    if (this.#calls === 1 && this.path !== undefined)
      throw this.source.error(
        { start: node.end - 1, end: node.end },
        'LIFT_RETURN',
        `the function ends without return${this.#returned === undefined ? '' : ' on a way that elements can take'}`,
        'Return a value on every way.',
      );
    return undefined;
  }

  /** Runs `body` apart: what it changed is taken back, and told with where it ends. */
  #part(body: () => Value): { path: Path | undefined; changes: Changes; value: Value } {
    const { depth } = this.memory;
    return this.memory.branch(() => {
      const value = body();
      return { path: this.path, changes: this.memory.changesSince(depth), value };
    });
  }

  /** Runs `body`, whose end is also reached by exits of this kind; the value with which it is left. */
  #region(kind: Destination['kind'], labels: Destination['labels'], body: () => Value): Value {
    const start = this.path!;
    const { jumps } = this;
    const before = this.#destinations;
    const destination: Destination = { kind, labels, depth: this.memory.depth, exits: [] };
    this.#destinations = [destination, ...before];
    const end = this.#part(body);
    this.#destinations = before;
    this.jumps -= destination.exits.length;
    const ends = [...destination.exits, end].filter((each): each is Arrival => each.path !== undefined);
    const value = this.merge(this.waysFrom(start, ends));
    // Nobody has left for farther away: all who came in are here.
    this.path = this.jumps === jumps ? start : this.meeting(start, ends);
    return value;
  }

  /** Leaves for the nearest destination of this kind and label. */
  #exit(kind: Destination['kind'], label: string | undefined, value: Value): void {
    const destination = this.#destinations.find(
      (each) => each.kind === kind && (kind === 'return' || each.labels.includes(label)),
    )!;
    destination.exits.push({ path: this.path!, changes: this.memory.changesSince(destination.depth), value });
    this.jumps++;
    this.path = undefined;
  }

  #declare(scope: Scope, names: readonly string[], value: Value, kind: VariableDeclaration['kind'] = 'let'): void {
    for (const name of names) scope.declare(name, new Cell(value, this.memory.depth), kind);
  }

  /** Gives the names of a pattern, which are declared, their first values. */
  #initialise(pattern: Pattern, value: Value, scope: Scope): void {
    this.bind(pattern, value, scope, (target, part) => {
      if (target.type === 'Identifier') this.memory.write(scope.find(target.name)!.cell, part);
      else this.refuse(target);
    });
  }

  #block(statements: readonly Statement[], scope: Scope): void {
    for (const node of statements) {
      if (node.type === 'VariableDeclaration' && node.kind !== 'var')
        this.#declare(scope, declaredNames(node), UNINITIALISED, node.kind);
      if (node.type === 'FunctionDeclaration') this.#declare(scope, [node.id.name], new Closure(node, scope));
    }
    if (statements.some((node) => node.type === 'FunctionDeclaration')) scope.capture();
    for (const node of statements) {
      if (this.path === undefined) return;
      this.#execute(node, scope);
    }
  }

  #execute(node: Statement, scope: Scope, labels: readonly string[] = []): void {
    switch (node.type) {
      case 'ExpressionStatement':
        if (node.directive === undefined) this.evaluate(node.expression, scope);
        return;
      case 'VariableDeclaration':
        return this.#variables(node, scope);
      case 'FunctionDeclaration':
      case 'EmptyStatement':
      case 'DebuggerStatement':
        return;
      case 'BlockStatement':
        return this.#block(node.body, new Scope(scope));
      case 'ReturnStatement': {
        const value = node.argument == null ? undefined : this.evaluate(node.argument, scope);
        if (this.#calls === 1) this.#returned = node.argument ?? node;
        return this.#exit('return', undefined, value);
      }
      case 'BreakStatement':
      case 'ContinueStatement':
        return this.#exit(node.type === 'BreakStatement' ? 'break' : 'continue', node.label?.name, undefined);
      case 'IfStatement':
        return this.#if(node, scope);
      case 'LabeledStatement': {
        const all = [...labels, node.label.name];
        if (/^(For|While|DoWhile|Labeled)/.test(node.body.type)) return this.#execute(node.body, scope, all);
        this.#region('break', all, () => void this.#execute(node.body, scope));
        return;
      }
      case 'ForStatement':
        return this.#for(node, scope, labels);
      case 'ForOfStatement':
        return this.#forOf(node, scope, labels);
      case 'WhileStatement':
      case 'DoWhileStatement': {
        let isFirst = node.type === 'DoWhileStatement';
        return this.#loop(node, labels, {
          test: () => {
            const goesOn = isFirst || this.#goesOn(node.test, scope);
            isFirst = false;
            return goesOn;
          },
          body: () => this.#execute(node.body, scope),
        });
      }
      case 'ClassDeclaration':
      case 'ForInStatement':
      case 'SwitchStatement':
      case 'ThrowStatement':
      case 'TryStatement':
      case 'WithStatement':
      default:
        return this.refuse(node);
    }
  }

  #variables(node: VariableDeclaration, scope: Scope): void {
    if (node.kind !== 'var' && node.kind !== 'let' && node.kind !== 'const') this.refuse(node);
    for (const { id, init } of node.declarations) {
      if (init == null && node.kind === 'var') continue;
      this.#initialise(id, init == null ? undefined : this.evaluate(init, scope), scope);
    }
  }

  #if(node: IfStatement, scope: Scope): void {
    const truth = this.truth(this.evaluate(node.test, scope), node.test);
    if (!isExpr(truth)) {
      const taken = truth ? node.consequent : node.alternate;
      if (taken != null) this.#execute(taken, scope);
      return;
    }
    const start = this.path!;
    const { jumps } = this;
    const side = (condition: () => Expr, statement: Statement | null | undefined): Partial<Arrival> =>
      this.#part(() => {
        this.path = new Path(start, condition);
        if (statement != null) this.#execute(statement, scope);
        return undefined;
      }) as Partial<Arrival>;
    const sides = [
      side(() => truth, node.consequent),
      side(() => this.arithmetic.not(truth) as Expr, node.alternate),
    ].filter((each): each is Arrival => each.path !== undefined);
    this.merge(sides.map(({ changes }) => ({ condition: () => truth, changes, value: undefined })));
    this.path = this.jumps === jumps ? start : this.meeting(start, sides);
  }

  /**
   * Whether the loop goes on. One of the conditions that `&&` joins must be known; of the others, elements where they
   * fail leave the loop, as by `break`: minifiers write that so.
   * @throws LiftError `LIFT_LOOP`
   */
  #goesOn(test: Expression, scope: Scope): boolean {
    const conditions: Expression[] = [];
    let node = test;
    for (; node.type === 'LogicalExpression' && node.operator === '&&'; node = node.left) conditions.push(node.right);
    conditions.push(node);
    let isBounded = false;
    for (const condition of conditions.reverse()) {
      const truth = this.truth(this.evaluate(condition, scope), condition);
      if (truth === false) return false;
      if (truth === true) isBounded = true;
      else this.#leaveUnless(truth);
    }
    if (isBounded) return true;
    throw this.source.error(
      test,
      'LIFT_LOOP',
      `the turns of the loop depend on ${this.source.quote(test)}, which is not known before the values are`,
      'Give the loop constant bounds (arguments are none, lengths of arrays are); if (…) break leaves it earlier.',
    );
  }

  #leaveUnless(condition: Expr): void {
    const start = this.path!;
    this.path = new Path(start, () => this.arithmetic.not(condition) as Expr);
    this.#exit('break', undefined, undefined);
    this.path = new Path(start, () => condition);
  }

  #loop(node: Node, labels: readonly string[], { test, body, next }: Loop): void {
    const all = [undefined, ...labels];
    this.#region('break', all, () => {
      for (let turns = 0; test(); turns++) {
        if (turns === MAX_TURNS || ++this.#turns > MAX_TURNS_IN_ALL)
          throw this.source.error(
            node,
            'LIFT_LOOP',
            `the loop has more than ${turns === MAX_TURNS ? MAX_TURNS : MAX_TURNS_IN_ALL} turns`,
            'Each turn becomes part of the program: use fewer, or record a step and call it.',
          );
        this.#region('continue', all, () => void body());
        if (this.path === undefined) return undefined;
        next?.();
      }
      return undefined;
    });
  }

  #for({ init, test, update, body, ...node }: ForStatement, outer: Scope, labels: readonly string[]): void {
    // Each turn has the loop's names for itself, as closures see them.
    let scope = new Scope(outer);
    if (init?.type === 'VariableDeclaration') this.#block([init], scope);
    else if (init != null) this.evaluate(init, scope);
    this.#loop(node, labels, {
      test: () => test == null || this.#goesOn(test, scope),
      body: () => this.#execute(body, scope),
      next: () => {
        scope = scope.copy(this.memory.depth);
        if (update != null) this.evaluate(update, scope);
      },
    });
  }

  #forOf(node: ForOfStatement, outer: Scope, labels: readonly string[]): void {
    if (node.await) this.refuse(node);
    const { left } = node;
    const elements = this.elements(this.evaluate(node.right, outer), node.right);
    let turn = 0;
    this.#loop(node, labels, {
      test: () => turn < elements.length,
      body: () => {
        const scope = new Scope(outer);
        const element = elements[turn++];
        if (left.type === 'VariableDeclaration') {
          if (left.kind !== 'var') this.#declare(scope, declaredNames(left), UNINITIALISED, left.kind);
          this.#initialise(left.declarations[0]!.id, element, scope);
        } else this.assign(left, element, scope);
        this.#execute(node.body, scope);
      },
    });
  }
}
