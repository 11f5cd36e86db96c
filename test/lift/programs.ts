/** Random programs of plain math, as text: assignments, branches, loops with exits, early returns, helpers, objects. */
import fc from 'fast-check';

const NAMES = ['x', 'y', 'a', 'b'];
const name = fc.constantFrom(...NAMES);
const literal = fc.constantFrom('0', '1', '-1', '2', '0.5', '3', '-7.25', '1e300', 'Infinity', 'NaN', 'true', '-0');
const BINARY = [
  '+',
  '-',
  '*',
  '/',
  '%',
  '<',
  '<=',
  '>',
  '>=',
  '===',
  '!==',
  '==',
  '!=',
  '&',
  '|',
  '^',
  '<<',
  '>>',
  '>>>',
];
const UNARY = ['-', '+', '!', '~'];
const MATH1 = ['sqrt', 'abs', 'floor', 'ceil', 'trunc', 'round', 'sign', 'fround'];
const MATH2 = ['min', 'max', 'imul'];

/** Expressions and statements, so deep. */
function grammar(depth: number): {
  expression: fc.Arbitrary<string>;
  statement: (loop: boolean) => fc.Arbitrary<string>;
} {
  const leaf = fc.oneof({ weight: 3, arbitrary: name }, literal);
  if (depth === 0)
    return {
      expression: leaf,
      statement: () => fc.tuple(name, leaf).map(([v, e]) => `${v} = ${e};`),
    };
  const { expression: e, statement: inner } = grammar(depth - 1);
  const of = (...parts: (fc.Arbitrary<string> | string)[]): fc.Arbitrary<string> =>
    fc.tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part))).map((all) => all.join(''));
  const comparison = of(e, ' ', fc.constantFrom('<', '<=', '>', '>=', '===', '!=='), ' ', e);
  const expression = fc.oneof(
    { weight: 2, arbitrary: leaf },
    { weight: 4, arbitrary: of('(', e, ' ', fc.constantFrom(...BINARY), ' ', e, ')') },
    { weight: 2, arbitrary: of('(', fc.constantFrom(...UNARY), ' ', e, ')') },
    { weight: 2, arbitrary: of('Math.', fc.constantFrom(...MATH1), '(', e, ')') },
    of('Math.', fc.constantFrom(...MATH2), '(', e, ', ', e, ')'),
    of('(', comparison, ' ? ', e, ' : ', e, ')'),
    of('(', e, ' ', fc.constantFrom('&&', '||'), ' ', e, ')'),
    of('(', name, fc.constantFrom(' = ', ' += ', ' -= ', ' *= ', ' /= ', ' %= ', ' &&= ', ' ||= '), e, ')'),
    of('(', name, fc.constantFrom('++', '--'), ')'),
    of('(', fc.constantFrom('++', '--'), name, ')'),
    of('h(', e, ', ', e, ')'),
    of('{ p: ', e, ', q: [', e, '] }').map((o) => `((${o}).q[0])`),
  );
  const block = (loop: boolean): fc.Arbitrary<string> =>
    fc.array(inner(loop), { minLength: 1, maxLength: 3 }).map((all) => `{ ${all.join(' ')} }`);
  const statement = (loop: boolean): fc.Arbitrary<string> =>
    fc.oneof(
      { weight: 3, arbitrary: of(name, fc.constantFrom(' = ', ' += ', ' *= '), expression, ';') },
      { weight: 2, arbitrary: of('if (', comparison, ') ', block(loop), ' else ', block(loop)) },
      of('if (', e, ') ', block(loop)),
      of('if (', comparison, ') return { a: ', e, ', b, c: [true, ', e, '] };'),
      fc
        .tuple(fc.integer({ min: 1, max: 3 }), block(true))
        .map(([turns, body]) => `for (let i${depth} = 0; i${depth} < ${turns}; i${depth}++) ${body}`),
      of('o.', fc.constantFrom('p', 'q'), ' = ', e, ';'),
      of('a = o.', fc.constantFrom('p', 'q'), ';'),
      of('[a, b] = [', e, ', ', e, '];'),
      ...(loop ? [of('if (', comparison, ') ', fc.constantFrom('break', 'continue'), ';')] : []),
    );
  return { expression, statement };
}

const { expression, statement } = grammar(3);

/** A function of x and y as text. */
export const programs: fc.Arbitrary<string> = fc
  .tuple(expression, fc.array(statement(false), { maxLength: 5 }), expression, fc.constantFrom('o.p', 'b', 'y'))
  .map(
    ([start, body, helper, last]) => `(x, y) => {
  let a = 1, b = ${'0.25'};
  const o = { p: 2, q: x };
  const h = (x, y) => { if (x > y) return x; b = ${'y'}; return ${helper.replaceAll('h(', 'Math.max(')}; };
  a = ${start};
  ${body.join('\n  ')}
  return { a, b, c: [a > b, ${last}] };
}`,
  );
