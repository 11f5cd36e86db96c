/** Every function, class and constant that a user can import has an example in its doc comment; `examples.test.ts` runs them. */
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Source files of the package's entries; that of workers exports nothing. */
const ENTRIES = Object.values(packageJson.exports)
  .flatMap((entry) => (typeof entry === 'string' ? [] : [entry.default]))
  .map((path) => root + path.replace('./dist/', '').replace(/js$/, 'ts'));

/** Names with what they stand for: `nn.init.zeros`. Types have no examples of their own. */
function publicNames(checker: ts.TypeChecker, program: ts.Program): Map<string, ts.Symbol> {
  const names = new Map<string, ts.Symbol>();
  const visit = (symbol: ts.Symbol, path: string): void => {
    if (symbol.declarations?.some(ts.isTypeOnlyExportDeclaration)) return;
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const space = [target, handedOn(target, checker)].find((each) => each && each.flags & ts.SymbolFlags.ValueModule);
    if (space !== undefined)
      for (const each of checker.getExportsOfModule(space)) visit(each, `${path}${symbol.name}.`);
    else if (target.flags & ts.SymbolFlags.Value) names.set(path + symbol.name, target);
  };
  for (const entry of ENTRIES)
    for (const each of checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)!)!))
      visit(each, '');
  return names;
}

/** What a constant hands on: of `connected(create.zeros)` it is `zeros`, of `namespace` all its members. */
function handedOn(symbol: ts.Symbol, checker: ts.TypeChecker): ts.Symbol | undefined {
  const declaration = symbol.valueDeclaration;
  if (declaration === undefined || !ts.isVariableDeclaration(declaration)) return undefined;
  let value = declaration.initializer;
  if (value !== undefined && ts.isCallExpression(value)) value = value.arguments[0];
  const of = value === undefined ? undefined : checker.getSymbolAtLocation(value);
  return of !== undefined && of.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(of) : of;
}

const hasTag = (symbol: ts.Symbol | undefined, name: string): boolean =>
  symbol?.declarations?.some((each) => ts.getJSDocTags(each).some((tag) => tag.tagName.text === name)) ?? false;
/** The classes of errors are caught as the one that they extend. */
const isError = (symbol: ts.Symbol): boolean =>
  symbol.declarations?.some(
    (each) =>
      ts.isClassDeclaration(each) && each.heritageClauses?.[0]?.types[0]?.expression.getText() === 'LazuliError',
  ) ?? false;

test('every public name has an example', () => {
  const program = ts.createProgram(ENTRIES, {
    allowImportingTsExtensions: true,
    module: ts.ModuleKind.NodeNext,
    noEmit: true,
    noLib: true,
    types: [],
  });
  const checker = program.getTypeChecker();
  const names = publicNames(checker, program);
  expect(names.size).toBeGreaterThan(300);
  const missing = [...names].filter(
    ([, symbol]) =>
      !hasTag(symbol, 'internal') &&
      !isError(symbol) &&
      ![symbol, handedOn(symbol, checker)].some((each) => hasTag(each, 'example')),
  );
  expect(missing.map(([name]) => name)).toEqual([]);
});
