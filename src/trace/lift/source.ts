/** A function's source: read, parsed, and quoted in errors. Nothing here runs it. */
import { type Expression, type Function as FunctionNode, type Node, parseExpressionAt } from 'acorn';
import { LiftError } from '../../core/errors.js';

/** The most of a line that an error quotes. */
const QUOTED = 100;

/** What is refused at a place of a source; it becomes a LiftError where the user has called, whose line that names. */
export class Refusal extends Error {
  constructor(
    readonly start: number,
    readonly end: number,
    readonly code: string,
    readonly facts: string,
    readonly remedy: string,
  ) {
    super(facts);
  }
}

/** The text of a function, with what stands before it so that it is an expression. */
export class Source {
  /** @param prefix the characters of `text` that are not the function's own. */
  constructor(
    readonly text: string,
    readonly prefix: number,
  ) {}

  /** What `body` gives. @throws LiftError for a Refusal. */
  explain<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw error instanceof Refusal ? this.#explained(error) : error;
    }
  }

  #explained({ start, end, code, facts, remedy }: Refusal): LiftError {
    const own = this.text.slice(this.prefix);
    const at = Math.min(Math.max(start - this.prefix, 0), own.length);
    const lineStart = own.lastIndexOf('\n', at - 1) + 1;
    const lineEnd = own.indexOf('\n', at) < 0 ? own.length : own.indexOf('\n', at);
    const line = own.slice(0, at).split('\n').length;
    const column = at - lineStart + 1;
    const stop = Math.min(Math.max(end - this.prefix, at + 1), Math.max(lineEnd, at + 1));
    // Minified functions are one long line.
    const from = column > QUOTED * 0.6 ? at - QUOTED / 2 : lineStart;
    const quoted = own
      .slice(from, Math.min(lineEnd, from + QUOTED))
      .replaceAll('\t', ' ')
      .trimEnd();
    const marks = '^'.repeat(Math.min(stop - at, from + QUOTED - at));
    const gutter = ' '.repeat(String(line).length);
    const excerpt = `  ${line} | ${quoted}\n  ${gutter} | ${' '.repeat(at - from)}${marks}`;
    return new LiftError(code, facts, `\n\n${excerpt}\n\n${remedy}`, line, column);
  }

  /** The error for what stands at the node. */
  error({ start, end }: Pick<Node, 'start' | 'end'>, code: string, facts: string, remedy: string): Refusal {
    return new Refusal(start, end, code, facts, remedy);
  }

  /** What stands at the node, shortened. */
  quote({ start, end }: Node): string {
    const text = this.text.slice(start, end).replace(/\s+/g, ' ');
    return text.length > 40 ? `${text.slice(0, 37)}…` : text;
  }
}

export interface ParsedFunction {
  readonly source: Source;
  readonly node: FunctionNode;
}

const OPTIONS = { ecmaVersion: 'latest' } as const;
const REMEDY = 'Pass an arrow function or a function whose source is there: not a bound or built-in one, nor a class.';

/** @throws LiftError `LIFT_SOURCE` for what has no source, or whose source is no function. */
export function parseFunction(fn: (...args: never[]) => unknown): ParsedFunction {
  const text = Function.prototype.toString.call(fn);
  // An arrow or a function is an expression; a method becomes one as a property of an object.
  const attempts: readonly [Source, (root: Expression) => Expression | undefined][] = [
    [new Source(text, 0), (root) => root],
    [
      new Source(`({${text}})`, 2),
      (root) => {
        const property = root.type === 'ObjectExpression' ? root.properties[0] : undefined;
        return property?.type === 'Property' ? property.value : undefined;
      },
    ],
  ];
  const refuse = (source: Source, place: Pick<Node, 'start' | 'end'>, facts: string): never =>
    source.explain(() => {
      throw source.error(place, 'LIFT_SOURCE', facts, REMEDY);
    });
  const name = fn.name || 'the function';
  let failure: (() => never) | undefined;
  for (const [source, find] of attempts) {
    let root: Expression;
    try {
      root = parseExpressionAt(source.text, 0, OPTIONS);
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
      const { pos = 0 } = cause as { pos?: number };
      failure ??= () => refuse(source, { start: pos, end: pos + 1 }, `lift cannot read ${name}`);
      continue;
    }
    const node = find(root);
    if (node?.type === 'ArrowFunctionExpression' || node?.type === 'FunctionExpression') return { source, node };
    failure ??= () => refuse(source, root, `lift got ${name}, which is no function`);
  }
  return failure!();
}
