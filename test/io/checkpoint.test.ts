/** Tensors and modules as files: round trips, refusals, and loads that fail without a trace. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  Adadelta,
  CheckpointError,
  clearNameCache,
  DTypeError,
  fromNpz,
  fromSafetensors,
  Module,
  OptionError,
  ShapeError,
  tensor,
  type Tensor,
  TrainVar,
  toNpz,
  toSafetensors,
  Variable,
} from 'lazuli';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lazuli-checkpoint-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(clearNameCache);

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
    expect(load({ w: 'no' })).toThrow(DTypeError);
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
    expect(Object.keys(fromSafetensors(await readFile(file)))).toEqual(['Tied0.a']);
    const [, none] = await loudly(() => tied.loadStates(file));
    expect(none).toEqual([]);
    await expect(other.loadStates(file)).rejects.toThrow(/CHECKPOINT_MISMATCH.*Tied0\.a/);
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

  test('a failed load leaves the module as it was', async () => {
    const model = new Model();
    const before = values(model);
    const file = join(folder, 'other.safetensors');
    const good = {
      'Model0.w': tensor([
        [5, 6],
        [7, 8],
      ]),
      'Model0.b': tensor([1, 2]),
    };
    await writeFile(file, toSafetensors({ ...good, 'Model0.steps': tensor([1, 2]) }));
    await expect(model.loadStates(file)).rejects.toThrow(CheckpointError);
    await writeFile(file, toSafetensors({ ...good, 'Model0.on': tensor([1, 2]) }));
    await expect(model.loadStates(file)).rejects.toThrow(CheckpointError);
    await writeFile(file, toSafetensors(good).subarray(0, -3));
    await expect(model.loadStates(file)).rejects.toThrow(CheckpointError);
    await expect(model.loadStates(join(folder, 'none.npz'))).rejects.toThrow(/CHECKPOINT_MISSING/);
    await expect(model.loadStates('weights.pkl')).rejects.toThrow(/CHECKPOINT_PICKLE/);
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
