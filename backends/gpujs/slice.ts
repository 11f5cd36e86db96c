/** The statements of a loop function on which one of its stores depends, and how a kernel of one output can compute it. */
import { InternalError } from '../../src/core/errors.js';
import type {
  Address,
  Bound,
  CellId,
  For,
  Form,
  LoopFunction,
  Statement,
  ValueId,
  VariableId,
} from '../../src/lower/loops.js';
import { BEGIN, END } from '../../src/lower/loops.js';

export type Store = Extract<Statement, { kind: 'store' }>;

/** A store, and the statements around it, outermost first. */
export interface Placed {
  readonly store: Store;
  readonly path: readonly Statement[];
}

/** The statements in a statement. */
export const inside = (statement: Statement): readonly Statement[] =>
  statement.kind === 'if'
    ? statement.body
    : statement.kind === 'for'
      ? statement.turns.flatMap(({ body }) => body)
      : [];

/** All stores of `body`, in order. */
export function storesOf(body: readonly Statement[], path: readonly Statement[] = []): Placed[] {
  return body.flatMap((statement) =>
    statement.kind === 'store' ? [{ store: statement, path }] : storesOf(inside(statement), [...path, statement]),
  );
}

/** The form with `begin + 1` for `end`: a thread has one index. */
export function atIndex<F extends Form>(form: F): F {
  const strides = new Map<number, number>();
  let { offset } = form;
  for (const { variable, stride } of form.terms) {
    if (variable === END) offset += stride;
    const of = variable === END ? BEGIN : variable;
    strides.set(of, (strides.get(of) ?? 0) + stride);
  }
  const terms = [...strides].flatMap(([variable, stride]) => (stride === 0 ? [] : [{ variable, stride }]));
  return { ...form, offset, terms };
}

/** A loop with a constant number of turns, of which the last may be cut off by a limit. */
export interface Counted {
  readonly from: Form;
  readonly step: number;
  readonly count: number;
  /** The variable stays below, where the loop is not known to. */
  readonly limit: number | undefined;
  readonly body: readonly Statement[];
}

/** @throws InternalError for a loop whose turns depend on other variables: lowering for single threads makes none. */
export function counted({ from, to, turns }: For): Counted {
  const first = atIndex(from);
  const end: Bound = atIndex(to);
  const span = atIndex({
    offset: end.offset - first.offset,
    terms: [...end.terms, ...first.terms.map((term) => ({ ...term, stride: -term.stride }))],
  });
  const [turn] = turns;
  if (span.terms.length > 0 || turns.length !== 1 || turn!.takes !== 1)
    throw new InternalError('a loop without a constant number of turns');
  const { step, body } = turn!;
  const { limit } = end;
  if (typeof limit === 'object') throw new InternalError('a loop whose end follows from the size of a batch');
  const last = limit !== undefined && first.terms.length === 0 ? limit - first.offset : Infinity;
  const count = Math.max(0, Math.ceil(Math.min(span.offset, last) / step));
  const isCut = limit !== undefined && first.terms.length > 0;
  return { from: first, step, count, limit: isCut ? limit : undefined, body };
}

/** What a store needs. */
export interface Needs {
  readonly cells: ReadonlySet<CellId>;
  readonly variables: ReadonlySet<VariableId>;
  readonly statements: ReadonlySet<Statement>;
}

/** Follows values, cells and variables back from `store`, round the loops, until nothing is new. */
export function needsOf(code: LoopFunction, store: Store): Needs {
  const values = new Set<ValueId>();
  const cells = new Set<CellId>();
  const variables = new Set<VariableId>();
  const statements = new Set<Statement>();
  let isNew = true;
  const add = <T>(set: Set<T>, item: T): void => {
    if (set.has(item)) return;
    set.add(item);
    isNew = true;
  };
  const form = ({ terms, indirect }: Address): void => {
    for (const { variable } of terms) add(variables, variable);
    if (indirect !== undefined) add(values, indirect.value);
  };
  const take = (statement: Statement): void => {
    add(statements, statement);
    switch (statement.kind) {
      case 'let': {
        const { expression } = statement;
        if (expression.kind === 'op') for (const input of expression.inputs) add(values, input);
        if (expression.kind === 'cell') add(cells, expression.cell);
        if (expression.kind === 'index') form(expression.form);
        if (expression.kind !== 'load') return;
        form(expression.address);
        if (expression.guard !== undefined) add(values, expression.guard);
        return;
      }
      case 'accumulate':
        return add(values, statement.value);
      case 'coordinate':
        return add(variables, statement.of);
      case 'define':
        return form(statement.form);
      case 'if':
        return add(values, statement.condition);
      case 'for':
        form(statement.from);
        return form(statement.to);
      case 'store':
        add(values, statement.value);
        form(statement.address);
        if (statement.guard !== undefined) add(values, statement.guard);
        return;
      case 'reset':
      case 'barrier':
      case 'contract':
        return;
      default:
        return statement satisfies never;
    }
  };
  const isNeeded = (statement: Statement): boolean => {
    switch (statement.kind) {
      case 'let':
        return values.has(statement.value);
      case 'reset':
      case 'accumulate':
        return cells.has(statement.cell);
      case 'coordinate':
      case 'define':
        return variables.has(statement.variable);
      case 'store':
        return statement === store;
      case 'for':
      case 'if':
      case 'barrier':
      case 'contract':
        return inside(statement).some((each) => statements.has(each));
      default:
        return statement satisfies never;
    }
  };
  const visit = (body: readonly Statement[]): void => {
    for (const statement of body) {
      visit(inside(statement));
      if (isNeeded(statement)) take(statement);
    }
  };
  while (isNew) {
    isNew = false;
    visit(code.body);
  }
  return { cells, variables, statements };
}

/** All statements of `body`, those inside others too. */
export function* allStatements(body: readonly Statement[]): Generator<Statement> {
  for (const statement of body) {
    yield statement;
    yield* allStatements(inside(statement));
  }
}

/**
 * How one kernel computes a store. `element`: a thread for each grid index and each turn of the loops around the store, in
 * which they are not loops. `turn`: the same threads, each of which runs the loops and keeps the value of its turn, for a
 * store that reads what turns before have accumulated. `place`: a thread for each element of the memory, which runs all that
 * stores there; for addresses that depend on values, for sums and for what a condition guards.
 */
export type Plan =
  | { readonly kind: 'element'; readonly open: readonly For[] }
  | { readonly kind: 'turn'; readonly turns: number }
  | { readonly kind: 'place' };

export function planOf({ store, path }: Placed, { cells }: Needs): Plan {
  const { address, guard, accumulate } = store;
  if (address.indirect !== undefined || guard !== undefined || accumulate || path.some(({ kind }) => kind === 'if'))
    return { kind: 'place' };
  const open = path.filter((statement): statement is For => statement.kind === 'for' && counted(statement).count !== 1);
  const carries = open.some((loop) => {
    const own = [...allStatements(inside(loop))];
    const begun = new Set(own.flatMap((each) => (each.kind === 'reset' ? [each.cell] : [])));
    return own.some((each) => each.kind === 'accumulate' && cells.has(each.cell) && !begun.has(each.cell));
  });
  return carries ? { kind: 'turn', turns: countTurns(path) } : { kind: 'element', open };
}

/** How often the innermost of the loops of `path` runs. */
function countTurns(path: readonly Statement[], values = new Map<number, number>()): number {
  const [first, ...rest] = path;
  if (first === undefined) return 1;
  const loop = counted(first as For);
  let turns = 0;
  for (let i = 0; i < loop.count; i++) {
    const at = loop.from.offset + loop.from.terms.reduce((sum, t) => sum + t.stride * (values.get(t.variable) ?? 0), 0);
    const value = at + i * loop.step;
    if (loop.limit !== undefined && value >= loop.limit) continue;
    turns += countTurns(rest, new Map(values).set((first as For).variable, value));
  }
  return turns;
}
