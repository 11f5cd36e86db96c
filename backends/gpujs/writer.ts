/** Lines of a kernel with indentation. */
export class Writer {
  readonly #lines: string[] = [];
  #depth = 0;

  line(text: string): void {
    this.#lines.push('  '.repeat(this.#depth) + text);
  }

  /** Writes `head {`, the body one level deeper, and `}`. */
  block(head: string, body: () => void): void {
    this.line(`${head} {`);
    this.#depth++;
    body();
    this.#depth--;
    this.line('}');
  }

  toString(): string {
    return this.#lines.join('\n');
  }
}
