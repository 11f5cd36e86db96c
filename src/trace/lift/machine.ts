/**
 * The state in which a function is lifted. Both sides of a branch run, one after the other, and what they changed is
 * joined: element by element where the graph holds it, by structure where it is an object.
 */
import type { Node } from 'acorn';
import { InternalError } from '../../core/errors.js';
import { type Expr, topologicalOrder } from '../../core/expr.js';
import { weakParameter } from '../../ops/leaf.js';
import type { Arithmetic, Scalar } from './arithmetic.js';
import { isExpr } from './arithmetic.js';
import type { Source } from './source.js';
import {
  type Changes,
  Compound,
  Conflict,
  describe,
  type Fields,
  isScalar,
  Memory,
  UNINITIALISED,
  Unknown,
  type Value,
} from './values.js';

/** The conditions under which the elements at hand came here, the last one first. */
export class Path {
  /** The condition since an earlier path, where it was asked. */
  readonly since = new Map<Path, Expr>();
  constructor(
    readonly parent: Path | undefined,
    /** Made when it is needed. */
    readonly condition: () => Expr,
  ) {}
}

/** One of the ways that lead to a place: what was changed on it, and what the elements that took it have in common. */
export interface Way {
  /** Not asked of the last one. */
  readonly condition: () => Expr;
  readonly changes: Changes;
  readonly value: Value;
}

/** Where a way ends: at the end of a part, or by `return`, `break` or `continue`. */
export interface Arrival {
  readonly path: Path;
  readonly changes: Changes;
  readonly value: Value;
}

/** A check before the first call met what only a call can tell. */
export class Undecided extends Error {}

export abstract class Machine {
  protected readonly memory = new Memory();
  /** Undefined where nobody comes: behind a `return`. */
  protected path: Path | undefined = new Path(undefined, () => {
    throw new InternalError('a path from nowhere');
  });
  /** Exits that have not come to where they lead. */
  protected jumps = 0;
  /** Numbers that a call may know. */
  readonly #open = new Set<Expr>();
  #parameters = 0;

  constructor(
    protected readonly source: Source,
    protected readonly arithmetic: Arithmetic,
  ) {}

  /** A number or boolean, for arithmetic. @throws LiftError `LIFT_VALUE` */
  protected scalar(value: Value, node: Node): Scalar {
    if (isScalar(value)) return value;
    if (value instanceof Unknown) {
      if (value.scalar === undefined) {
        value.scalar = weakParameter(this.#parameters++);
        if (value.inCalls === 'either') this.#open.add(value.scalar);
      }
      return value.scalar;
    }
    this.refuseConflict(value, node);
    const what = this.source.quote(node);
    throw this.source.error(
      node,
      'LIFT_VALUE',
      value === UNINITIALISED
        ? `${what} is used before it is set`
        : `${what} is ${describe(value)} where a number is needed`,
      value === undefined || value === UNINITIALISED
        ? 'Pass all arguments, and set a variable on every way that leads to its use.'
        : 'Compute with numbers and booleans; take them out of objects and arrays by their keys.',
    );
  }

  /** @throws LiftError `LIFT_STRUCTURE` for what the sides of a branch left in different structures. */
  protected refuseConflict(value: Value, node: Node): void {
    if (value instanceof Conflict)
      throw this.source.error(
        node,
        'LIFT_STRUCTURE',
        `${this.source.quote(node)} is ${value.sides.join(' or ')}, as a condition on tensors decides`,
        'Give it a value of the same structure on both sides of the branch.',
      );
  }

  /** @throws LiftError `LIFT_STRUCTURE` for an array that the sides of a branch left with different lengths. */
  protected refuseLength(values: Iterable<Value>, node: Node): void {
    for (const value of values)
      if (value instanceof Conflict && value.about === 'length')
        throw this.source.error(
          node,
          'LIFT_STRUCTURE',
          `${this.source.quote(node)} is of an array that has more elements on one side of a condition on tensors`,
          'Give it the same length on both sides of the branch.',
        );
  }

  /** Whether a value counts as true; a node where the graph decides. */
  protected truth(value: Value, node: Node): Expr | boolean {
    if (!isScalar(value) && !(value instanceof Unknown) && !(value instanceof Conflict) && value !== UNINITIALISED)
      return Boolean(value);
    const truth = this.arithmetic.truth(this.scalar(value, node));
    // In a call the condition may be known, and one side alone run.
    if (isExpr(truth) && this.#open.size > 0 && topologicalOrder([truth]).some((each) => this.#open.has(each)))
      throw new Undecided();
    return truth;
  }

  /** Continues where ways meet: their changes are joined, and the value. */
  protected merge(ways: readonly Way[]): Value {
    const cells = new Set(ways.flatMap(({ changes }) => [...changes.keys()]));
    const merged = [...cells].map((cell) => {
      const values = ways.map(({ changes }) => (changes.has(cell) ? changes.get(cell) : cell.value));
      return values[0] instanceof Map
        ? this.#joinFields(ways, values as Fields[])
        : this.#join(ways, values as Value[]);
    });
    const value = this.#join(
      ways,
      ways.map((way) => way.value),
    );
    [...cells].forEach((cell, i) => this.memory.write(cell, merged[i]));
    return value;
  }

  #join(ways: readonly Way[], given: readonly Value[]): Value {
    // What has served as a number is one.
    const values = given.map((value) => (value instanceof Unknown ? (value.scalar ?? value) : value));
    const [first] = values;
    if (values.every((value) => Object.is(value, first))) return first;
    if (values.every((value) => value instanceof Unknown))
      return new Unknown(values.some(({ inCalls }) => inCalls === 'either') ? 'either' : 'input');
    if (values.every((value) => isScalar(value) || value instanceof Unknown)) {
      const scalars = values.map((value) => (isScalar(value) ? value : this.scalar(value, NOWHERE)));
      return scalars.reduceRight((rest, value, i) => this.arithmetic.choose(ways[i]!.condition(), value, rest));
    }
    if (values.some((value) => value instanceof Unknown)) throw new Undecided();
    const conflict = values.find((value) => value instanceof Conflict);
    if (conflict !== undefined) return conflict;
    const compounds = values.filter((value) => value instanceof Compound);
    const contents = compounds.map(({ cell }, i) => (ways[i]!.changes.get(cell as never) ?? cell.value) as Fields);
    const kind = compounds[0]?.kind;
    if (
      compounds.length === values.length &&
      compounds.every((each, i) => each.kind === kind && sameKeys(contents[i]!, contents[0]!))
    )
      return new Compound(this.#joinFields(ways, contents), kind!, 'chosen', this.memory.depth);
    const [one, other = one] = new Set(values.map(describe));
    return new Conflict([one!, other!], 'value');
  }

  #joinFields(ways: readonly Way[], contents: readonly Fields[]): Fields {
    const keys = new Set(contents.flatMap((fields) => [...fields.keys()]));
    return new Map(
      [...keys].map((key) => {
        const value = this.#join(
          ways,
          contents.map((fields) => fields.get(key)),
        );
        const isAbsent = contents.some((fields) => !fields.has(key));
        if (!isAbsent) return [key, value];
        return [key, new Conflict(value instanceof Conflict ? value.sides : ['undefined', 'nothing'], 'length')];
      }),
    );
  }

  /** The condition under which elements that were at `start` are at `end`. */
  #between(start: Path, end: Path): Expr {
    const steps: Path[] = [];
    let path = end;
    for (; path !== start && !path.since.has(start); path = path.parent!) steps.push(path);
    let known = path.since.get(start);
    for (const step of steps.reverse()) {
      known = known === undefined ? step.condition() : this.arithmetic.and(known, step.condition());
      step.since.set(start, known);
    }
    return known!;
  }

  /** Arrivals as ways from `start`. */
  protected waysFrom(start: Path, arrivals: readonly Arrival[]): Way[] {
    return arrivals.map(({ path, changes, value }) => ({
      condition: () => this.#between(start, path),
      changes,
      value,
    }));
  }

  /** Where those are who came from `start` and arrived. */
  protected meeting(start: Path, arrivals: readonly Arrival[]): Path | undefined {
    if (arrivals.length < 2) return arrivals[0]?.path;
    return new Path(start, () =>
      arrivals.map(({ path }) => this.#between(start, path)).reduce((a, b) => this.arithmetic.or(a, b)),
    );
  }
}

/** For values that always are what is asked. */
const NOWHERE: Node = { type: '', start: 0, end: 0 };

const sameKeys = (a: Fields, b: Fields): boolean => a.size === b.size && [...a.keys()].every((key) => b.has(key));
