/**
 * Loops → loops: names what addresses have in common, each in the loop where it is known, so that an inner loop adds only its
 * own term. For printers of expressions; one that walks with pointers does without.
 */
import type { Address, Bound, Form, LoopFunction, Statement, StatementOf, Term, VariableId } from './loops.js';

const setsVariable = (statement: Statement): statement is StatementOf<'coordinate' | 'define'> =>
  statement.kind === 'coordinate' || statement.kind === 'define';

const key = (terms: readonly Term[]): string =>
  terms.map(({ variable, stride, by = '' }) => `${stride}*${by}*${variable}`).join();

/** The statement with its own forms changed; bodies inside are left. */
export function mapForms(statement: Statement, change: <F extends Form>(form: F) => F): Statement {
  switch (statement.kind) {
    case 'let': {
      const { expression } = statement;
      if (expression.kind === 'index')
        return { ...statement, expression: { ...expression, form: change(expression.form) } };
      if (expression.kind === 'load')
        return { ...statement, expression: { ...expression, address: change<Address>(expression.address) } };
      return statement;
    }
    case 'store':
      return { ...statement, address: change<Address>(statement.address) };
    case 'for':
      return { ...statement, from: change(statement.from), to: change<Bound>(statement.to) };
    case 'define':
      return { ...statement, form: change<Bound>(statement.form) };
    case 'accumulate':
    case 'barrier':
    case 'contract':
    case 'coordinate':
    case 'if':
    case 'reset':
      return statement;
    default:
      return statement satisfies never;
  }
}

/** The statement with the bodies inside it changed. */
export function mapBodies(
  statement: Statement,
  change: (body: readonly Statement[], variable?: VariableId) => readonly Statement[],
): Statement {
  if (statement.kind === 'if') return { ...statement, body: change(statement.body) };
  if (statement.kind !== 'for') return statement;
  return {
    ...statement,
    turns: statement.turns.map((turn) => ({ ...turn, body: change(turn.body, statement.variable) })),
  };
}

/** The statement and those inside it with their forms changed. */
const mapAllForms = (statement: Statement, change: <F extends Form>(form: F) => F): Statement =>
  mapBodies(mapForms(statement, change), (body) => body.map((each) => mapAllForms(each, change)));

/** `code` whose addresses share variables: the part of a form that a loop leaves alone is named outside of it. */
export function nameAddresses(code: LoopFunction): LoopFunction {
  const variables = [...code.variables];
  let names = 0;

  /** `body` inside the loop over `variables`, the last of the open ones, or outside of all. */
  const inLoop = (
    body: readonly Statement[],
    loop: readonly VariableId[],
    open: readonly VariableId[],
  ): readonly Statement[] => {
    // What sets variables stands at the head of a body, perhaps after what it needs, and these count as the loop's own.
    const inside = body.findIndex(({ kind }) => kind === 'for' || kind === 'if');
    const before = inside < 0 ? body : body.slice(0, inside);
    const head = body.slice(0, before.findLastIndex(setsVariable) + 1);
    const own = [...loop, ...head.filter(setsVariable).map((each) => each.variable)];
    const known = [...open, ...own];
    // The part of each form that is known here and ends with the loop's own term.
    const uses = new Map<string, { readonly terms: readonly Term[]; readonly further: boolean; count: number }>();
    const visit = <F extends Form>(form: F): F => {
      const terms = form.terms.filter((term) => known.includes(term.variable));
      if (!terms.some((term) => own.includes(term.variable))) return form;
      const found = uses.get(key(terms));
      const further = form.terms.length > terms.length;
      if (found === undefined) uses.set(key(terms), { terms, further, count: 1 });
      else uses.set(key(terms), { terms, further: found.further || further, count: found.count + 1 });
      return form;
    };
    for (const statement of body) mapAllForms(statement, visit);
    const defined = new Map<string, VariableId>();
    const definitions: Statement[] = [];
    for (const [text, { terms, further, count }] of uses) {
      const isPlain = terms.length === 1 && terms[0]!.stride === 1 && terms[0]!.by === undefined;
      if (isPlain || !(further || count > 1)) continue;
      const name = variables.push(`a${names++}`) - 1;
      defined.set(text, name);
      definitions.push({ kind: 'define', variable: name, form: { offset: 0, terms } });
    }
    const replace = <F extends Form>(form: F): F => {
      const terms = form.terms.filter((term) => known.includes(term.variable));
      const name = defined.get(key(terms));
      if (name === undefined) return form;
      const rest = form.terms.filter((term) => !known.includes(term.variable));
      return { ...form, terms: [{ variable: name, stride: 1 }, ...rest] };
    };
    const replaced = defined.size === 0 ? body : body.map((each) => mapAllForms(each, replace));
    const inner = [...known, ...defined.values()];
    const rest = replaced.slice(head.length).map((each) => within(each, inner));
    return [...head, ...definitions, ...rest];
  };
  const within = (statement: Statement, open: readonly VariableId[]): Statement =>
    mapBodies(statement, (body, variable) =>
      variable === undefined ? body.map((each) => within(each, open)) : inLoop(body, [variable], open),
    );
  return { ...code, variables, body: inLoop(code.body, [], code.size === undefined ? [] : [code.size]) };
}
