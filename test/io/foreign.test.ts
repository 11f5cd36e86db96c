/** Files of other programs: integers that we have no dtype for, halves, text where arrays should be. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromNpz, fromSafetensors, Module, tensor, TrainVar, Variable } from 'lazuli';
import { makeZip } from './support.js';

type Stored = readonly [type: string, bytes: ArrayBufferView, shape?: readonly number[]];
type Files = Readonly<Record<string, Stored>>;

const bytesOf = (view: ArrayBufferView): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
const countOf = (view: ArrayBufferView): number => (view as unknown as ArrayLike<unknown>).length;

/** A safetensors file, types by their names there. */
function safetensors(arrays: Files): Uint8Array {
  let at = 0;
  const header = Object.entries(arrays).map(([name, [dtype, data, shape = [countOf(data)]]]) => {
    const begin = at;
    at += data.byteLength;
    return [name, { dtype, shape, data_offsets: [begin, at] }];
  });
  const text = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const length = Buffer.alloc(8);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, ...Object.values(arrays).map(([, data]) => bytesOf(data))]);
}

/** A .npz file, types by NumPy's descriptions. */
const npz = (arrays: Files, fortran = false): Uint8Array =>
  makeZip(
    Object.entries(arrays).map(([name, [descr, data, shape = [countOf(data)]]]) => {
      const dict = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
      const header = `${dict.padEnd(117)}\n`;
      const preamble = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length, 0]);
      return { name: `${name}.npy`, content: Buffer.concat([preamble, Buffer.from(header), bytesOf(data)]) };
    }),
  );

const swapped = (view: BigInt64Array | Uint16Array): Uint8Array =>
  view instanceof Uint16Array ? Buffer.from(bytesOf(view)).swap16() : Buffer.from(bytesOf(view)).swap64();

const [least, most] = [-(2 ** 31), 2 ** 31 - 1];
const integers: readonly [string, string, ArrayBufferView, number[]][] = [
  ['I64', '<i8', new BigInt64Array([BigInt(least), -1n, 0n, BigInt(most)]), [least, -1, 0, most]],
  ['U64', '<u8', new BigUint64Array([0n, BigInt(most)]), [0, most]],
  ['I16', '<i2', new Int16Array([-32768, -1, 32767]), [-32768, -1, 32767]],
  ['U16', '<u2', new Uint16Array([0, 65535]), [0, 65535]],
  ['I8', '|i1', new Int8Array([-128, 127]), [-128, 127]],
  ['U8', '|u1', new Uint8Array([0, 255]), [0, 255]],
];

describe('integers without a dtype of ours become i32', () => {
  test.each(integers)('%s, %s', (type, descr, data, values) => {
    for (const { x, before } of [
      fromSafetensors(safetensors({ before: ['BOOL', new Uint8Array(1)], x: [type, data] })),
      fromNpz(npz({ before: ['|b1', new Uint8Array(1)], x: [descr, data] })),
    ] as Record<string, ReturnType<typeof tensor>>[]) {
      expect([x!.dtype, x!.arraySync(), before!.dtype]).toEqual(['i32', values, 'bool']);
    }
  });

  test('in the other byte order, in Fortran’s order, none at all, a scalar', () => {
    const { a, b } = fromNpz(
      npz({
        a: ['>i8', swapped(new BigInt64Array([1n, -2n])), [2]],
        b: ['>u2', swapped(new Uint16Array([256, 3])), [2]],
      }),
    );
    expect([a!.arraySync(), b!.arraySync()]).toEqual([
      [1, -2],
      [256, 3],
    ]);
    const { f } = fromNpz(npz({ f: ['<i8', new BigInt64Array([1n, 2n, 3n, 4n, 5n, 6n]), [2, 3]] }, true));
    expect(f!.arraySync()).toEqual([
      [1, 3, 5],
      [2, 4, 6],
    ]);
    const { none, one } = fromSafetensors(
      safetensors({ none: ['I64', new BigInt64Array(0), [0, 3]], one: ['I64', new BigInt64Array([7n]), []] }),
    );
    expect([none!.shape, one!.item()]).toEqual([[0, 3], 7]);
  });

  test.each([
    ['I64', '<i8', new BigInt64Array([1n, 2147483648n]), '2147483648'],
    ['I64', '<i8', new BigInt64Array([-2147483649n]), '-2147483649'],
    ['I64', '<i8', new BigInt64Array([4294967295n]), '4294967295'],
    ['I64', '<i8', new BigInt64Array([-4294967296n]), '-4294967296'],
    ['U64', '<u8', new BigUint64Array([2147483648n]), '2147483648'],
    ['U64', '<u8', new BigUint64Array([2n ** 64n - 1n]), '18446744073709551615'],
  ])('%s, %s: what does not fit is named', (type, descr, data, value) => {
    const named = new RegExp(`CHECKPOINT_DTYPE.*"seed".*${value}`);
    expect(() => fromSafetensors(safetensors({ seed: [type, data] }))).toThrow(named);
    expect(() => fromNpz(npz({ seed: [descr, data] }))).toThrow(named);
    expect(() => fromNpz(npz({ seed: [descr, data, [1, countOf(data)]] }, true))).toThrow(named);
  });

  test('F16 and BF16 become f32', () => {
    const half = new Uint16Array([0x3e00, 0xfbff]);
    const { f, b } = fromSafetensors(safetensors({ f: ['F16', half], b: ['BF16', new Uint16Array([0x3fc0])] }));
    expect([f!.arraySync(), b!.arraySync()]).toEqual([[1.5, -65504], [1.5]]);
    expect(fromNpz(npz({ f: ['<f2', half] })).f!.arraySync()).toEqual([1.5, -65504]);
  });
});

describe('in a module', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lazuli-foreign-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  class Norm extends Module {
    weight = new TrainVar(tensor([0, 0]));
    batches = new Variable(tensor(0, { dtype: 'i32' }));
  }
  const seed = new BigInt64Array([2n ** 40n]);
  const weight = new Float32Array([1, 2]);

  test.each([
    ['safetensors', safetensors, ['F32', 'I64']],
    ['npz', npz, ['<f4', '<i8']],
  ] as const)(
    '%s: a counter of PyTorch loads; what does not fit can be left out',
    async (extension, file, [f32, i64]) => {
      const path = join(folder, `norm.${extension}`);
      const batches = [i64, new BigInt64Array([12n]), []] as const;
      await writeFile(path, file({ weight: [f32, weight], batches }));
      const norm = new Norm();
      await norm.loadStates(path);
      expect([norm.weight.value.arraySync(), norm.batches.value.item()]).toEqual([[1, 2], 12]);
      await writeFile(path, file({ weight: [f32, weight], batches: [i64, seed, []], seed: [i64, seed] }));
      const other = new Norm();
      await expect(other.loadStates(path, { strict: false })).rejects.toThrow(
        /CHECKPOINT_MISMATCH.*"batches".*1099511627776/,
      );
      expect(other.weight.value.arraySync()).toEqual([0, 0]);
      await other.loadStates(path, { strict: false, exclude: ['batches'] });
      expect([other.weight.value.arraySync(), other.batches.value.item()]).toEqual([[1, 2], 0]);
    },
  );

  test.each([
    ['version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n', /Git LFS pointer.*git lfs pull/],
    ['<!DOCTYPE html>\n<html><body>Sign in</body></html>', /HTML.*DOCTYPE/],
    ['<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', /XML.*<\?xml/],
    ['{"error":"Entry not found"}', /text.*Entry not found/],
    ['Not Found', /text.*Not Found/],
    ['404', /text.*404/],
    ['größe', /text.*größe/],
  ])('text is called that: %j', async (text, message) => {
    for (const extension of ['safetensors', 'npz']) {
      const path = join(folder, `text.${extension}`);
      await writeFile(path, text);
      await expect(new Norm().loadStates(path)).rejects.toThrow(message);
      await expect(new Norm().loadStates(path)).rejects.toThrow(`text.${extension}`);
      expect(() => (extension === 'npz' ? fromNpz : fromSafetensors)(Buffer.from(text))).toThrow(message);
    }
  });
});
