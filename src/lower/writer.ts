/** Text that printers of loops share: lines with indentation, and forms as expressions. */
import type { Form } from './loops.js';

/** Lines of a source with indentation. */
export class Writer {
  readonly #lines: string[] = [];
  #depth = 0;

  line(text: string): void {
    this.#lines.push('  '.repeat(this.#depth) + text);
  }

  /** Writes `head {`, the body one level deeper, and `}`. */
  block(head: string, body: () => void): void {
    this.line(head === '' ? '{' : `${head} {`);
    this.#depth++;
    body();
    this.#depth--;
    this.line('}');
  }

  toString(): string {
    return this.#lines.join('\n');
  }
}

/** The form as an expression that languages with C's operators read. */
export function formText({ offset, terms }: Form, names: readonly string[]): string {
  const parts = terms.map(({ variable, stride, by }, i) => {
    const sign = stride < 0 ? (i > 0 ? '- ' : '-') : i > 0 ? '+ ' : '';
    const factor = `${Math.abs(stride) === 1 ? '' : `${Math.abs(stride)} * `}${by === undefined ? '' : `${names[by]!} * `}`;
    return `${sign}${factor}${names[variable]!}`;
  });
  if (offset !== 0 || parts.length === 0)
    parts.push(parts.length === 0 ? String(offset) : `${offset < 0 ? '-' : '+'} ${Math.abs(offset)}`);
  return parts.join(' ');
}
