import { describe, expect, it } from 'vitest';
import { OptionError } from '../../src/core/errors.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/safetensors.js';
import { array, expectCheckpointError, fixture, plain, plainArrays, ramp } from './support.js';

/** A file of this header and `dataBytes` zeros. */
function file(header: string | Uint8Array, dataBytes = 0, length?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (begin = 0, end = 4, shape = '[1]', dtype = 'F32'): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

const corrupt = (bytes: Uint8Array, facts?: RegExp): void =>
  expectCheckpointError(() => decodeSafetensors(bytes), 'CHECKPOINT_CORRUPT', facts);

describe('what the reference implementation wrote', () => {
  it('is read, in the order of its header', () => {
    const { arrays, metadata } = decodeSafetensors(fixture('reference.safetensors'));
    expect(plain(arrays)).toEqual(plain(plainArrays()));
    expect([...arrays.keys()].slice(0, 3)).toEqual(['größe 😀', 'scalar', '__proto__']);
    expect(Object.fromEntries(metadata)).toEqual({ framework: 'lazuli', größe: 'a "quoted"\n\\ line' });
  });

  it('is written again bit for bit, from any order of arrays', () => {
    const reference = fixture('reference.safetensors');
    const { metadata } = decodeSafetensors(reference);
    const reversed = new Map([...plainArrays()].reverse());
    expect(encodeSafetensors(reversed, metadata)).toEqual(reference);
    expect(encodeSafetensors({})).toEqual(fixture('reference-empty.safetensors'));
  });

  it('has the bytes that its own tests have', () => {
    const data = array('f32', [1, 2, 3], [0, 1, 2, 3, 4, 5]);
    const text = '{"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}}';
    const floats = new Uint8Array(data.data.buffer as ArrayBuffer);
    expect([...encodeSafetensors({ 'attn.0': data })]).toEqual([...file(text), ...floats]);
    expect([...encodeSafetensors({}, { framework: 'pt' })]).toEqual([
      ...file('{"__metadata__":{"framework":"pt"}}     '),
    ]);
  });
});

describe('encode and decode', () => {
  it('keep every dtype, shape and bit', () => {
    const bits = new Uint32Array([0x7fc12345, 0x80000000, 1, 0xff800000]);
    const arrays = plainArrays().set('nan', { dtype: 'f32', shape: [4], data: new Float32Array(bits.buffer) });
    const decoded = decodeSafetensors(encodeSafetensors(arrays)).arrays;
    expect(plain(decoded)).toEqual(plain(arrays));
    const nan = decoded.get('nan')!.data;
    expect(new Uint32Array(nan.buffer, nan.byteOffset, 4)).toEqual(bits);
  });

  it('sort names by their UTF-8 bytes and write escapes as serde_json does', () => {
    const a = array('f32', [], [1]);
    const names = ['\u{10000}', '\uffff', 'é', '\u007f', 'z', 'a"\\\n\b\f\u0001/\u2028', 'a', ''];
    const bytes = encodeSafetensors(new Map(names.map((name) => [name, a])));
    expect([...decodeSafetensors(bytes).arrays.keys()]).toEqual([...names].reverse());
    expect(new TextDecoder().decode(bytes)).toContain('"a\\"\\\\\\n\\b\\f\\u0001/\u2028"');
  });

  it('refuse names and metadata that could not be read back', () => {
    const a = array('f32', [], [1]);
    expect(() => encodeSafetensors({ __metadata__: a })).toThrow(/OPTION_NAME.*reserves/);
    expect(() => encodeSafetensors({}, { a: '\ud83d' })).toThrow(OptionError);
    expect(() => encodeSafetensors({}, { a: 1 as unknown as string })).toThrow(OptionError);
    expect(() => decodeSafetensors(new ArrayBuffer(8) as unknown as Uint8Array)).toThrow(/OPTION_BYTES/);
  });

  it('widen F16 and BF16 to f32, read I64, and name any other dtype', () => {
    const { arrays } = decodeSafetensors(fixture('half.safetensors'));
    expect(plain(arrays)).toEqual(
      plain(
        new Map([
          ['f16', array('f32', [3], [1.5, -(2 ** -24), Infinity])],
          ['bf16', array('f32', [2], [1.5, -3])],
        ]),
      ),
    );
    const refused = (bytes: Uint8Array, facts: RegExp): void =>
      expectCheckpointError(() => decodeSafetensors(bytes), 'CHECKPOINT_DTYPE', facts);
    expect(plain(decodeSafetensors(fixture('int64.safetensors')).arrays)).toEqual(
      plain(new Map([['step', array('i32', [1], [7])]])),
    );
    for (const dtype of ['F8_E4M3', 'C64', 'f32', '', '__proto__']) {
      refused(file(`{"a":${entry(0, 4, '[1]', dtype)}}`, 4), /array "a" has dtype/);
    }
  });
});

describe('memory', () => {
  it('elements are views where they are aligned: no byte is copied', () => {
    const bytes = encodeSafetensors(plainArrays());
    for (const { data } of decodeSafetensors(bytes).arrays.values()) {
      if (data.length > 0) expect(data.buffer).toBe(bytes.buffer);
    }
  });

  it('elements that are not aligned, and all with copy, are one copy of their own', () => {
    const bytes = encodeSafetensors({ w: ramp('f32', [3]), m: array('bool', [1], [1]) });
    const shifted = new Uint8Array(bytes.length + 1).subarray(1);
    shifted.set(bytes);
    const { w, m } = Object.fromEntries(decodeSafetensors(shifted).arrays);
    expect([...w!.data]).toEqual([0, 1, 2]);
    expect([w!.data.buffer.byteLength, w!.data.byteOffset]).toEqual([12, 0]);
    expect(m!.data.buffer).toBe(shifted.buffer);
    for (const { data } of decodeSafetensors(bytes, { copy: true }).arrays.values()) {
      expect(data.buffer.byteLength).toBe(data.byteLength);
    }
  });

  it('a 256 MB file is decoded without a second 256 MB', () => {
    const size = 2 ** 26;
    const bytes = encodeSafetensors({ w: { dtype: 'f32', shape: [size], data: new Float32Array(size).fill(1.5) } });
    globalThis.gc?.();
    const before = process.memoryUsage().arrayBuffers;
    const w = decodeSafetensors(bytes).arrays.get('w')!;
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
    expect(w.data[size - 1]).toBe(1.5);
  });
});

describe('hostile and damaged files', () => {
  it('header lengths that lie', () => {
    corrupt(new Uint8Array(0), /has 0 bytes/);
    corrupt(new Uint8Array(7), /has 7 bytes/);
    corrupt(new Uint8Array(8), /does not begin with \{/);
    corrupt(file('{}', 0, 2n ** 63n), /9223372036854775808 bytes, of which the format allows/);
    corrupt(file('{}', 0, 2n ** 64n - 1n));
    corrupt(file('{}', 0, 100_000_001n), /allows 100,000,000/);
    corrupt(file('{}', 0, 100_000_000n), /and 2 follow/);
    corrupt(file('{}', 0, 3n), /3 bytes, and 2 follow/);
  });

  it('headers that are not one strict JSON object', () => {
    const texts = [
      '[]',
      ' {}',
      '\ufeff{}',
      '{',
      '{}{}',
      '{}\0',
      '{"a"}',
      '{"a":1}',
      `{"a":${entry()},}`,
      `{'a':${entry()}}`,
      `{"a\n":${entry()}}`,
      `{"\\x61":${entry()}}`,
      `{"\\ud83d":${entry()}}`,
      `{"a":${entry()} "b":${entry()}}`,
      '{"a":{"dtype":"F32","shape":[1]}}',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}',
      '{"a":["F32",[1],[0,4]]}',
      '{"__metadata__":{"a":1}}',
      '{"__metadata__":{"a":null}}',
      '{"__metadata__":"a"}',
      `{"a":{"x":${'['.repeat(100_000)}`,
      `{"a":{"x":NaN,"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`,
    ];
    for (const text of texts) corrupt(file(text, 4));
    corrupt(file(new Uint8Array([0x7b, 0x22, 0xff, 0x22])), /UTF-8/);
  });

  it('keys that stand twice, also where an escape hides it', () => {
    corrupt(file(`{"a":${entry()},"\\u0061":${entry()}}`, 4), /"a" stands twice/);
    corrupt(file(`{"a":${entry(0, 4)},"b":${entry(4, 8)},"a":${entry(8, 12)}}`, 12), /"a" stands twice/);
    corrupt(file('{"__metadata__":{},"__metadata__":{}}'), /stands twice/);
    corrupt(file('{"__metadata__":{"a":"1","a":"2"}}'), /stands twice/);
    corrupt(file('{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4), /stands twice/);
    expect(decodeSafetensors(file(`{"__proto__":${entry()},"constructor":${entry(4, 8)}}`, 8)).arrays.size).toBe(2);
  });

  it('offsets with holes, overlaps, or another size than the shape', () => {
    corrupt(file(`{"a":${entry(4, 8)}}`, 8), /leaves a hole/);
    corrupt(file(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, 12), /leaves a hole/);
    corrupt(file(`{"a":${entry(0, 8, '[2]')},"b":${entry(4, 8)}}`, 8), /overlaps/);
    corrupt(file(`{"a":${entry(0, 4)},"b":${entry(0, 4)}}`, 4), /overlaps/);
    corrupt(file(`{"a":${entry(0, 4)}}`, 5), /take 4 bytes, and 5 follow/);
    corrupt(file(`{"a":${entry(0, 4)}}`, 3), /take 4 bytes, and 3 follow/);
    corrupt(file('{}', 1), /take 0 bytes, and 1 follow/);
    corrupt(file(`{"a":${entry(4, 0)}}`, 4));
    corrupt(file(`{"a":${entry(0, 4, '[2]')}}`, 4), /8 bytes, and its offsets are \[0,4\]/);
    corrupt(file(`{"a":${entry(0, 9007199254740991, '[9007199254740991]')}}`, 4), /more than 2⁵³/);
  });

  it('sizes that are negative, fractional or overflow', () => {
    for (const size of [
      '-1',
      '-0',
      '1.0',
      '1e0',
      '01',
      '+1',
      '0x1',
      '"1"',
      'null',
      '9007199254740992',
      '1'.repeat(400),
    ]) {
      corrupt(file(`{"a":${entry(0, 4, `[${size}]`)}}`, 4));
    }
    corrupt(file(`{"a":${entry(0, 0, '[4294967296,4294967296]')}}`), /more than 2⁵³/);
    corrupt(file(`{"a":${entry(0, 0, '[0,4294967296,4294967296]')}}`), /more than 2⁵³/);
    corrupt(file(`{"a":${entry(0, 4, `[${'1,'.repeat(64)}1]`)}}`, 4), /more than 64/);
  });

  it('bools that are neither 0 nor 1, and names that look like paths out', () => {
    const bytes = file(`{"a":${entry(0, 1, '[1]', 'BOOL')}}`, 1);
    expect(decodeSafetensors(bytes).arrays.get('a')!.data[0]).toBe(0);
    bytes[bytes.length - 1] = 2;
    corrupt(bytes, /neither 0 nor 1/);
    corrupt(file(`{"../../etc/passwd":${entry()}}`, 4), /path segment/);
  });

  it('more entries than any model has are refused before they fill the memory', () => {
    const entries = Array.from({ length: 1_000_001 }, (_, i) => `"${i.toString(36)}":""`);
    const bytes = file(`{"__metadata__":{${entries.join(',')}}}`);
    expectCheckpointError(() => decodeSafetensors(bytes), 'CHECKPOINT_LIMIT', /more than 1000000/);
  });

  it('every truncation of a file is an error', () => {
    const bytes = encodeSafetensors({ w: ramp('f32', [3]), m: array('bool', [2], [1, 0]) }, { a: 'b' });
    for (let length = 0; length < bytes.length; length++) corrupt(bytes.slice(0, length));
  });

  it('what the reference accepts is accepted: unknown fields, JSON white space, no metadata', () => {
    const spaced = `{ "a"\t:\n{"x":[{"y":-1.5e3},null,"z"],"dtype":"F32","shape":[ 1 ],"data_offsets":[0,4]} }\r\n\t `;
    expect(decodeSafetensors(file(spaced, 4)).arrays.get('a')!.shape).toEqual([1]);
    expect(decodeSafetensors(file('{"__metadata__":null}')).metadata.size).toBe(0);
    expect(decodeSafetensors(file(`{"a":${entry(0, 0, '[0,7]')},"b":${entry(0, 4, '[]')}}`, 4)).arrays.size).toBe(2);
  });
});
