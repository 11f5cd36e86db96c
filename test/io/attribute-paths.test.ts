/** Files name Variables by attribute path: the same for every instance, in whatever order it was built. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  Adam,
  chain,
  CheckpointError,
  clearNameCache,
  clipByGlobalNorm,
  adam,
  ComposedOptimizer,
  type Dict,
  fromNpz,
  fromSafetensors,
  jit,
  Module,
  NodeDict,
  NodeList,
  OptionError,
  StepLR,
  tensor,
  type Tensor,
  toNpz,
  toSafetensors,
  TrainVar,
  VarDict,
  Variable,
  VarList,
} from 'lazuli';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lazuli-paths-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(clearNameCache);

const scalar = (value = 0): TrainVar => new TrainVar(tensor(value));
class Leaf extends Module {
  w: TrainVar;
  constructor(value = 0) {
    super();
    this.w = scalar(value);
  }
}
class Net extends Module {
  encoder: Leaf;
  decoder: Leaf;
  constructor(a = 0, b = 0) {
    super();
    this.encoder = new Leaf(a);
    this.decoder = new Leaf(b);
  }
}
/** {@link Net} after somebody moved a line. */
class Reordered extends Module {
  encoder: Leaf;
  decoder: Leaf;
  constructor() {
    super();
    this.decoder = new Leaf();
    this.encoder = new Leaf();
  }
}
const both = ({ encoder, decoder }: Net | Reordered): number[] => [encoder.w.value.item(), decoder.w.value.item()];
const formats = ['safetensors', 'npz'] as const;
const stored = async (file: string): Promise<string[]> => {
  const bytes = await readFile(file);
  return Object.keys(file.endsWith('npz') ? fromNpz(bytes) : fromSafetensors(bytes)).sort();
};
const quietly = async <T>(body: () => Promise<T> | T): Promise<[T, string[]]> => {
  const lines: string[] = [];
  const warn = vi.spyOn(console, 'warn').mockImplementation((line: string) => void lines.push(line));
  try {
    return [await body(), lines];
  } finally {
    warn.mockRestore();
  }
};

class Everything extends Module {
  own = scalar(1);
  list = [new Leaf(2), [new Leaf(3)]];
  dict = { a: new Leaf(4), v: scalar(5) };
  map = new Map([['k', new Leaf(6)]]);
  set = new Set([scalar(7)]);
  nodeList = new NodeList(new Leaf(8));
  nodeDict = new NodeDict({ n: new Leaf(9) });
  varList = new VarList(scalar(10));
  varDict = new VarDict({ k: scalar(11) });
  constructor() {
    super();
    this.registerImplicitVars({ extra: new Variable(tensor(12)) });
    this.registerImplicitNodes({ hidden: new Leaf(13) });
  }
}
const EVERYTHING = [
  'own',
  'list.0.w',
  'list.1.0.w',
  'dict.a.w',
  'dict.v',
  'map.k.w',
  'set.0',
  'nodeList.0.w',
  'nodeDict.n.w',
  'varList.0',
  'varDict.k',
  'extra',
  'hidden.w',
].sort();

describe.each(formats)('%s', (format) => {
  const name = (stem: string): string => join(folder, `${stem}.${format}`);

  test('keys are attribute paths with dots, into every container', async () => {
    const file = name('everything');
    await new Everything().saveStates(file);
    expect(await stored(file)).toEqual(EVERYTHING);
    const other = new Everything();
    for (const variable of other.vars().values()) variable.value = tensor(0);
    expect(await other.loadStates(file)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect([...other.vars().values()].map((v) => v.value.item()).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 13 }, (_, i) => i + 1),
    );
  });

  test('a second instance, and one built in another order, load the right layers', async () => {
    const file = name('net');
    await new Net(1, 2).saveStates(file);
    const [second, reordered] = [new Net(), new Reordered()];
    const [, warnings] = await quietly(async () => [await second.loadStates(file), await reordered.loadStates(file)]);
    expect([both(second), both(reordered), warnings]).toEqual([[1, 2], [1, 2], []]);
  });

  test('unique names on request; the file tells which it holds', async () => {
    const file = name('absolute');
    const net = new Net(1, 2);
    await net.saveStates(file, null, { method: 'absolute' });
    expect(await stored(file)).toEqual(['Leaf0.w', 'Leaf1.w']);
    for (const options of [{}, { method: 'absolute' }] as const) {
      net.encoder.w.value = tensor(0);
      await net.loadStates(file, options);
      expect(both(net)).toEqual([1, 2]);
    }
    await expect(new Net().loadStates(file)).rejects.toThrow(/CHECKPOINT_MISMATCH.*Leaf0\.w.*unique names/i);
    await expect(net.loadStates(file, { method: 'relative' })).rejects.toThrow(/method: 'absolute'/);
    // Nobody asked for unique names, and they would lead to the wrong layers.
    await net.saveStates(file, net.trainVars());
    clearNameCache();
    const reordered = new Reordered();
    await expect(reordered.loadStates(file)).rejects.toThrow(/CHECKPOINT_MISMATCH.*encoder.*decoder/);
    expect(both(reordered)).toEqual([0, 0]);
    await reordered.loadStates(file, { method: 'absolute' });
    expect(both(reordered)).toEqual([2, 1]);
    await expect(net.saveStates(file, null, { method: 'other' as 'absolute' })).rejects.toThrow(OptionError);
    await expect(net.loadStates(file, { method: 'other' as 'absolute' })).rejects.toThrow(OptionError);
  });

  test('files without metadata: attribute paths, or unique names on request', async () => {
    const file = name('plain');
    const write = (dict: Record<string, Tensor>): Promise<void> =>
      writeFile(file, format === 'npz' ? toNpz(dict) : toSafetensors(dict));
    await write({ 'encoder.w': tensor(3), 'decoder.w': tensor(4) });
    const net = new Net();
    await net.loadStates(file);
    expect(both(net)).toEqual([3, 4]);
    await write({ 'Leaf0.w': tensor(5), 'Leaf1.w': tensor(6) });
    await expect(net.loadStates(file)).rejects.toThrow(/CHECKPOINT_MISMATCH.*Leaf0\.w.*method: 'absolute'/);
    await net.loadStates(file, { method: 'absolute' });
    expect(both(net)).toEqual([5, 6]);
  });

  test('given variables, the keys are that dict’s', async () => {
    const file = name('given');
    const net = new Net(1, 2);
    await net.saveStates(file, { kernel: net.encoder.w, bias: tensor(7) });
    expect(await stored(file)).toEqual(['bias', 'kernel']);
    await expect(net.loadStates(file)).rejects.toThrow(
      /CHECKPOINT_MISMATCH.*"kernel", "bias".*rename|"bias", "kernel"/,
    );
    await net.saveStates(file, net.trainVars({ method: 'relative' }));
    const other = new Net();
    await other.loadStates(file);
    expect(both(other)).toEqual([1, 2]);
  });
});

describe('loadStates', () => {
  const file = (): string => join(folder, 'load.safetensors');
  const save = (dict: Record<string, Tensor>): Promise<void> => writeFile(file(), toSafetensors(dict));

  test('missing is a warning and unknown an error; with strict: false the result alone tells both', async () => {
    await save({ 'encoder.w': tensor(3), other: tensor(4) });
    const net = new Net();
    await expect(net.loadStates(file())).rejects.toThrow(/CHECKPOINT_MISMATCH.*"other"/);
    expect(both(net)).toEqual([0, 0]);
    const [result, warnings] = await quietly(() => net.loadStates(file(), { strict: false }));
    expect(result).toEqual({ missingKeys: ['decoder.w'], unexpectedKeys: ['other'] });
    expect([both(net), warnings]).toEqual([[3, 0], []]);
    await save({ 'encoder.w': tensor(5) });
    const [strict, told] = await quietly(() => net.loadStates(file()));
    expect(strict).toEqual({ missingKeys: ['decoder.w'], unexpectedKeys: [] });
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('decoder.w');
    await save({ 'encoder.w': tensor([1, 2]), other: tensor(4) });
    await expect(net.loadStates(file(), { strict: false })).rejects.toThrow(/CHECKPOINT_MISMATCH.*encoder\.w/);
  });

  test('rename maps the file’s keys; undefined drops one', async () => {
    await save({ 'model.enc.weight': tensor(3), 'model.dec.weight': tensor(4), 'lr_scheduler.step': tensor(5) });
    const net = new Net();
    const rename = (key: string): string | undefined =>
      key.startsWith('model.') ? key.replace(/model\.(enc|dec)\.weight/, '$1oder.w') : undefined;
    expect(await net.loadStates(file(), { rename })).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(both(net)).toEqual([3, 4]);
    await expect(net.loadStates(file(), { rename: () => 'encoder.w' })).rejects.toThrow(
      /OPTION_LOAD.*encoder\.w.*model\./,
    );
    await expect(net.loadStates(file(), { rename: (() => 3) as never })).rejects.toThrow(OptionError);
    await expect(net.loadStates(file(), { rename: 'x' as never })).rejects.toThrow(OptionError);
    await expect(
      net.loadStates(file(), {
        rename: () => {
          throw new RangeError('mine');
        },
      }),
    ).rejects.toThrow('mine');
    expect(both(net)).toEqual([3, 4]);
  });

  test('exclude names paths, with all below them, that stay as they are', async () => {
    await save({ 'encoder.w': tensor(3), 'decoder.w': tensor(4), 'head.w': tensor(5) });
    const net = new Net();
    expect(await net.loadStates(file(), { exclude: ['encoder', 'head'] })).toEqual({
      missingKeys: [],
      unexpectedKeys: [],
    });
    expect(both(net)).toEqual([0, 4]);
    await net.loadStates(file(), { exclude: ['encoder.w', 'decoder.w', 'head'] });
    expect(both(net)).toEqual([0, 4]);
    // Half a name is none.
    await expect(net.loadStates(file(), { exclude: ['enc', 'head'] })).rejects.toThrow(/OPTION_LOAD.*"enc"/);
    await expect(net.loadStates(file(), { exclude: 'head' as never })).rejects.toThrow(
      /OPTION_LOAD: loadStates got exclude = the string "head"\. exclude is an array/,
    );
    await expect(net.loadStates(file(), { exclude: 'head' as never })).rejects.toThrow(OptionError);
  });

  test('misspelt options are named', async () => {
    const net = new Net();
    await expect(net.loadStates(file(), { Strict: false } as never)).rejects.toThrow(/UNKNOWN_OPTION.*strict/);
    await expect(net.saveStates(file(), null, { methd: 'absolute' } as never)).rejects.toThrow(
      /UNKNOWN_OPTION.*method/,
    );
    await expect(net.loadStates(file(), null as never)).rejects.toThrow(OptionError);
  });

  test('a shared module is known by every way to it', async () => {
    class Shared extends Module {
      declare left: Net;
      declare right: Net;
      constructor(net: Net, ...sides: ('left' | 'right')[]) {
        super();
        for (const side of sides) this[side] = net;
      }
    }
    await new Shared(new Net(1, 2), 'left', 'right').saveStates(file());
    expect(await stored(file())).toEqual(['left.decoder.w', 'left.encoder.w']);
    const other = new Shared(new Net(), 'right', 'left');
    const [, warnings] = await quietly(() => other.loadStates(file()));
    expect([both(other.left), warnings]).toEqual([[1, 2], []]);
    expect([...other.vars({ method: 'relative' }).keys()][0]).toBe('right.encoder.w');
  });

  test('two values for one Variable are an error, unless they are one', async () => {
    const [net, tied] = [new Net(1, 2), new Net()];
    tied.decoder.w = tied.encoder.w;
    await net.saveStates(file());
    const flat = net.stateDict({ method: 'relative' });
    for (const load of [() => tied.loadStates(file()), async () => tied.loadStateDict(flat)])
      await expect(load()).rejects.toThrow(/STATE_TIED: .*"(en|de)coder.w" and "(de|en)coder.w"/);
    expect(both(tied)).toEqual([0, 0]);
    await tied.loadStates(file(), { rename: (key) => (key === 'encoder.w' ? undefined : key) });
    expect(both(tied)).toEqual([2, 2]);
    tied.loadStateDict({ ...flat, 'decoder.w': tensor(1) });
    expect(both(tied)).toEqual([1, 1]);
    tied.loadStateDict(tied.stateDict());
    net.decoder.w.value = net.encoder.w.value;
    await net.saveStates(file());
    expect((await tied.loadStates(file())).missingKeys).toEqual([]);
  });
});

describe('state dicts by attribute path', () => {
  test('flat, snapshots; loadStateDict takes both layouts', () => {
    const everything = new Everything();
    const state = everything.stateDict({ method: 'relative' });
    expect(Object.keys(state).sort()).toEqual(EVERYTHING);
    const net = new Net(1, 2);
    const [flat, nested] = [net.stateDict({ method: 'relative' }), net.stateDict()];
    expect(nested).toEqual(net.stateDict({ method: 'absolute' }));
    for (const dict of [flat, nested, new Map(Object.entries(flat))]) {
      net.encoder.w.value = tensor(0);
      expect(net.loadStateDict(dict)).toEqual({ missingKeys: [], unexpectedKeys: [] });
      expect(both(net)).toEqual([1, 2]);
    }
    const reordered = new Reordered();
    reordered.loadStateDict(flat);
    expect(both(reordered)).toEqual([1, 2]);
    expect(net.loadStateDict({ 'encoder.w': tensor(4), none: tensor(5) }, { warn: false })).toEqual({
      missingKeys: ['decoder.w'],
      unexpectedKeys: ['none'],
    });
    expect(() => net.loadStateDict({ 'encoder.w': tensor(1), decoder: { w: tensor(1) } })).toThrow(/STATE_FORMAT/);
    for (const value of ['x', null])
      expect(() => net.loadStateDict({ 'encoder.w': value })).toThrow(/STATE_FORMAT: the state of "encoder.w" is/);
    expect(() => net.stateDict({ method: 'other' as 'absolute' })).toThrow(OptionError);
    expect(() => net.loadStateDict(flat, { wran: true } as never)).toThrow(/UNKNOWN_OPTION.*warn/);
  });

  test('a tensor that is no longer there loads nothing', () => {
    const net = new Net(1, 2);
    const gone = tensor(8);
    gone.dispose();
    expect(() => net.loadStateDict({ 'encoder.w': tensor(7), 'decoder.w': gone })).toThrow(/USED_AFTER_DISPOSE/);
    expect(both(net)).toEqual([1, 2]);
  });
});

describe('optimizers', () => {
  type Vars = (net: Net) => Dict<Variable>;
  const ways: [string, Vars][] = [
    ['trainVars()', (net) => net.trainVars()],
    ['trainVars().unique()', (net) => net.trainVars().unique()],
    ['relative trainVars', (net) => net.trainVars({ method: 'relative' })],
    ['an object of trainVars()', (net) => Object.fromEntries(net.trainVars())],
    ['a Map of trainVars()', (net) => new Map(net.trainVars())],
    ['parts of trainVars()', (net) => net.encoder.trainVars().concat(net.trainVars().without(['Leaf1.w']))],
    ['a dict', (net) => ({ 'encoder.w': net.encoder.w, 'decoder.w': net.decoder.w })],
  ];
  const step = (opt: Adam | ComposedOptimizer): void =>
    opt.update(
      new Map(
        [...(opt.varsToTrain instanceof Map ? opt.varsToTrain : new Map(Object.entries(opt.varsToTrain)))].map(
          ([key]) => [key, tensor(1)],
        ),
      ),
    );

  test.each(ways.filter(([way]) => !way.startsWith('parts')))('%s: state goes by attribute paths', async (_, vars) => {
    const file = join(folder, 'opt.safetensors');
    const opt = new Adam({ lr: new StepLR({ lr: 0.5, stepSize: 3 }), trainVars: vars(new Net()) });
    step(opt);
    await opt.saveStates(file);
    expect(await stored(file)).toEqual(
      ['decoder.w_m', 'decoder.w_v', 'encoder.w_m', 'encoder.w_v', 'lr.lastEpoch', 'lr.lr', 'step'].sort(),
    );
    for (const [, otherVars] of ways.slice(0, 5)) {
      const other = new Adam({ lr: new StepLR({ lr: 0.1, stepSize: 3 }), trainVars: otherVars(new Net()) });
      expect(await other.loadStates(file)).toEqual({ missingKeys: [], unexpectedKeys: [] });
      expect(other.stateDict({ method: 'relative' })['encoder.w_m']!.item()).toBeCloseTo(0.1);
      expect(other.lr.lr.value.item()).toBe(0.5);
    }
  });

  test('a newly chosen rate gives way to the stored one, unless it is excluded', async () => {
    const file = join(folder, 'rate.npz');
    const make = (lr: number): Adam => new Adam({ lr, trainVars: new Net().trainVars() });
    await make(0.5).saveStates(file);
    const [replaced, kept, finer] = [make(0.1), make(0.1), make(0.1)];
    await replaced.loadStates(file);
    await kept.loadStates(file, { exclude: ['lr'] });
    await finer.loadStates(file, { exclude: ['lr.lr'] });
    expect([replaced, kept, finer].map((opt) => opt.lr.at(0, { dtype: 'f64' }).item())).toEqual([0.5, 0.1, 0.1]);
  });

  test('two models, compositions, copies and trainers', async () => {
    const file = join(folder, 'more.npz');
    const [a, b] = [new Leaf(), new Leaf()];
    const two = new Adam({ lr: 1, trainVars: a.trainVars().concat(b.trainVars()) });
    expect([...two.implicitVars.keys()]).toContain('Leaf1.w_m');
    expect(Object.keys(two.stateDict({ method: 'relative' })).slice(1, 5)).toEqual(['w_m', '1.w_m', 'w_v', '1.w_v']);

    const transformation = chain(clipByGlobalNorm(1), adam());
    const composed = new ComposedOptimizer({ transformation, trainVars: new Net().trainVars() });
    expect(Object.keys(composed.stateDict({ method: 'relative' }))).toContain('decoder.w_1_m');

    class Trainer extends Module {
      model = new Net(1, 2);
      opt = new Adam({ lr: 1, trainVars: this.model.trainVars() });
    }
    const trainer = new Trainer();
    step(trainer.opt);
    await trainer.saveStates(file);
    expect(await stored(file)).toContain('opt.encoder.w_m');
    const other = new Trainer();
    await other.loadStates(file);
    expect(both(other.model)).toEqual(both(trainer.model));
    const copy = jit((t: Trainer) => t)(trainer);
    expect(Object.keys(copy.stateDict({ method: 'relative' })).sort()).toEqual((await stored(file)).sort());

    const later = new Adam();
    later.registerTrainVars(a.trainVars());
    later.registerTrainVars({ b: b.w });
    expect(Object.keys(later.stateDict({ method: 'relative' })).filter((key) => key.endsWith('_m'))).toEqual([
      'w_m',
      'b_m',
    ]);
  });

  test('old files, by unique names, load with method: absolute', async () => {
    const file = join(folder, 'old.npz');
    const opt = new Adam({ lr: 0.1, trainVars: new Net().trainVars() });
    const old = Object.fromEntries([...opt.vars()].map(([key, v]) => [key, v.value.add(1)]));
    await writeFile(file, toNpz(old));
    await expect(opt.loadStates(file)).rejects.toThrow(CheckpointError);
    await opt.loadStates(file, { method: 'absolute' });
    expect(opt.implicitVars.get('Leaf0.w_m')!.value.item()).toBe(1);
  });
});
