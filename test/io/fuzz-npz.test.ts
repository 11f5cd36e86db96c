import { deflateSync } from 'fflate';
import { expect, it } from 'vitest';
import { encodeNpy } from '../../src/io/npy.js';
import { npzArrays } from '../../src/io/duplicates.js';
import { encodeNpz } from '../../src/io/npz.js';
import { crc32 } from '../../src/io/zip.js';
import { damage, damageText, fuzz, join } from './mutate.js';
import { array, fixture, makeZip, ramp, randomSource } from './support.js';
import { runs } from '../support/runs.js';

const CASES = runs(4000);

it(`only CheckpointErrors escape ${CASES} damaged npz files`, () => {
  const random = randomSource(20_240_602);
  const arrays = { w: ramp('f32', [2, 3]), m: array('bool', [2], [1, 0]), d: ramp('f64', []) };
  const seeds = [
    encodeNpz(arrays),
    encodeNpz(arrays, { compress: true }),
    fixture('brainpy.npz'),
    fixture('numpy-text.npz'),
    fixture('numpy-orders.npz'),
    fixture('refused-object.npz'),
  ];
  const members = [...Object.values(arrays), ramp('i32', [3, 1, 2])].map((value) => encodeNpy(value));
  const decoder = new TextDecoder('latin1');
  const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

  /** A .npy file with damage to its dict, whose length stays right. */
  const damagedHeader = (npy: Uint8Array): Uint8Array => {
    const length = new DataView(npy.buffer, npy.byteOffset).getUint16(8, true);
    const text = latin1(damageText(decoder.decode(npy.subarray(10, 10 + length)), random));
    return join(
      npy.subarray(0, 8),
      new Uint8Array([text.length & 255, text.length >> 8]),
      text,
      npy.subarray(10 + length),
    );
  };

  /**
   * A third of the files are damaged anywhere, a third in the directory and what follows it, and a third within a
   * member or its deflate stream, under a zip that is right, CRC included.
   */
  const make = (): Uint8Array => {
    const seed = seeds[random(seeds.length)]!;
    const kind = random(6);
    if (kind <= 1) return damage(seed, seeds[random(seeds.length)]!, random);
    if (kind <= 3) {
      const start = new DataView(seed.buffer).getUint32(seed.length - 6, true);
      return join(seed.subarray(0, start), damage(seed.subarray(start), seed, random));
    }
    const npy = members[random(members.length)]!;
    if (kind === 4) {
      const content = random(3) === 0 ? damage(npy, seed, random) : damagedHeader(npy);
      return makeZip([{ name: 'a.npy', content, deflate: random(2) === 0 }]);
    }
    const stored = damage(deflateSync(npy), deflateSync(members[0]!), random);
    return makeZip([{ name: 'a.npy', content: npy, deflate: true, stored, crc: crc32(npy) }]);
  };

  const outcomes = fuzz(CASES, make, (bytes) => npzArrays(bytes).arrays);
  expect(outcomes['CHECKPOINT_CORRUPT']).toBeGreaterThan(CASES / 2);
  for (const code of ['CHECKPOINT_DTYPE', 'CHECKPOINT_PICKLE', 'CHECKPOINT_LIMIT', 'accepted']) {
    expect([code, (outcomes[code] ?? 0) > CASES / 1000]).toEqual([code, true]);
  }
});
