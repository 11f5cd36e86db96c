// Marks for bundlers: what a module computes when it is loaded may be left out where nobody uses the result.
import { parse } from 'acorn';
import type { Expression, Node, SpreadElement } from 'acorn';

const MARK = '/* @__PURE__ */ ';
type Item = Expression | SpreadElement | null;

const FREE = new Set(['Literal', 'Identifier', 'ThisExpression', 'ArrowFunctionExpression', 'FunctionExpression']);

/** Whether bundlers see by themselves that evaluating it has no effect. */
function isFree(node: Item): boolean {
  if (node === null || FREE.has(node.type)) return true;
  if (node.type === 'TemplateLiteral') return node.expressions.length === 0;
  if (node.type === 'UnaryExpression')
    return node.argument.type === 'Literal' || (node.operator === '!' && isFree(node.argument));
  if (node.type === 'BinaryExpression') return node.left.type === 'Literal' && node.right.type === 'Literal';
  return node.type === 'ConditionalExpression' && [node.test, node.consequent, node.alternate].every(isFree);
}

/** Whether it is free of effects once the calls that it puts into `calls` are marked. */
function isFreeBut(node: Item, calls: number[]): boolean {
  const all = (items: readonly Item[]): boolean => items.every((item) => isFreeBut(item, calls));
  if (node?.type === 'ArrayExpression') return all(node.elements);
  if (node?.type === 'ObjectExpression')
    return node.properties.every((each) => each.type === 'Property' && !each.computed && isFreeBut(each.value, calls));
  if (node?.type !== 'CallExpression' && node?.type !== 'NewExpression') return isFree(node);
  calls.push(node.start);
  return node.callee.type === 'Identifier' && all(node.arguments);
}

/**
 * `code` with its top-level values, and static fields of its classes, marked free of effects; for modules of which
 * package.json says that they have none. Lines stay where they are. A pattern (`const { a } = b`) cannot be marked.
 */
export function markPure(code: string): string {
  const insertions: [at: number, text: string][] = [];
  const mark = (value: Expression): void => {
    if (value.type === 'ClassExpression') return markFields(value.body.body);
    const calls: number[] = [];
    if (isFreeBut(value, calls))
      for (const at of calls) insertions.push([at, code.slice(0, at).trimEnd().endsWith(MARK.trim()) ? '' : MARK]);
    else insertions.push([value.start, `${MARK}(() => (`], [value.end, '))()']);
  };
  const markFields = (members: readonly Node[]): void => {
    for (const each of members as readonly ((typeof members)[number] & {
      static?: boolean;
      value?: Expression | null;
    })[])
      if (each.type === 'PropertyDefinition' && each.static && each.value) mark(each.value);
  };
  for (const each of parse(code, { ecmaVersion: 'latest', sourceType: 'module' }).body) {
    const statement = each.type === 'ExportNamedDeclaration' && each.declaration ? each.declaration : each;
    if (statement.type === 'ClassDeclaration') markFields(statement.body.body);
    if (statement.type !== 'VariableDeclaration') continue;
    for (const { id, init } of statement.declarations) if (id.type === 'Identifier' && init) mark(init);
  }
  insertions.sort(([a], [b]) => a - b);
  const ends = insertions.map(([at], i) => code.slice(at, insertions[i + 1]?.[0]));
  return code.slice(0, insertions[0]?.[0]) + insertions.map(([, text], i) => text + ends[i]!).join('');
}
