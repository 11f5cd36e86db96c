/** Tensors and modules as files: round trips, refusals, and loads that fail without a trace. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  Adadelta,
  CheckpointError,
  clearNameCache,
  DTypeError,
  fromNpz,
  fromSafetensors,
  getDefaultBackend,
  jit,
  Module,
  OptionError,
  setDefaultBackend,
  ShapeError,
  tensor,
  type Tensor,
  TrainVar,
  toNpz,
  toSafetensors,
  Variable,
} from 'lazuli';
import { encodeNpy } from '../../src/io/npy.js';
import { makeZip } from './support.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lazuli-checkpoint-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(clearNameCache);
const usual = getDefaultBackend();
afterEach(() => setDefaultBackend(usual));

class Model extends Module {
  w = new TrainVar(
    tensor([
      [1, 2],
      [3, 4],
    ]),
  );
  b = new TrainVar(tensor(new Float64Array([0.1, 0.2])));
  steps = new Variable(tensor(new Int32Array([7])));
  on = new Variable(tensor([true, false]));
}
const values = (module: Module): unknown => [...module.vars().values()].map((variable) => variable.value.arraySync());
const zeroed = (): Model => {
  clearNameCache();
  const model = new Model();
  for (const variable of model.vars().values()) variable.value = variable.value.mul(0).cast(variable.dtype);
  return model;
};
const loudly = async <T>(body: () => Promise<T> | T): Promise<[T, string[]]> => {
  const lines: string[] = [];
  const warn = vi.spyOn(console, 'warn').mockImplementation((line: string) => void lines.push(line));
  try {
    return [await body(), lines];
  } finally {
    warn.mockRestore();
  }
};

describe('dicts of tensors', () => {
  test.each([
    ['safetensors', toSafetensors, fromSafetensors],
    ['npz', toNpz, fromNpz],
  ] as const)('%s keeps every dtype, shape and bit', (_, to, from) => {
    const dict: Record<string, Tensor> = {
      f32: tensor(new Float32Array([1.1, -0, Infinity, 1e-45])),
      f64: tensor(new Float64Array([Math.PI, -0]), { shape: [2, 1] }),
      i32: tensor(new Int32Array([-1, 2 ** 31 - 1])),
      u32: tensor(new Uint32Array([2 ** 32 - 1])),
      bool: tensor([true, false]),
      scalar: tensor(3),
      empty: tensor(new Float32Array(0), { shape: [0, 3] }),
      ['__proto__x']: tensor([1]),
    };
    const back = from(to(dict));
    expect(Object.keys(back).sort()).toEqual(Object.keys(dict).sort());
    for (const [key, value] of Object.entries(dict)) {
      expect(back[key]!.dtype).toBe(value.dtype);
      expect(back[key]!.shape).toEqual(value.shape);
      expect(back[key]!.dataSync()).toEqual(value.dataSync());
    }
    const named = from(to(new Map([['__proto__', tensor([1])]])));
    expect(Object.hasOwn(named, '__proto__')).toBe(true);
    expect(() => to({ a: 3 as never })).toThrow(OptionError);
    expect(() => to([tensor(1)] as never)).toThrow(/OPTION_TENSOR.*array/);
    expect(() => to(null as never)).toThrow(OptionError);
    expect(() => from(new Uint8Array([1, 2, 3]))).toThrow(CheckpointError);
  });
});

test('names that BrainPy stored once are there twice', async () => {
  const arrays = fromNpz(await readFile(new URL('fixtures/brainpy.npz', import.meta.url)));
  expect(Object.keys(arrays).sort()).toEqual(['Dense0.b', 'Dense1.größe', 'Dense1.w', 'MLP0.w']);
  expect(arrays['Dense1.w']!.arraySync()).toEqual(arrays['MLP0.w']!.arraySync());
});

describe('duplicates in .npz files', () => {
  /** A .npy file of texts of one length. */
  const texts = (items: readonly string[]): Uint8Array => {
    const dict = `{'descr': '|S${items[0]!.length}', 'fortran_order': False, 'shape': (${items.length},), }`;
    const header = `${dict.padEnd(117)}\n`;
    return Buffer.concat([
      Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length, 0]),
      Buffer.from(header + items.join('')),
    ]);
  };
  const npz = (keys: readonly string[], targets: readonly string[], size = 2): Uint8Array =>
    makeZip([
      { name: 'w.npy', content: encodeNpy({ dtype: 'f32', shape: [size], data: new Float32Array(size).fill(7) }) },
      { name: 'duplicate_keys.npy', content: texts(keys) },
      { name: 'duplicate_targets.npy', content: texts(targets) },
    ]);

  test('share memory, so that a small file cannot ask for much', () => {
    setDefaultBackend('js');
    const names = Array.from({ length: 4000 }, (_, i) => `n${1000 + i}`);
    const file = npz(
      names,
      names.map(() => 'w'),
      65_536,
    );
    const before = process.memoryUsage().arrayBuffers;
    const dict = fromNpz(file);
    // 4,000 copies would be 1 GB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50e6);
    expect(Object.keys(dict)).toHaveLength(4001);
    dict.n1000!.dispose();
    expect(dict.n1001!.slice([0], [1]).item()).toBe(7);
    const donating = jit((x: Tensor) => x.add(1), { donate: [0] });
    expect(donating(dict.n1001!).slice([65_535], [65_536]).item()).toBe(8);
    expect(dict.w!.slice([65_535], [65_536]).item()).toBe(7);
  });

  test('a name that is there already, or a target that is not, is a fault', () => {
    expect(Object.keys(fromNpz(npz(['a', 'b'], ['w', 'a'])))).toEqual(['w', 'a', 'b']);
    expect(() => fromNpz(npz(['w'], ['w']))).toThrow(/CHECKPOINT_CORRUPT.*"w"/);
    expect(() => fromNpz(npz(['a', 'a'], ['w', 'w']))).toThrow(/CHECKPOINT_CORRUPT.*"a"/);
    expect(() => fromNpz(npz(['a'], ['z']))).toThrow(/CHECKPOINT_CORRUPT.*"z"/);
    expect(() => fromNpz(npz(['a', 'b'], ['w']))).toThrow(/CHECKPOINT_CORRUPT/);
  });

  test('other text in a file is an unknown key of a module', async () => {
    const file = join(folder, 'text.npz');
    const model = new Model();
    const members = [{ name: 'Model0.notes.npy', content: texts(['ab']) }];
    await writeFile(file, makeZip(members));
    const [left, warnings] = await loudly(async () => fromNpz(await readFile(file)));
    expect([left, warnings.length]).toEqual([{}, 1]);
    expect(warnings[0]).toMatch(/"Model0\.notes".*text/);
    const [result] = await loudly(() => model.loadStates(file, { strict: false }));
    expect(result.unexpectedKeys).toEqual(['Model0.notes']);
    await expect(model.loadStates(file)).rejects.toThrow(/CHECKPOINT_MISMATCH.*Model0\.notes/);
  });
});

describe('state dicts', () => {
  test('nested by node, snapshots, loaded into the same Variables', () => {
    const model = new Model();
    const state = model.stateDict();
    expect(Object.keys(state)).toEqual(['Model0']);
    expect(Object.keys(state.Model0!)).toEqual(['w', 'b', 'steps', 'on']);
    const { w } = model;
    model.w.value = model.w.value.add(1);
    expect(state.Model0!.w!.arraySync()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(model.loadStateDict(state)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(model.w).toBe(w);
    expect(w.value.arraySync()).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test('v1 is flat; missing and unexpected keys are returned, and told once unless warn is false', async () => {
    const model = new Model();
    const flat = { 'Model0.w': tensor(new Float64Array([9, 9, 9, 9]), { shape: [2, 2] }), 'Model0.other': tensor(1) };
    const [result, warnings] = await loudly(() => model.loadStateDict(flat, { compatible: 'v1' }));
    expect(result).toEqual({
      missingKeys: ['Model0.b', 'Model0.steps', 'Model0.on'],
      unexpectedKeys: ['Model0.other'],
    });
    expect(warnings).toHaveLength(1);
    expect(model.w.value.dtype).toBe('f32');
    expect(model.w.value.arraySync()).toEqual([
      [9, 9],
      [9, 9],
    ]);
    const [, quiet] = await loudly(() => model.loadStateDict(flat, { compatible: 'v1', warn: false }));
    expect(quiet).toEqual([]);
    expect(() => model.loadStateDict(flat, { compatible: 'v3' as 'v1' })).toThrow(OptionError);
    expect(() => model.loadStateDict(flat)).toThrow(CheckpointError);
    expect(() => model.loadStateDict(model.stateDict(), { compatible: 'v1' })).toThrow(CheckpointError);
    expect(() => model.loadStateDict(null)).toThrow(CheckpointError);
  });

  test('a dict that does not fit loads nothing', () => {
    const model = new Model();
    const before = values(model);
    const load = (state: object) => (): unknown => model.loadStateDict({ Model0: state }, { warn: false });
    expect(
      load({
        w: tensor([
          [0, 0],
          [0, 0],
        ]),
        b: tensor([1, 2, 3]),
      }),
    ).toThrow(ShapeError);
    expect(
      load({
        w: tensor([
          [0, 0],
          [0, 0],
        ]),
        steps: tensor([1.5]),
      }),
    ).toThrow(DTypeError);
    expect(load({ w: 'no' })).toThrow(CheckpointError);
    expect(values(model)).toEqual(before);
  });
});

describe('files', () => {
  test.each(['safetensors', 'npz'])('%s keeps a module', async (extension) => {
    const file = join(folder, `model.${extension}`);
    const model = new Model();
    await model.saveStates(file);
    const other = zeroed();
    const { w } = other;
    await other.loadStates(file);
    expect(values(other)).toEqual(values(model));
    expect(other.w).toBe(w);
    expect((await readdir(folder)).filter((name) => name.includes('tmp'))).toEqual([]);
  });

  test('chosen variables; what is missing is a warning, what is unknown an error, each Variable once', async () => {
    const file = join(folder, 'some.safetensors');
    const model = new Model();
    await model.saveStates(file, model.trainVars());
    expect(Object.keys(fromSafetensors(await readFile(file))).sort()).toEqual(['Model0.b', 'Model0.w']);
    const other = zeroed();
    const [, warnings] = await loudly(() => other.loadStates(file));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/Model0\.steps, Model0\.on/);
    expect(other.w.value.arraySync()).toEqual(model.w.value.arraySync());

    class Tied extends Module {
      a = new TrainVar(tensor([1, 2]));
      b = this.a;
    }
    const tied = new Tied();
    await tied.saveStates(file);
    expect(Object.keys(fromSafetensors(await readFile(file)))).toEqual(['a']);
    const [, none] = await loudly(() => tied.loadStates(file));
    expect(none).toEqual([]);
    await expect(other.loadStates(file)).rejects.toThrow(/CHECKPOINT_MISMATCH.*"a"/);
  });

  test.each(['js', 'wasm'] as const)('%s: what changes after the call is not in the file', async (backend) => {
    const file = join(folder, 'snapshot.safetensors');
    const model = new Model();
    const step = jit(
      () => {
        model.w.value = model.w.value.add(1);
      },
      { backend },
    );
    step();
    const before = values(model);
    const saved = model.saveStates(file);
    step();
    model.steps.value = tensor([8], { dtype: 'i32' });
    await saved;
    expect(values(model)).not.toEqual(before);
    await model.loadStates(file);
    expect(values(model)).toEqual(before);
    step();
    await model.loadStates(file);
    expect(values(model)).toEqual(before);
  });

  test('verbose prints each key', async () => {
    const file = join(folder, 'verbose.npz');
    const model = new Model();
    await model.saveStates(file);
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    await model.loadStates(file, { verbose: true });
    expect(log.mock.calls.map(([line]) => String(line))).toHaveLength(4);
    log.mockRestore();
  });

  test.each(['js', 'wasm'] as const)('%s: a load copies each byte once', async (backend) => {
    setDefaultBackend(backend);
    const size = 2 ** 20;
    class Large extends Module {
      w = new TrainVar(tensor(new Float32Array(size)));
    }
    const file = join(folder, 'large.safetensors');
    await writeFile(file, toSafetensors({ w: tensor(new Float32Array(size).fill(3)) }));
    const model = new Large();
    // Every copy between arrays goes through one of these two.
    const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;
    const { set, slice } = typedArray;
    let copied = 0;
    Object.assign(typedArray, {
      set(this: Uint8Array, source: ArrayLike<number>, at?: number) {
        if (ArrayBuffer.isView(source)) copied += source.byteLength;
        set.call(this, source, at);
      },
      slice(this: Uint8Array, start?: number, end?: number) {
        const result = slice.call(this, start, end);
        copied += result.byteLength;
        return result;
      },
    });
    try {
      await model.loadStates(file);
    } finally {
      Object.assign(typedArray, { set, slice });
    }
    // And the header.
    expect(copied - 4 * size).toBeGreaterThanOrEqual(0);
    expect(copied - 4 * size).toBeLessThan(1000);
    expect(model.w.value.slice([size - 1], [size]).item()).toBe(3);
  });

  test('a failed load leaves the module as it was', async () => {
    const model = new Model();
    const before = values(model);
    const file = join(folder, 'other.safetensors');
    const good = {
      w: tensor([
        [5, 6],
        [7, 8],
      ]),
      b: tensor([1, 2]),
    };
    await writeFile(file, toSafetensors({ ...good, steps: tensor([1, 2]) }));
    await expect(model.loadStates(file)).rejects.toThrow(/CHECKPOINT_MISMATCH.*"steps" has shape/);
    await writeFile(file, toSafetensors({ ...good, on: tensor([1, 2]) }));
    await expect(model.loadStates(file)).rejects.toThrow(/CHECKPOINT_MISMATCH.*"on" is f32/);
    await writeFile(file, toSafetensors(good).subarray(0, -3));
    await expect(model.loadStates(file)).rejects.toThrow(/CHECKPOINT_CORRUPT.*other\.safetensors/);
    await expect(model.loadStates(join(folder, 'none.npz'))).rejects.toThrow(/CHECKPOINT_MISSING/);
    await expect(model.loadStates('weights.pkl')).rejects.toThrow(/CHECKPOINT_PICKLE/);
    await expect(model.saveStates('weights.pt')).rejects.toThrow(/^(?!.*runs code).*CHECKPOINT_PICKLE.*Save as/);
    for (const name of [5, undefined, null, {}] as never[]) {
      await expect(model.saveStates(name)).rejects.toThrow(/OPTION_FILENAME/);
      await expect(model.loadStates(name)).rejects.toThrow(/OPTION_FILENAME/);
    }
    for (const dict of [5, [model.w], 'w', { w: 3 }] as never[])
      await expect(model.saveStates(file, dict)).rejects.toThrow(/OPTION_TENSOR/);
    await expect(model.saveStates('weights.h5')).rejects.toThrow(/CHECKPOINT_FORMAT/);
    await expect(model.saveStates(join(folder, 'nowhere', 'a.npz'))).rejects.toThrow(CheckpointError);
    expect(values(model)).toEqual(before);
  });

  test('an optimizer keeps its state, its Scheduler and its counters', async () => {
    const x = new TrainVar(tensor([1, 2]));
    const opt = new Adadelta({ trainVars: { x } });
    opt.update({ x: tensor([3, 4]) });
    opt.lr = 0.25;
    opt.lr.stepEpoch();
    const file = join(folder, 'opt.npz');
    await opt.saveStates(file);
    clearNameCache();
    const other = new Adadelta({ trainVars: { x: new TrainVar(tensor([0, 0])) } });
    await other.loadStates(file);
    expect(values(other)).toEqual(values(opt));
    expect(other.lr.at().item()).toBe(0.25);
  });
});
