/** What the tests of src/io share: fixtures, the expected arrays, checks of errors, a random source, raw zips, Python. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'fflate';
import { expect } from 'vitest';
import { bytesPerElement, viewArray } from '../../src/core/dtype.js';
import type { DType } from '../../src/core/dtype.js';
import { CheckpointError } from '../../src/core/errors.js';
import type { HostArray } from '../../src/io/array-file.js';
import { crc32 } from '../../src/io/zip.js';

/** The bytes of a fixture, in a buffer of their own. */
export const fixture = (name: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))));

/** An array from plain numbers. */
export function array(dtype: DType, shape: readonly number[], values: readonly number[]): HostArray {
  const data = viewArray(dtype, new ArrayBuffer(values.length * bytesPerElement(dtype)), 0, values.length);
  data.set(values);
  return { dtype, shape, data };
}

/** `scale` · 0, 1, 2, … as `ramp` of fixtures/generate.py. */
export const ramp = (dtype: DType, shape: readonly number[], scale = 1): HostArray =>
  array(
    dtype,
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i * scale),
  );

/** The arrays of numpy-stored.npz, numpy-deflated.npz and reference.safetensors, in the order of generate.py. */
export const plainArrays = (): Map<string, HostArray> =>
  new Map<string, HostArray>([
    ['w', ramp('f32', [2, 3], 0.5)],
    ['scalar', array('f64', [], [Math.PI])],
    ['counts', array('i32', [4], [-(2 ** 31), -1, 0, 2 ** 31 - 1])],
    ['words', array('u32', [2], [0, 2 ** 32 - 1])],
    ['mask', array('bool', [2, 2], [1, 0, 0, 1])],
    ['empty', array('f32', [0, 3], [])],
    ['special', array('f32', [5], [NaN, Infinity, -Infinity, -0, 1e-45])],
    ['block/layer.0:w', ramp('f32', [3])],
    ['größe 😀', ramp('f64', [1])],
    ['__proto__', ramp('f32', [2])],
    ['constructor', ramp('i32', [1])],
    [
      'noise',
      array(
        'u32',
        [8000],
        Array.from({ length: 8000 }, (_, i) => Number((BigInt(i) * 2654435761n) % 2n ** 32n)),
      ),
    ],
  ]);

/** The arrays as comparable values: `Object.is` for each element, so that −0 and NaN count. */
export const plain = (arrays: ReadonlyMap<string, HostArray>): Record<string, unknown>[] =>
  [...arrays]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { dtype, shape, data }]) => ({ name, dtype, shape: [...shape], data: [...data] }));

/** Runs `act`, which must throw a CheckpointError of this code and whose facts match. */
export function expectCheckpointError(act: () => unknown, code: string, facts?: RegExp): void {
  let thrown: unknown;
  try {
    act();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(CheckpointError);
  const error = thrown as CheckpointError;
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(facts ?? /./)]);
  expect(error.remedy).not.toBe('');
}

/** Marsaglia's xorshift32: the same whole numbers below `n` on every run. */
export function randomSource(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
}

/** One member of a zip made by {@link makeZip}; every field can lie. */
export interface ZipMember {
  readonly name: string;
  /** The content, before compression. */
  readonly content: Uint8Array;
  readonly deflate?: boolean;
  readonly stored?: Uint8Array;
  readonly size?: number;
  readonly crc?: number;
  readonly method?: number;
  readonly flags?: number;
  /** The name in the local header, where it differs. */
  readonly localName?: string;
  /** Whose local header this entry points at, where it is another's. */
  readonly offsetOf?: number;
}

/** A zip with honest fields wherever a member does not say otherwise. */
export function makeZip(
  members: readonly ZipMember[],
  { count = members.length }: { count?: number } = {},
): Uint8Array {
  const parts: ArrayLike<number>[] = [];
  const offsets: number[] = [];
  const central: number[][] = [];
  let at = 0;
  const push = (bytes: ArrayLike<number>): void => {
    parts.push(bytes);
    at += bytes.length;
  };
  const u16 = (x: number): number[] => [x & 255, (x >>> 8) & 255];
  const u32 = (x: number): number[] => [...u16(x & 0xffff), ...u16(Math.floor(x / 65536) & 0xffff)];
  const text = (name: string): number[] => [...new TextEncoder().encode(name)];
  for (const member of members) {
    const { name, content, deflate = false, localName = name, flags = 0x0800 } = member;
    const method = member.method ?? (deflate ? 8 : 0);
    const stored = member.stored ?? (deflate ? deflateSync(content) : content);
    const sizes = [member.crc ?? crc32(content), stored.length, member.size ?? content.length].flatMap(u32);
    offsets.push(at);
    const local = text(localName);
    push([
      0x50,
      0x4b,
      3,
      4,
      ...u16(20),
      ...u16(flags),
      ...u16(method),
      ...u32(0),
      ...sizes,
      ...u16(local.length),
      0,
      0,
    ]);
    push(local);
    push(stored);
    const offset = offsets[member.offsetOf ?? offsets.length - 1]!;
    const common = [...u16(20), ...u16(20), ...u16(flags), ...u16(method), ...u32(0), ...sizes];
    const tail = [...u16(text(name).length), ...u16(0), ...u16(0), ...u16(0), ...u16(0), ...u32(0), ...u32(offset)];
    central.push([0x50, 0x4b, 1, 2, ...common, ...tail, ...text(name)]);
  }
  const start = at;
  central.forEach(push);
  push([0x50, 0x4b, 5, 6, 0, 0, 0, 0, ...u16(count), ...u16(count), ...u32(at - start), ...u32(start), 0, 0]);
  const bytes = new Uint8Array(at);
  let filled = 0;
  for (const part of parts) {
    bytes.set(part, filled);
    filled += part.length;
  }
  return bytes;
}

/** Why Python cannot import `module` here; undefined if it can. */
export function whyNoPython(module: string): string | undefined {
  try {
    execFileSync('python3', ['-c', `import ${module}`], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    const { stderr } = error as { stderr?: Buffer };
    return `python3 cannot import ${module}: ${stderr?.toString().trim().split('\n').at(-1) ?? String(error)}`;
  }
}

/** What a Python program prints. */
export const runPython = (program: string, ...args: string[]): string =>
  execFileSync('python3', ['-c', program, ...args], { encoding: 'utf8' });
