/**
 * What a name or an expression stands for while a function is lifted, and the memory in which names and objects have
 * their values. Memory is a stack of frames: a branch runs in a frame of its own, which is taken back at its end, and
 * leaves what it changed.
 */
import type { Function as FunctionNode, VariableDeclaration } from 'acorn';
import type { Expr } from '../../core/expr.js';
import { isExpr, type Scalar } from './arithmetic.js';

/** A local function with the names that it sees. */
export class Closure {
  constructor(
    readonly node: FunctionNode,
    readonly scope: Scope,
  ) {}
}

/** A function of the language, as `Math.sqrt`; as `Number`, it may have members. */
export class Builtin {
  constructor(
    readonly name: string,
    /** Arguments that it cannot do without. */
    readonly required: number,
    readonly call: (args: readonly Scalar[]) => Scalar,
    readonly members: ReadonlyMap<string, Value> = new Map(),
  ) {}
}

/** The contents of an object (by key) or array (by index). */
export type Fields = ReadonlyMap<string, Value>;

/** An object or array; what it holds is in its cell. */
export class Compound {
  readonly cell: Cell<Fields>;
  constructor(
    fields: Fields,
    readonly kind: 'array' | 'object',
    /** Why it may not be changed; undefined for one that the function made. */
    readonly fixed?: 'outside' | 'chosen' | 'namespace',
    depth = 0,
  ) {
    this.cell = new Cell(fields, depth);
    // Whoever has the object sees it.
    this.cell.escapes = true;
  }
}

/** An argument whose structure is not known yet, while a function is checked before its first call. */
export class Unknown {
  readonly members = new Map<string, Unknown>();
  scalar: Expr | undefined = undefined;
  /** @param inCalls what it is in a call: an input of the program, or, as a length or default is, `either` that or a known number. */
  constructor(readonly inCalls: 'input' | 'either') {}
}

/** Two sides of a branch gave what cannot be joined; an error if anybody uses it. */
export class Conflict {
  constructor(
    readonly sides: readonly [string, string],
    /** `length`: one side left nothing at this index, so that the array's length is in doubt too. */
    readonly about: 'value' | 'length',
  ) {}
}

/** Declared, not initialised. */
export const UNINITIALISED: unique symbol = Symbol('uninitialised');

export type Value =
  Scalar | string | null | undefined | Closure | Builtin | Compound | Unknown | Conflict | typeof UNINITIALISED;

export const isScalar = (x: Value): x is Scalar => isExpr(x) || typeof x === 'number' || typeof x === 'boolean';

/** What messages call a value. */
export function describe(value: Value): string {
  if (isExpr(value)) return value.dtype === 'bool' ? 'a boolean' : 'a number';
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined)
    return String(value);
  if (typeof value === 'string') return 'a string';
  if (value instanceof Conflict) return value.sides.join(' or ');
  if (value instanceof Compound) {
    if (value.fixed === 'namespace') return 'Math';
    const keys = [...value.cell.value.keys()];
    return value.kind === 'array' ? `an array of ${keys.length}` : `{ ${keys.join(', ')} }`;
  }
  return value instanceof Closure || value instanceof Builtin ? 'a function' : 'nothing';
}

/** Holds one value. */
export class Cell<T = Value> {
  /** Whether something other than the names in scope may still see it. */
  escapes = false;
  constructor(
    public value: T,
    /** Frames that were open when it was made. */
    readonly depth: number,
  ) {}
}
type AnyCell = Cell | Cell<Fields>;

/** The new values of cells. */
export type Changes = ReadonlyMap<AnyCell, unknown>;

/** What cells hold now. A frame keeps what they held before it was opened, so that a side of a branch can be taken back. */
export class Memory {
  readonly #frames: Map<AnyCell, unknown>[] = [];

  get depth(): number {
    return this.#frames.length;
  }

  write<T>(cell: Cell<T>, value: T): void {
    const frame = this.#frames[this.#frames.length - 1];
    const any = cell as AnyCell;
    if (frame !== undefined && cell.depth < this.#frames.length && !frame.has(any)) frame.set(any, cell.value);
    cell.value = value;
  }

  /** What has changed since `depth` frames were open. */
  changesSince(depth: number): Changes {
    const changes = new Map<AnyCell, unknown>();
    for (const frame of this.#frames.slice(depth))
      for (const cell of frame.keys()) if (cell.escapes || cell.depth <= depth) changes.set(cell, cell.value);
    return changes;
  }

  /** Runs `body` and takes back what it changed. */
  branch<T>(body: () => T): T {
    const depth = this.#frames.length;
    this.#frames.push(new Map());
    try {
      return body();
    } finally {
      for (const frame of this.#frames.splice(depth).reverse())
        for (const [cell, value] of frame) cell.value = value as never;
    }
  }
}

interface Binding {
  readonly cell: Cell;
  readonly kind: VariableDeclaration['kind'];
}

/** Names of a block or function. */
export class Scope {
  readonly #bindings = new Map<string, Binding>();
  constructor(
    readonly parent: Scope | undefined,
    /** `var` declares in that of a function. */
    readonly of: 'function' | 'block' = 'block',
  ) {}

  declare(name: string, cell: Cell, kind: Binding['kind']): void {
    this.#bindings.set(name, { cell, kind });
  }

  hasOwn(name: string): boolean {
    return this.#bindings.has(name);
  }

  find(name: string): Binding | undefined {
    return this.#bindings.get(name) ?? this.parent?.find(name);
  }

  /** A closure sees the names from now on. */
  capture(): void {
    for (const { cell } of this.#bindings.values()) cell.escapes = true;
    this.parent?.capture();
  }

  /** A scope of the same names in cells of their own: what the next turn of a loop sees. */
  copy(depth: number): Scope {
    const copy = new Scope(this.parent, this.of);
    for (const [name, { cell, kind }] of this.#bindings) copy.declare(name, new Cell(cell.value, depth), kind);
    return copy;
  }
}
