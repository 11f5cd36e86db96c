import { expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/safetensors.js';
import { damage, damageText, fuzz, join } from './mutate.js';
import { array, fixture, plainArrays, ramp, randomSource } from './support.js';
import { runs } from '../support/runs.js';

const CASES = runs(4000);

it(`only CheckpointErrors escape ${CASES} damaged safetensors files`, () => {
  const random = randomSource(20_240_601);
  const small = plainArrays();
  small.delete('noise');
  const seeds = [
    encodeSafetensors(small, { framework: 'lazuli', note: 'é' }),
    encodeSafetensors({ w: ramp('f32', [2, 3]), b: ramp('f32', [3]), m: array('bool', [3], [1, 0, 1]) }),
    fixture('half.safetensors'),
    fixture('reference-empty.safetensors'),
  ];
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();

  /** Half of the files get damage that keeps the header's length right, so that it reaches the JSON and the offsets. */
  const make = (): Uint8Array => {
    const seed = seeds[random(seeds.length)]!;
    if (random(2) === 0) return damage(seed, seeds[random(seeds.length)]!, random);
    const length = new DataView(seed.buffer).getUint32(0, true);
    const old = seed.subarray(8, 8 + length);
    const header = random(4) === 0 ? damage(old, old, random) : encoder.encode(damageText(decoder.decode(old), random));
    const prefix = new Uint8Array(8);
    new DataView(prefix.buffer).setUint32(0, header.length, true);
    return join(prefix, header, seed.subarray(8 + length));
  };

  const outcomes = fuzz(CASES, make, (bytes) => decodeSafetensors(bytes).arrays);
  expect(outcomes['CHECKPOINT_CORRUPT']).toBeGreaterThan(CASES / 2);
  expect(outcomes['CHECKPOINT_DTYPE']).toBeGreaterThan(CASES / 1000);
  expect(outcomes['accepted']).toBeGreaterThan(CASES / 100);
});
