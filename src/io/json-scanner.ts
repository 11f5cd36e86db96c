/**
 * A strict reader of JSON text (RFC 8259), one token at a time: what `JSON.parse` hides — a key that stands twice, a
 * size of 1.0 or 1e400, `__proto__` — is visible here, and nothing is built that the caller does not ask for.
 */
import { beyondLimit, corrupt, MAX_ENTRIES } from './array-file.js';

/** How deep values that the caller skips may nest; serde_json, which the reference reads with, stops at 128. */
const MAX_DEPTH = 128;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** Reads `text` from its start; every method throws CheckpointError `CHECKPOINT_CORRUPT` at the first fault. */
export class JsonScanner {
  /** Where the next token begins, in UTF-16 units. */
  #at = 0;

  constructor(
    private readonly text: string,
    private readonly what: string,
  ) {}

  /** The error that `facts` describe, with the position reached. */
  fault(facts: string): Error {
    return corrupt(`${this.what} is no valid JSON for this format: ${facts} at character ${this.#at}`);
  }

  /** The next character that is no white space, or `''` at the end; it is not consumed. */
  peek(): string {
    while (' \t\n\r'.includes(this.text.charAt(this.#at)) && this.#at < this.text.length) this.#at++;
    return this.text.charAt(this.#at);
  }

  /** Consumes `character`, after white space. */
  expect(character: string): void {
    if (!this.accept(character)) throw this.fault(`expected ${character}`);
  }

  /** Consumes `character` if it is next. */
  accept(character: string): boolean {
    if (this.peek() !== character) return false;
    this.#at++;
    return true;
  }

  /** Consumes `word` (`null`, `true`, `false`) if it is next. */
  acceptWord(word: string): boolean {
    this.peek();
    if (!this.text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  /** Only white space may follow. */
  expectEnd(): void {
    if (this.peek() !== '') throw this.fault('text after the end');
  }

  /** An object: `visit` is called for each key and must consume its value. A key that stands twice is a fault, and 10⁶ are the limit. */
  readObject(visit: (key: string) => void): void {
    this.expect('{');
    if (this.accept('}')) return;
    const seen = new Set<string>();
    do {
      const key = this.readString();
      if (seen.has(key)) throw this.fault(`the key ${JSON.stringify(key.slice(0, 80))} stands twice`);
      if (seen.size === MAX_ENTRIES)
        throw beyondLimit(`${this.what} has more than ${MAX_ENTRIES} keys`, 'Split the file.');
      seen.add(key);
      this.expect(':');
      visit(key);
    } while (this.accept(','));
    this.expect('}');
  }

  /** An array: `visit` is called for each element, with its index, and must consume it. */
  readArray(visit: (index: number) => void): void {
    this.expect('[');
    if (this.accept(']')) return;
    let index = 0;
    do visit(index++);
    while (this.accept(','));
    this.expect(']');
  }

  /** A string; half a surrogate pair, as an escape, is a fault. */
  readString(): string {
    if (this.peek() !== '"') throw this.fault('expected a string');
    let value = '';
    let hasEscape = false;
    let start = ++this.#at;
    for (;;) {
      const unit = this.text.charCodeAt(this.#at);
      // charCodeAt is NaN past the end.
      if (!(unit >= 0x20)) throw this.fault('a string without end, or with a control character');
      if (unit !== 0x22 && unit !== 0x5c) {
        this.#at++;
        continue;
      }
      value += this.text.slice(start, this.#at);
      this.#at++;
      if (unit === 0x22) break;
      value += this.#readEscape();
      hasEscape = true;
      start = this.#at;
    }
    // The text itself was decoded from UTF-8, which has none.
    if (hasEscape && /\p{Surrogate}/u.test(value)) throw this.fault('a string with half a surrogate pair');
    return value;
  }

  #readEscape(): string {
    const letter = this.text.charAt(this.#at++);
    const simple = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (simple !== undefined) return simple;
    const digits = this.text.slice(this.#at, this.#at + 4);
    if (letter !== 'u' || !/^[0-9a-fA-F]{4}$/.test(digits)) throw this.fault('an unknown escape');
    this.#at += 4;
    return String.fromCharCode(parseInt(digits, 16));
  }

  /** A size or an offset: digits alone, at most 2⁵³ − 1. */
  readSize(): number {
    this.peek();
    const start = this.#at;
    let value = 0;
    for (;;) {
      const digit = this.text.charCodeAt(this.#at) - 48;
      if (!(digit >= 0 && digit <= 9)) break;
      value = 10 * value + digit;
      if (value > Number.MAX_SAFE_INTEGER) throw this.fault('a number above 2⁵³ − 1');
      this.#at++;
    }
    const length = this.#at - start;
    if (length === 0 || (length > 1 && this.text[start] === '0') || '.eE'.includes(this.text.charAt(this.#at) || ' ')) {
      throw this.fault('expected a non-negative whole number');
    }
    return value;
  }

  /** Consumes any value. */
  skipValue(depth = 0): void {
    if (depth > MAX_DEPTH) throw this.fault(`values nested more than ${MAX_DEPTH} deep`);
    const next = this.peek();
    if (next === '{') this.readObject(() => this.skipValue(depth + 1));
    else if (next === '[') this.readArray(() => this.skipValue(depth + 1));
    else if (next === '"') this.readString();
    else if (!['null', 'true', 'false'].some((word) => this.acceptWord(word))) this.#skipNumber();
  }

  #skipNumber(): void {
    const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    number.lastIndex = this.#at;
    if (!number.test(this.text)) throw this.fault('expected a value');
    this.#at = number.lastIndex;
  }
}
