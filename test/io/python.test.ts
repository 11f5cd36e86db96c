/** What we write, read by the real libraries. Where Python lacks one, the test says so and is skipped. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeNpz, encodeNpz } from '../../src/io/npz.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/safetensors.js';
import { plain, plainArrays, runPython, whyNoPython } from './support.js';

const folder = mkdtempSync(join(tmpdir(), 'lazuli-python-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Prints each array as `[name, dtype, shape, bytes]`, sorted by name. */
const PRINT = `
import json, sys
def show(arrays):
    rows = [[k, v.dtype.str, list(v.shape), v.tobytes().hex()] for k, v in arrays.items()]
    print(json.dumps(sorted(rows)))
`;

const DTYPES = { f32: '<f4', f64: '<f8', i32: '<i4', u32: '<u4', bool: '|b1' } as const;

const expected = (): unknown =>
  [...plainArrays()]
    .map(([name, { dtype, shape, data }]) => [name, DTYPES[dtype], shape, Buffer.from(data.buffer).toString('hex')])
    .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1));

describe('NumPy', () => {
  const why = whyNoPython('numpy');
  if (why !== undefined) console.warn(`Skipped: ${why}`);

  it.skipIf(why !== undefined).each([false, true])('reads every array that we write (compress: %s)', (compress) => {
    const file = join(folder, `ours-${compress}.npz`);
    writeFileSync(file, encodeNpz(plainArrays(), { compress }));
    const program = `${PRINT}
import numpy, zipfile
assert zipfile.ZipFile(sys.argv[1]).testzip() is None
archive = numpy.load(sys.argv[1], allow_pickle=False)
show({k: archive[k] for k in archive.files})`;
    expect(JSON.parse(runPython(program, file))).toEqual(expected());
  });

  it.skipIf(why !== undefined)('writes megabytes, deflated and in any order, that we read', () => {
    const file = join(folder, 'theirs.npz');
    const program = `
import numpy as np, sys
noise = (np.arange(2**20, dtype='u8') * 2654435761 % 2**32).astype('u4')
np.savez_compressed(sys.argv[1], noise=noise, zeros=np.zeros((512, 1024)), steps=(np.arange(2**20) % 1000).astype('f4'),
    f=np.asfortranarray(np.arange(2**18, dtype='>f8').reshape(64, 64, 64)))`;
    runPython(program, file);
    const { arrays } = decodeNpz(readFileSync(file));
    const [noise, zeros, steps, f] = ['noise', 'zeros', 'steps', 'f'].map((name) => arrays.get(name)!);
    expect([zeros!.shape, f!.shape]).toEqual([
      [512, 1024],
      [64, 64, 64],
    ]);
    const wrong = [
      noise!.data.findIndex((x, i) => x !== Number((BigInt(i) * 2654435761n) % 2n ** 32n)),
      zeros!.data.findIndex((x) => x !== 0),
      steps!.data.findIndex((x, i) => x !== i % 1000),
      f!.data.findIndex((x, i) => x !== i),
    ];
    expect(wrong).toEqual([-1, -1, -1, -1]);
  });
});

describe('safetensors, the reference implementation', () => {
  const why = whyNoPython('safetensors.numpy');
  if (why !== undefined) console.warn(`Skipped: ${why}`);

  it.skipIf(why !== undefined)('reads every array and the metadata that we write', () => {
    const file = join(folder, 'ours.safetensors');
    writeFileSync(file, encodeSafetensors(plainArrays(), { framework: 'lazuli', é: '"\n' }));
    const program = `${PRINT}
import safetensors
with safetensors.safe_open(sys.argv[1], 'np') as file:
    assert file.metadata() == {'framework': 'lazuli', 'é': '"\\n'}, file.metadata()
    show({k: file.get_tensor(k) for k in file.keys()})`;
    expect(JSON.parse(runPython(program, file))).toEqual(expected());
  });

  it.skipIf(why !== undefined)('writes again the bytes that we wrote', () => {
    const [file, again] = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')];
    const bytes = encodeSafetensors(plainArrays());
    writeFileSync(file, bytes);
    runPython(
      'import sys; from safetensors.numpy import *; save_file(load_file(sys.argv[1]), sys.argv[2])',
      file,
      again,
    );
    expect(Buffer.compare(readFileSync(again), bytes)).toBe(0);
    expect(plain(decodeSafetensors(readFileSync(again)).arrays)).toEqual(plain(plainArrays()));
  });
});
