import { describe, expect, it } from 'vitest';
import { DTypeError, OptionError, ShapeError } from '../../src/core/errors.js';
import { checkedEntries, formatOf, isTraversal, quote, sizeOf } from '../../src/io/array-file.js';
import { readElements } from '../../src/io/elements.js';
import { array, expectCheckpointError } from './support.js';

describe('formatOf', () => {
  it('goes by the extension, in any case', () => {
    expect(formatOf('model.safetensors')).toBe('safetensors');
    expect(formatOf('runs/3/model.NPZ')).toBe('npz');
    expect(formatOf('C:\\runs.old\\a.b.npz')).toBe('npz');
  });

  it('refuses pickles, because loading one runs code, and points at safetensors', () => {
    for (const name of ['m.pkl', 'm.pickle', 'm.pt', 'm.pth', 'pytorch_model.bin', 'm.ckpt', 'M.PKL']) {
      expectCheckpointError(() => formatOf(name), 'CHECKPOINT_PICKLE', /runs code.*\.safetensors/);
    }
  });

  it('names what else it was given', () => {
    expectCheckpointError(() => formatOf('m.h5'), 'CHECKPOINT_FORMAT', /HDF5/);
    expectCheckpointError(() => formatOf('m.mat'), 'CHECKPOINT_FORMAT', /MATLAB/);
    expectCheckpointError(() => formatOf('m.constructor'), 'CHECKPOINT_FORMAT', /"\.constructor", which is neither/);
    expectCheckpointError(() => formatOf('folder.npz/model'), 'CHECKPOINT_FORMAT', /"model" has no extension/);
    expectCheckpointError(() => formatOf(''), 'CHECKPOINT_FORMAT', /no extension/);
  });
});

describe('the arrays given to a writer', () => {
  it('must fill their shape with the typed array of their dtype', () => {
    const floats = new Float32Array(6);
    const check = (value: unknown): unknown => checkedEntries({ a: value as never });
    expect(() => check({ dtype: 'f64', shape: [6], data: floats })).toThrow(DTypeError);
    expect(() => check({ dtype: 'f16', shape: [6], data: floats })).toThrow(DTypeError);
    for (const shape of [[5], [2, 4], [-6], [-2, -3], [1.5, 4], [], [NaN], new Array(65).fill(1)]) {
      expect(() => check({ dtype: 'f32', shape, data: floats })).toThrow(ShapeError);
    }
    expect(() => check(array('bool', [2], [1, 2]))).toThrow(OptionError);
  });

  it('must have names that can be read back', () => {
    const a = array('f32', [], [1]);
    for (const name of ['\ud83d', 'x\udc00', '..', '../x', 'a/../b', 'a\\..\\b']) {
      expect(() => checkedEntries(new Map([[name, a]]))).toThrow(OptionError);
    }
    const names = ['', '__proto__', 'constructor', 'a..b', '...', 'a/b', '0', '😀', 'a\nb'];
    expect(checkedEntries(new Map(names.map((name) => [name, a]))).map(([name]) => name)).toEqual(names);
    expect(checkedEntries({ x: a, 0: a }).map(([name]) => name)).toEqual(['0', 'x']);
  });
});

describe('small parts', () => {
  it('sizes never pass 2⁵³ − 1, nor hide behind an axis of size 0', () => {
    expect(sizeOf([], 4)).toEqual({ count: 1, bytes: 4 });
    expect(sizeOf([2, 3], 8)).toEqual({ count: 6, bytes: 48 });
    expect(sizeOf([0, 3], 8)).toEqual({ count: 0, bytes: 0 });
    expect(sizeOf([2 ** 53 - 1], 1)).toEqual({ count: 2 ** 53 - 1, bytes: 2 ** 53 - 1 });
    expect(sizeOf([2 ** 51], 4)).toBeUndefined();
    expect(sizeOf([0, 2 ** 30, 2 ** 30], 4)).toBeUndefined();
    expect(sizeOf([2 ** 30, 2 ** 30, 0], 4)).toBeUndefined();
  });

  it('names from files are shortened and escaped in messages', () => {
    expect(quote('a\n"')).toBe('"a\\n\\""');
    expect(quote('x'.repeat(10_000)).length).toBeLessThan(100);
    expect(isTraversal('a/..b/c..')).toBe(false);
  });

  it('every f16 and bf16 widens to the f32 of the same value', () => {
    const words = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const bytes = new Uint8Array(words.buffer);
    const swapped = new Uint8Array(words.length * 2).map((_, i) => bytes[i ^ 1]!);
    const halves = readElements(bytes, 'f16', 'x');
    const brains = readElements(bytes, 'bf16', 'x');
    expect(readElements(swapped, 'f16', 'x', { bigEndian: true })).toEqual(halves);
    const value = (word: number, exponentBits: number): number => {
      const fractionBits = 15 - exponentBits;
      const top = 2 ** exponentBits - 1;
      const exponent = (word >> fractionBits) & top;
      const fraction = (word & (2 ** fractionBits - 1)) / 2 ** fractionBits;
      const sign = word >> 15 ? -1 : 1;
      if (exponent === top) return fraction ? NaN : sign * Infinity;
      const bias = (top - 1) / 2;
      return sign * (exponent ? (1 + fraction) * 2 ** (exponent - bias) : fraction * 2 ** (1 - bias));
    };
    let wrong = 0;
    for (let i = 0; i < 65536; i++) {
      if (!Object.is(halves[i], value(i, 5)) || !Object.is(brains[i], value(i, 8))) wrong++;
    }
    expect(wrong).toBe(0);
  });
});
