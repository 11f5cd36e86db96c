/** Names that every function sees: `Math`, `NaN` and the like, and the constants that the caller of `lift` gives. */
import { type Arithmetic, isExpr, mathFunction, type Scalar } from './arithmetic.js';
import { Builtin, Cell, Compound, type Fields, Scope, type Value } from './values.js';

/** What a function of the library may be given by name. */
export type LiftConstant = number | boolean | readonly LiftConstant[] | { readonly [key: string]: LiftConstant };
export type LiftConstants = Readonly<Record<string, LiftConstant>>;

const asValue = (constant: LiftConstant): Value =>
  typeof constant === 'object'
    ? new Compound(
        new Map(Object.entries(constant as object).map(([key, each]) => [key, asValue(each as LiftConstant)])),
        Array.isArray(constant) ? 'array' : 'object',
        'outside',
      )
    : constant;

/** A function of JavaScript: on what is known itself, on nodes what the graph has for it. */
const builtin = (
  name: string,
  required: number,
  known: (...args: number[]) => number | boolean,
  traced: (args: readonly Scalar[]) => Scalar,
): Builtin => new Builtin(name, required, (args) => (args.some(isExpr) ? traced(args) : known(...args.map(Number))));

function mathMembers(arithmetic: Arithmetic): Fields {
  const members = new Map<string, Value>();
  for (const name of Object.getOwnPropertyNames(Math)) {
    const member: unknown = Reflect.get(Math, name);
    if (typeof member === 'number') members.set(name, member);
    const op = typeof member === 'function' ? mathFunction(name) : undefined;
    if (op === undefined) continue;
    const known = member as (...args: number[]) => number;
    // `max` and `min` take any number of arguments.
    const required = name === 'max' || name === 'min' ? 0 : known.length;
    members.set(
      name,
      builtin(`Math.${name}`, required, known, (args) => op(arithmetic, args)),
    );
  }
  return members;
}

/** Number, with what it knows of floats. */
function numberFunction(arithmetic: Arithmetic): Builtin {
  const members = new Map<string, Value>();
  for (const name of Object.getOwnPropertyNames(Number)) {
    const member: unknown = Reflect.get(Number, name);
    if (typeof member === 'number' && name !== 'length') members.set(name, member);
  }
  const test = (name: string, known: (x: number) => boolean, traced: (x: Scalar) => Scalar): Builtin =>
    builtin(name, 1, known, ([x]) => traced(x!));
  members.set(
    'isNaN',
    test('Number.isNaN', Number.isNaN, (x) => arithmetic.isNaN(x)),
  );
  members.set(
    'isFinite',
    test('Number.isFinite', Number.isFinite, (x) => arithmetic.isFinite(x)),
  );
  members.set(
    'isInteger',
    test('Number.isInteger', Number.isInteger, (x) => arithmetic.isInteger(x)),
  );
  return new Builtin('Number', 1, ([x]) => (isExpr(x) ? arithmetic.toNumber(x) : Number(x)), members);
}

/** The outermost scope. */
export function globalScope(arithmetic: Arithmetic, constants: LiftConstants): Scope {
  const number = numberFunction(arithmetic);
  const scope = new Scope(undefined);
  const names: Record<string, Value> = {
    undefined,
    NaN,
    Infinity,
    Math: new Compound(mathMembers(arithmetic), 'object', 'namespace'),
    Number: number,
    Boolean: new Builtin('Boolean', 1, ([x]) => arithmetic.truth(x!)),
    isNaN: number.members.get('isNaN'),
    isFinite: number.members.get('isFinite'),
  };
  for (const [name, value] of Object.entries(names)) scope.declare(name, new Cell(value, 0), 'const');
  for (const [name, constant] of Object.entries(constants))
    scope.declare(name, new Cell(asValue(constant), 0), 'const');
  return scope;
}
