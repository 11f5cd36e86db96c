/** Damage for fuzzing: the same on every run. Bytes in, other bytes out; the input is left as it is. */
import { CheckpointError } from '../../src/core/errors.js';
import type { HostArray } from '../../src/io/array-file.js';
import type { randomSource } from './support.js';

type Random = ReturnType<typeof randomSource>;

const BYTES = [0, 1, 0x20, 0x22, 0x2c, 0x5b, 0x7b, 0x7f, 0x80, 0xff];
const WORDS = [0n, 1n, 0x7fffn, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];

/** One to four faults: flipped bits, telling values, cuts, insertions, repetitions, a piece of `other`. */
export function damage(original: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let bytes = join(original);
  for (let faults = 1 + random(4); faults > 0; faults--) {
    const at = random(bytes.length + 1);
    const length = 1 + random(1 + random(32));
    const from = random(other.length + 1);
    switch (random(9)) {
      case 0:
        if (at < bytes.length) bytes[at]! ^= 1 << random(8);
        break;
      case 1:
        if (at < bytes.length) bytes[at] = random(256);
        break;
      case 2:
        if (at < bytes.length) bytes[at] = BYTES[random(BYTES.length)]!;
        break;
      case 3: {
        const word = new DataView(new ArrayBuffer(8));
        word.setBigUint64(0, WORDS[random(WORDS.length)]!, true);
        bytes.set(new Uint8Array(word.buffer, 0, Math.min([2, 4, 8][random(3)]!, bytes.length - at)), at);
        break;
      }
      case 4:
        if (random(4) === 0) bytes = bytes.slice(0, at);
        break;
      case 5:
        bytes = join(bytes.subarray(0, at), bytes.subarray(at + length));
        break;
      case 6:
        bytes = join(
          bytes.subarray(0, at),
          Uint8Array.from({ length }, () => random(256)),
          bytes.subarray(at),
        );
        break;
      case 7:
        bytes = join(bytes.subarray(0, at + length), bytes.subarray(at));
        break;
      default:
        bytes = join(bytes.subarray(0, at), other.subarray(from, from + length), bytes.subarray(at + length));
    }
  }
  return bytes;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|'[^']*'|[\w.<>|-]+|[^\s\w]/g;
const REPLACEMENTS = [
  ...['0', '1', '-1', '2', '4', '8', '16', '1.0', '1e9', '4294967296', '9007199254740991', '18446744073709551616'],
  ...['"a"', '"F32"', '"F64"', '"BOOL"', '"BF16"', '"__proto__"', '"shape"', '"data_offsets"', '"\\ud800"', 'null'],
  ...["'<f8'", "'>i4'", "'|b1'", "'<U2'", "'|O'", "'|S3'", 'True', 'False', '(', ')', '(2,)', '()', ''],
  ...['{', '}', '[', ']', ',', ':', '[]', '{}', '0,0', ' '],
];

/** One to three tokens of a text replaced, dropped, doubled or exchanged. */
export function damageText(text: string, random: Random): string {
  const tokens = text.match(TOKEN) ?? [];
  for (let faults = 1 + random(3); faults > 0 && tokens.length > 0; faults--) {
    const at = random(tokens.length);
    const other = random(tokens.length);
    const token = tokens[at]!;
    const kind = random(5);
    if (kind <= 1) tokens[at] = REPLACEMENTS[random(REPLACEMENTS.length)]!;
    else if (kind === 2) tokens[at] = tokens[other]!;
    else if (kind === 3) tokens.splice(at, 1, token, token);
    else [tokens[at], tokens[other]] = [tokens[other]!, token];
  }
  return tokens.join('');
}

/** The bytes one after the other. */
export function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Decodes `cases` files of `make`. Nothing but a CheckpointError may escape, what is accepted must be whole, and
 * deflate's 1032 times the file is all that may come out. Returns how often each outcome came.
 */
export function fuzz(
  cases: number,
  make: () => Uint8Array,
  decode: (bytes: Uint8Array) => ReadonlyMap<string, HostArray>,
): Record<string, number> {
  const outcomes: Record<string, number> = { accepted: 0 };
  for (let i = 0; i < cases; i++) {
    const bytes = make();
    try {
      let total = 0;
      for (const { shape, data } of decode(bytes).values()) {
        if (data.length !== shape.reduce((a, b) => a * b, 1)) throw new Error(`case ${i}: [${shape.join()}]`);
        total += data.byteLength;
      }
      if (total > 2 * 1032 * bytes.length) throw new Error(`case ${i}: ${bytes.length} bytes became ${total}`);
      outcomes['accepted']!++;
    } catch (error) {
      if (!(error instanceof CheckpointError)) {
        throw new Error(`case ${i}, ${Buffer.from(bytes).toString('base64')}`, { cause: error });
      }
      if (error.facts.length > 1000) throw new Error(`case ${i} has a long message: ${error.facts}`, { cause: error });
      outcomes[error.code] = (outcomes[error.code] ?? 0) + 1;
    }
  }
  return outcomes;
}
