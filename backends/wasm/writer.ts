/**
 * A growing byte string with the number formats of the WebAssembly binary: LEB128, IEEE little-endian, names.
 */
const UTF8 = new TextEncoder();

/** Bytes in the making; every method returns the writer. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  #reserve(count: number): number {
    const start = this.#length;
    const needed = start + count;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = needed;
    return start;
  }

  byte(value: number): this {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
    return this;
  }

  bytes(values: ArrayLike<number>): this {
    const at = this.#reserve(values.length);
    // Opcodes are one byte or two: for so few a loop is quicker than `set`.
    if (values.length > 32) this.#bytes.set(values, at);
    else for (let i = 0; i < values.length; i++) this.#bytes[at + i] = values[i]!;
    return this;
  }

  /** Unsigned LEB128 of an integer in [0, 2³²). */
  unsigned(value: number): this {
    let rest = value >>> 0;
    while (rest > 127) {
      this.byte((rest & 127) | 128);
      rest >>>= 7;
    }
    return this.byte(rest);
  }

  /** Signed LEB128 of a 32-bit integer; u32 values wrap. */
  signed(value: number): this {
    let rest = value | 0;
    for (;;) {
      const low = rest & 127;
      rest >>= 7;
      if (rest === (low & 64 ? -1 : 0)) return this.byte(low);
      this.byte(low | 128);
    }
  }

  /** Signed LEB128 of a 64-bit integer. */
  signed64(value: bigint): this {
    let rest = BigInt.asIntN(64, value);
    for (;;) {
      const low = Number(rest & 127n);
      rest >>= 7n;
      if (rest === (low & 64 ? -1n : 0n)) return this.byte(low);
      this.byte(low | 128);
    }
  }

  float32(value: number): this {
    const at = this.#reserve(4);
    this.#view.setFloat32(at, value, true);
    return this;
  }

  float64(value: number): this {
    const at = this.#reserve(8);
    this.#view.setFloat64(at, value, true);
    return this;
  }

  /** A length and that many UTF-8 bytes. */
  name(text: string): this {
    const encoded = UTF8.encode(text);
    return this.unsigned(encoded.length).bytes(encoded);
  }

  /** What `write` writes, after its length in bytes. */
  sized(write: (inner: ByteWriter) => void): this {
    const at = this.#length;
    write(this);
    const end = this.#length;
    // The length stands before what it counts, which moves up for it.
    const [, size] = [this.unsigned(end - at), this.#length - end];
    this.#bytes.copyWithin(at + size, at, end);
    this.#length = at;
    this.unsigned(end - at).#length = end + size;
    return this;
  }

  /** A vector: the count, then each item. */
  list<T>(items: readonly T[], write: (item: T, index: number) => void): this {
    this.unsigned(items.length);
    items.forEach(write);
    return this;
  }

  /** What has been written, as a view that later writes may overwrite. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }
}
