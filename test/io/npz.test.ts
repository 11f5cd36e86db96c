import { Inflate } from 'fflate';
import { describe, expect, it, vi } from 'vitest';
import { crc32 } from '../../src/io/zip.js';
import { encodeNpy } from '../../src/io/npy.js';
import { decodeNpz, encodeNpz } from '../../src/io/npz.js';
import { array, expectCheckpointError, fixture, makeZip, plain, plainArrays, ramp } from './support.js';
import type { ZipMember } from './support.js';

const latin1 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** A .npy file of this header and content, of version 1.0 unless said. */
function npy(header: string, content: Uint8Array = new Uint8Array(0), version = 1): Uint8Array {
  const length = header.length;
  const size = version === 1 ? [length & 255, length >> 8] : [length & 255, (length >> 8) & 255, length >> 16, 0];
  return new Uint8Array([0x93, ...latin1('NUMPY'), version, 0, ...size, ...latin1(header), ...content]);
}

const dict = (descr: string, shape: string, order = 'False'): string =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

const one = (content: Uint8Array, more: Partial<ZipMember> = {}): Uint8Array =>
  makeZip([{ name: 'a.npy', content, ...more }]);

const refuse = (bytes: Uint8Array, facts?: RegExp, code = 'CHECKPOINT_CORRUPT'): void =>
  expectCheckpointError(() => decodeNpz(bytes), code, facts);

describe('what NumPy wrote', () => {
  it.each(['numpy-stored.npz', 'numpy-deflated.npz'])('is read: %s', (name) => {
    const { arrays, strings } = decodeNpz(fixture(name));
    expect(plain(arrays)).toEqual(plain(plainArrays()));
    expect([...arrays.keys()]).toEqual([...plainArrays().keys()]);
    expect(strings.size).toBe(0);
  });

  it('is read in Fortran order, in either byte order, and in half precision', () => {
    const halves = [0, -0, 1, -2.5, 65504, 2 ** -24, 2 ** -14, Infinity, -Infinity, NaN];
    const expected = {
      fortran2: ramp('f32', [3, 4]),
      fortran3: ramp('f64', [2, 3, 4]),
      fortran1: ramp('i32', [5]),
      bigfloat: ramp('f32', [4], 0.25),
      bigdouble: ramp('f64', [2, 2], 0.1),
      bigint: array('i32', [3], [1, -2, 2 ** 30]),
      bigword: array('u32', [2], [1, 2 ** 31]),
      half: array('f32', [10], halves),
      bighalf: array('f32', [2], [1.5, 2 ** -20]),
    };
    expect(plain(decodeNpz(fixture('numpy-orders.npz')).arrays)).toEqual(plain(new Map(Object.entries(expected))));
  });

  it('is read in the versions 1.0, 2.0 and 3.0', () => {
    const expected = [1, 2, 3].map((version) => [`version${version}`, ramp('f32', [2, 2], version)] as const);
    expect(plain(decodeNpz(fixture('numpy-versions.npz')).arrays)).toEqual(plain(new Map(expected)));
  });

  it('is read as strings where it is text, as in the files of BrainPy', () => {
    const { arrays, strings } = decodeNpz(fixture('brainpy.npz'));
    expect([...arrays.keys()]).toEqual(['MLP0.w', 'Dense0.b']);
    expect([...strings]).toEqual([
      ['duplicate_keys', ['Dense1.w', 'Dense1.größe']],
      ['duplicate_targets', ['MLP0.w', 'Dense0.b']],
    ]);
    expect(Object.fromEntries(decodeNpz(fixture('numpy-text.npz')).strings)).toEqual({
      bytes: ['ab', 'c', ''],
      scalar: ['only'],
      big: ['é', 'xyz😀'],
      none: [],
    });
  });

  it('is refused by name and dtype where no dtype of ours holds it', () => {
    const dtype = (name: string, facts: RegExp): void => refuse(fixture(name), facts, 'CHECKPOINT_DTYPE');
    expect(plain(decodeNpz(fixture('int64.npz')).arrays)).toEqual(
      plain(new Map([['step', array('i32', [2], [1, 2])]])),
    );
    dtype('refused-complex.npz', /array "z" has dtype "<c16"/);
    dtype('refused-record.npz', /array "r" has dtype a record/);
    dtype('refused-text2.npz', /array "t" has dtype text of two/);
    refuse(fixture('refused-object.npz'), /runs code/, 'CHECKPOINT_PICKLE');
  });
});

describe('encode and decode', () => {
  it.each([false, true])('keep every array, name and order (compress: %s)', (compress) => {
    const { arrays } = decodeNpz(encodeNpz(plainArrays(), { compress }));
    expect(plain(arrays)).toEqual(plain(plainArrays()));
    expect([...arrays.keys()]).toEqual([...plainArrays().keys()]);
  });

  it('a member is the very bytes that numpy.save writes', () => {
    const numpy = fixture('numpy-stored.npz');
    const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
    const whole = Array.from({ length: Math.ceil(numpy.length / 4096) }, (_, i) =>
      text(numpy.subarray(i * 4096, (i + 1) * 4096)),
    ).join('');
    for (const [name, value] of plainArrays()) {
      if (name !== 'noise') expect([name, whole.includes(text(encodeNpy(value)))]).toEqual([name, true]);
    }
  });

  it('the same arrays give the same bytes; names are members, keys or not', () => {
    expect(encodeNpz(plainArrays())).toEqual(encodeNpz(plainArrays()));
    const names = ['__proto__', 'constructor', '0', '', 'a/b', 'x.npy', '../x'.slice(1)];
    const arrays = new Map(names.slice(0, 6).map((name) => [name, ramp('f32', [2])]));
    expect([...decodeNpz(encodeNpz(arrays)).arrays.keys()]).toEqual(names.slice(0, 6));
    expect(() => encodeNpz({ 'a\0b': ramp('f32', [2]) })).toThrow(/OPTION_NAME/);
    expect(() => encodeNpz({ ['a'.repeat(70_000)]: ramp('f32', [2]) })).toThrow(/OPTION_NAME/);
    const many = new Map(Array.from({ length: 65_535 }, (_, i) => [String(i), ramp('f32', [0])]));
    expectCheckpointError(() => encodeNpz(many), 'CHECKPOINT_LIMIT', /safetensors/);
  });

  it('a long deflated array streams through, whatever deflate made of it', () => {
    const length = 500_000;
    const random = new Uint32Array(length);
    for (let i = 1, x = 1; i < length; i++) random[i] = x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    const bits = { dtype: 'u32', shape: [length], data: random } as const;
    const arrays = { bits, zeros: ramp('f64', [length], 0), steps: ramp('f32', [length], 0.001) };
    expect(plain(decodeNpz(encodeNpz(arrays, { compress: true })).arrays)).toEqual(
      plain(new Map(Object.entries(arrays))),
    );
  });

  it('stored elements are views where they are aligned; with copy none is', () => {
    const bytes = encodeNpz({ m: array('bool', [4], [1, 0, 1, 0]), d: ramp('f64', [3]), e: ramp('f32', [1]) });
    const views = [...decodeNpz(bytes).arrays.values()];
    expect(views[0]!.data.buffer).toBe(bytes.buffer);
    for (const { data } of views) expect([bytes.buffer.byteLength, data.byteLength]).toContain(data.buffer.byteLength);
    for (const { data } of decodeNpz(bytes, { copy: true }).arrays.values()) expect(data.buffer).not.toBe(bytes.buffer);
  });

  it('CRC-32 is that of zip', () => {
    expect(crc32(latin1('123456789'))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });
});

describe('hostile and damaged zips', () => {
  const good = encodeNpy(ramp('f32', [4]));

  it('a zip made by hand is read, so that each lie below is its only fault', () => {
    expect([...decodeNpz(one(good)).arrays.get('a')!.data]).toEqual([0, 1, 2, 3]);
    expect([...decodeNpz(one(good, { deflate: true })).arrays.get('a')!.data]).toEqual([0, 1, 2, 3]);
    expect(decodeNpz(makeZip([])).arrays.size).toBe(0);
  });

  it('every truncation, and anything that is no zip, is an error', () => {
    const bytes = encodeNpz({ a: ramp('f32', [2]), b: ramp('f32', [2]) }, { compress: true });
    for (let length = 0; length < bytes.length; length++) refuse(bytes.slice(0, length));
    refuse(latin1('PK\x03\x04 and so on'), /does not end as a zip/);
    refuse(new Uint8Array([0, ...bytes]), /does not reach its end record/);
    refuse(new Uint8Array([...bytes, 0]));
  });

  it('every flipped bit of the elements is found by the CRC', () => {
    const bytes = one(encodeNpy(ramp('f64', [4])));
    const start = 30 + 5 + 128;
    for (let bit = 0; bit < 8 * 32; bit++) {
      const flipped = bytes.slice();
      flipped[start + (bit >> 3)]! ^= 1 << (bit & 7);
      refuse(flipped, /CRC-32/);
    }
  });

  it('entries that stand twice, overlap, disagree or leave their folder', () => {
    const a = { name: 'a.npy', content: good };
    refuse(makeZip([a, a]), /"a.npy" twice/);
    refuse(makeZip([a, { name: 'b.npy', content: good, offsetOf: 0 }]), /disagrees with the directory/);
    refuse(makeZip([a, { name: 'b.npy', localName: 'a.npy', content: good }]), /disagrees/);
    refuse(makeZip([a, { name: 'b.npy', content: good }, { name: 'b.npy', content: good, offsetOf: 1 }]), /twice/);
    for (const name of ['../a.npy', 'x/../../a.npy', 'x\\..\\a.npy']) {
      refuse(makeZip([{ ...a, name }]), /leaves its folder/);
    }
    for (const name of ['a', 'a.txt', 'folder/', 'a\0.npy', '__proto__']) {
      refuse(makeZip([{ ...a, name }]), /no \.npy file/);
    }
    refuse(makeZip([a], { count: 2 }), /does not reach|missing/);
    refuse(makeZip([a, { ...a, name: 'b.npy' }], { count: 1 }), /goes on after/);
  });

  it('sizes, methods and flags that lie or are not for us', () => {
    refuse(one(good, { size: good.length + 1 }), /cannot have/);
    refuse(one(good, { deflate: true, size: 2 ** 32 - 2 }), /cannot have 4294967294 bytes/);
    refuse(one(good, { deflate: true, size: good.length + 1 }), /header asks for/);
    refuse(one(good, { deflate: true, stored: new Uint8Array([7, 7, 7, 7]) }), /no valid deflate|does not begin/);
    refuse(one(good, { crc: 1 }), /CRC-32/);
    refuse(one(good, { method: 12 }), /method 12/, 'CHECKPOINT_LIMIT');
    refuse(one(good, { flags: 1 }), /encrypted/, 'CHECKPOINT_LIMIT');
  });

  it('10⁹ entries in 22 bytes are not believed', () => {
    refuse(makeZip([], { count: 65_535 }), /65535 entries/);
    const bytes = makeZip([{ name: 'a.npy', content: good }], { count: 65_535 });
    const locator = new Uint8Array([0x50, 0x4b, 6, 7, ...new Uint8Array(16)]);
    const record = new Uint8Array(56);
    const view = new DataView(record.buffer);
    view.setUint32(0, 0x06064b50, true);
    view.setBigUint64(24, 10n ** 9n, true);
    view.setBigUint64(32, 10n ** 9n, true);
    const end = bytes.length - 22;
    new DataView(locator.buffer).setBigUint64(8, BigInt(end), true);
    const zip64 = new Uint8Array([...bytes.subarray(0, end), ...record, ...locator, ...bytes.subarray(end)]);
    refuse(zip64, /1000000000 entries/, 'CHECKPOINT_LIMIT');
  });
});

describe('zip bombs', () => {
  /** Bytes of the zip that are given to the inflater: each makes at most 1,032. */
  function inflated(of: () => void): number {
    const push = vi.spyOn(Inflate.prototype, 'push');
    of();
    const bytes = push.mock.calls.reduce((sum, [chunk]) => sum + chunk.length, 0);
    push.mockRestore();
    return bytes;
  }

  it('a small header before a long stream is refused before it is inflated', () => {
    const content = new Uint8Array(64 * 2 ** 20);
    content.set(encodeNpy(ramp('f32', [4])));
    const bytes = one(content, { deflate: true });
    expect(bytes.length).toBeLessThan(100_000);
    const read = inflated(() => refuse(bytes, /has 67108864 bytes, and its header asks for 144/));
    expect(read).toBe(8192);
  });

  it('a stream longer than its directory declares is cut off', () => {
    const npyFile = encodeNpy(ramp('f32', [4]));
    const content = new Uint8Array(64 * 2 ** 20);
    content.set(npyFile);
    const bytes = one(content, { deflate: true, size: npyFile.length, crc: crc32(npyFile) });
    expect(bytes.length).toBeGreaterThan(60_000);
    // The header, and the piece in which the stream proves too long.
    expect(inflated(() => refuse(bytes, /inflates to more than the 144 bytes/))).toBe(2 * 8192);
  });

  it('what would inflate beyond the limit is refused, and the limit can be raised', () => {
    const bytes = encodeNpz({ a: ramp('f32', [1000], 0), b: ramp('f32', [1000], 0) }, { compress: true });
    expectCheckpointError(() => decodeNpz(bytes, { maxInflatedBytes: 8000 }), 'CHECKPOINT_LIMIT', /8000 are allowed/);
    expect(decodeNpz(bytes, { maxInflatedBytes: 8256 }).arrays.size).toBe(2);
    const header = npy(dict("'<f4'", `(${2 ** 30},)`));
    const bomb = one(header, { deflate: true, stored: new Uint8Array(5_000_000), size: 2 ** 32 - 2 });
    refuse(bomb, /4294967294, and 1073741824 are allowed/, 'CHECKPOINT_LIMIT');
  });
});

describe('hostile .npy headers', () => {
  const floats = new Uint8Array(8);
  const header = (text: string, content = floats, version = 1): Uint8Array => one(npy(text, content, version));

  it('what Python would read is read', () => {
    const texts = [
      dict("'<f4'", '(2,)'),
      dict('"<f4"', '( 2 , )'),
      dict("'<f4'", '(2L,)'),
      "{'shape': (2,), 'descr': '<f4', 'fortran_order': False}",
      "{'shape':(1,2),'fortran_order':True,'descr':'<f4'}   \n",
      dict("'<f4'", '(2, 1, 1,)'),
    ];
    for (const text of texts) expect(decodeNpz(header(text)).arrays.get('a')!.data.length).toBe(2);
    expect(decodeNpz(header(dict("'<f4'", '()'), new Uint8Array(4))).arrays.get('a')!.shape).toEqual([]);
    expect(decodeNpz(header(dict("'<f4'", '(2,)'), floats, 3)).arrays.size).toBe(1);
  });

  it('what Python would not read is refused', () => {
    const texts = [
      '',
      '{}',
      dict("'<f4'", '(2)'),
      dict("'<f4'", '[2]'),
      dict("'<f4'", '(-2,)'),
      dict("'<f4'", '(2.0,)'),
      dict("'<f4'", '(2e0,)'),
      dict("'<f4'", '(2,,)'),
      dict("'<f4'", '(,)'),
      dict("'<f4'", '(2 2)'),
      dict("'<f4'", '(9007199254740993,)'),
      dict("'<f4'", '(99999999999999999999,)'),
      dict("'<f4'", '(4294967296, 4294967296)'),
      dict("'<f4'", '(0, 4294967296, 4294967296)'),
      dict("'<f4'", '(2,)', '0'),
      dict('<f4', '(2,)'),
      dict("'<f4", '(2,)'),
      dict("__import__('os')", '(2,)'),
      "{'descr': '<f4', 'fortran_order': False}",
      "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}",
      "{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}",
      "{xdescrx: '<f4', 'fortran_order': False, 'shape': (2,)}",
      `${dict("'<f4'", '(2,)')}x`,
    ];
    for (const text of texts) refuse(header(text));
    refuse(header(dict("'<f4'", '(3,)')), /has 76 bytes|header asks for/);
    refuse(header(dict("'<f4'", '(1,)')), /header asks for/);
    refuse(header(dict("'|b1'", '(8,)'), new Uint8Array(8).fill(7)), /neither 0 nor 1/);
    refuse(header(dict("'<f4'", `(${'1,'.repeat(65)})`), new Uint8Array(4)), /64 axes/, 'CHECKPOINT_LIMIT');
    for (const descr of ["'<f4x'", "'f4'", "'=f4'", "'|f4'", "'<b2'", "'<U'", "'|U3'", "'<V8'", "'<M8[ns]'", "''"]) {
      refuse(header(dict(descr, '(2,)')), /has dtype/, 'CHECKPOINT_DTYPE');
    }
    for (const descr of ["'|O'", "'|O8'", "'<O'"]) refuse(header(dict(descr, '(1,)')), /pickle/, 'CHECKPOINT_PICKLE');
  });

  it('preambles that lie', () => {
    refuse(one(new Uint8Array(0)), /does not begin as/);
    refuse(one(latin1('\x93NUMPX\x01\0\0\0')), /does not begin as/);
    refuse(one(latin1('\x93NUMPY\x04\0\0\0')), /version 4\.0/);
    refuse(one(latin1('\x93NUMPY\x01\x01\0\0')), /version 1\.1/);
    refuse(one(latin1('\x93NUMPY\x01\0\xff\xff')), /ends within its header/);
    refuse(one(latin1('\x93NUMPY\x02\0\0\0')), /ends within its preamble/);
    refuse(one(latin1('\x93NUMPY\x02\0\xff\xff\xff\xff')), /header of 4294967295 bytes/);
  });

  it('text that is none, and strings of no bytes without number', () => {
    const text = (codes: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(Uint32Array.from(codes).buffer);
    refuse(header(dict("'<U1'", '(1,)'), text([0x110000])), /no character/);
    refuse(header(dict("'<U1'", '(1,)'), text([0xd800])), /no character/);
    refuse(header(dict("'|S1'", '(1,)'), new Uint8Array([200])), /no character/);
    refuse(header(dict("'<U0'", '(1000000000,)'), text([])), /1000000000 strings/, 'CHECKPOINT_LIMIT');
    expect(decodeNpz(header(dict("'<U0'", '(2,)'), text([]))).strings.get('a')).toEqual(['', '']);
    expect(decodeNpz(header(dict("'<U3'", '()'), text([97, 0, 98]))).strings.get('a')).toEqual(['a\0b']);
  });
});
