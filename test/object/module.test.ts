/** The object model: walks and their keys, names, collectors, implicit things. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  clearNameCache,
  Collector,
  Module,
  NodeDict,
  NodeList,
  OptionError,
  tensor,
  TrainVar,
  UnsupportedError,
  VarDict,
  Variable,
  VarList,
} from 'lazuli';
import type { NamingMethod } from 'lazuli';
import { keys, Linear, Net, scalar } from './models.js';

/** For names that only the collector keeps: the registry is emptied before each test. */
beforeEach(clearNameCache);

describe('keys', () => {
  test('absolute and relative names, in the order in which attributes were set', () => {
    const net = new Net();
    expect(keys(net.vars())).toEqual([
      'Net0.temperature',
      'Linear0.weight',
      'Linear0.bias',
      'Linear1.weight',
      'Linear1.bias',
    ]);
    expect(keys(net.vars({ method: 'relative' }))).toEqual([
      'temperature',
      'first.weight',
      'first.bias',
      'second.weight',
      'second.bias',
    ]);
    expect(keys(net.trainVars({ method: 'relative' }))).toEqual(['temperature', 'first.weight', 'second.weight']);
    expect(keys(net.nodes())).toEqual(['Net0', 'Linear0', 'Linear1']);
    expect(keys(net.nodes({ method: 'relative' }))).toEqual(['', 'first', 'second']);
  });

  test('a node that a longer way reaches first is as near as its shortest way', () => {
    class Link extends Module {
      next: Module | undefined;
      constructor(next?: Module) {
        super();
        if (next !== undefined) this.next = next;
      }
    }
    class Root extends Module {
      far: Module;
      near: Module;
      constructor() {
        super();
        const shared = new Link(new Link(new Link()));
        this.far = new Link(shared);
        this.near = shared;
      }
    }
    const root = new Root();
    expect(keys(root.nodes({ method: 'relative', level: 3 }))).toEqual([
      '',
      'far',
      'near',
      'far.next',
      'far.next.next',
      'near.next.next',
    ]);
    expect(keys(root.nodes({ level: 3 }))).toHaveLength(5);
  });

  test('level, includeSelf and excludeTypes', () => {
    const net = new Net();
    expect(keys(net.nodes({ level: 0 }))).toEqual(['Net0']);
    expect(keys(net.vars({ level: 0 }))).toEqual(['Net0.temperature']);
    expect(keys(net.nodes({ level: 1 }))).toHaveLength(3);
    expect(keys(net.nodes({ includeSelf: false }))).toEqual(['Linear0', 'Linear1']);
    expect(keys(net.vars({ excludeTypes: [TrainVar], method: 'relative' }))).toEqual(['first.bias', 'second.bias']);
    expect(() => net.nodes({ level: -2 })).toThrow(OptionError);
    expect(() => net.vars({ method: 'other' as NamingMethod })).toThrow(OptionError);
    for (const options of [{ excludeTypes: TrainVar }, { excludeTypes: ['TrainVar'] }, { includeSelf: 'no' }])
      expect(() => net.vars(options as never)).toThrow(OptionError);
    expect(() => net.nodes({ includeSelf: 0 } as never)).toThrow(OptionError);
  });

  test('lists and dicts of modules and Variables, plain or not', () => {
    class Holder extends Module {
      nodeList = new NodeList(new Linear(), new Linear());
      nodeDict = new NodeDict({ a: new Linear() });
      varList = new VarList([scalar(), scalar()]);
      varDict = new VarDict({ k: scalar() });
      plainNodes = [new Linear()];
      plainVars = { z: scalar() };
      plainDict = { m: new Linear() };
      options = { depth: 3 };
    }
    const holder = new Holder();
    expect(keys(holder.nodes({ method: 'relative' }))).toEqual([
      '',
      'nodeList-0',
      'nodeList-1',
      'nodeDict.a',
      'plainNodes-0',
      'plainDict.m',
    ]);
    expect(keys(holder.vars({ level: 0, method: 'relative' }))).toEqual([
      'varList-0',
      'varList-1',
      'varDict-k',
      'plainVars-z',
    ]);
    expect(keys(holder.vars({ level: 0 }))[0]).toBe('Holder0.varList-0');
    expect(() => new NodeList(scalar() as never)).toThrow(OptionError);
    expect(() => new VarList(new Linear() as never)).toThrow(OptionError);
    expect(() => new VarDict({ a: 3 as never })).toThrow(OptionError);
    expect(() => new NodeDict().set('a', scalar() as never)).toThrow(OptionError);
  });

  test('a cycle of two under a root ends; a shared child has one name and a path from each parent', () => {
    class Node extends Module {
      declare other: Module;
    }
    const [root, a, b] = [new Node(), new Node(), new Node()];
    root.other = a;
    a.other = b;
    b.other = a;
    expect(keys(root.nodes())).toEqual(['Node0', 'Node1', 'Node2']);
    expect(keys(root.nodes({ method: 'relative' }))).toEqual(['', 'other', 'other.other', 'other.other.other']);

    class Pair extends Module {
      left = new Node();
      right = new Node();
    }
    const pair = new Pair();
    pair.left.other = pair.right.other = new Linear();
    expect(keys(pair.nodes()).filter((key) => key.startsWith('Linear'))).toEqual(['Linear0']);
    expect(keys(pair.nodes({ method: 'relative' }))).toEqual(['', 'left', 'right', 'left.other', 'right.other']);
  });

  test('one child under two attributes, or twice in a list, has two paths', () => {
    class Tied extends Module {
      encoder = new Linear();
      decoder = this.encoder;
      layers = [this.encoder, this.encoder];
    }
    const tied = new Tied();
    expect(keys(tied.nodes())).toEqual(['Tied0', 'Linear0']);
    expect(keys(tied.nodes({ method: 'relative' }))).toEqual(['', 'encoder', 'decoder', 'layers-0', 'layers-1']);
    expect(keys(tied.trainVars({ method: 'relative' })).slice(0, 2)).toEqual(['encoder.weight', 'decoder.weight']);
    expect(tied.vars().size).toBe(2);
    class Loop extends Module {
      self: Module = this;
    }
    expect(keys(new Loop().nodes({ method: 'relative' }))).toEqual(['', 'self']);
  });

  test('what is nested deeper than functions can follow is a TreeError', () => {
    const [list, chained] = [new Module(), new Module()];
    let [values, last]: [unknown, Module] = [new TrainVar([1]), chained];
    for (let i = 0; i < 20_000; i++) values = [values];
    for (let i = 0; i < 2000; i++) last = Object.assign(new Module(), { below: last });
    Object.assign(list, { values });
    for (const deep of [list, last]) expect(() => deep.vars()).toThrow(/TREE_DEPTH/);
  });

  test('a Map is a dict; a Collector that is kept is no second home of what it holds', () => {
    class Holder extends Module {
      nodes_ = new Map([['a', new Linear()]]);
      vars_ = new Map([['k', scalar()]]);
      kept = this.vars();
    }
    const holder = new Holder();
    expect(keys(holder.nodes({ method: 'relative' }))).toEqual(['', 'nodes_.a']);
    expect(keys(holder.vars({ method: 'relative' }))).toEqual(['vars_-k', 'nodes_.a.weight', 'nodes_.a.bias']);
    expect(keys(holder.kept)).toEqual(['Holder0.vars_-k', 'Linear0.weight', 'Linear0.bias']);
  });
});

describe('names', () => {
  test('numbered by class, given, taken, renamed', () => {
    const a = new Linear();
    expect(a.name).toBe('Linear0');
    expect(new Linear().name).toBe('Linear1');
    const named = new Linear(1, 1, 'head');
    expect(() => new Linear(1, 1, 'head')).toThrow(/NAME_TAKEN/);
    for (const wrong of ['', '2nd', 'a b', 'a.b', '"); process.exit(); ("'])
      expect(() => new Linear(1, 1, wrong)).toThrow(/INVALID_NAME/);
    named.name = 'tail';
    expect(new Linear(1, 1, 'head').name).toBe('head');
    const labels = (): unknown[] => [...named.vars().values()].map((variable) => variable.name);
    expect(labels()).toEqual(['tail.weight', 'tail.bias']);
    named.bias.name = 'offset';
    named.name = 'end';
    expect(labels()).toEqual(['end.weight', 'offset']);
    named.name = 'tail';
    expect(() => (a.name = 'tail')).toThrow(/NAME_TAKEN/);
    expect(a.name).toBe('Linear0');
    expect(a.uniqueName(null, 'Other')).toBe('Other0');
    expect(a.uniqueName('fresh')).toBe('fresh');
    expect(() => a.uniqueName(null, 'no type')).toThrow(/INVALID_NAME/);
    const taken = new Linear(1, 1, 'Linear2');
    expect(new Linear().name).toBe('Linear3');
    expect(keys(taken.vars())[0]).toBe('Linear2.weight');
    clearNameCache();
    expect(new Linear().name).toBe('Linear0');
  });

  test('names of collected objects come free', async () => {
    const make = (): void => void new Linear(1, 1, 'transient');
    make();
    expect(() => {
      make();
    }).toThrow(/NAME_TAKEN/);
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      globalThis.gc!();
      try {
        make();
        return;
      } catch {
        // Not collected yet.
      }
    }
    expect.unreachable('the name stayed taken');
  });
});

describe('collectors', () => {
  test('subset, include, not, unique, concat, without', () => {
    const [a, b] = [scalar(), new Variable(tensor(1))];
    const all = new Collector<Variable>([
      ['a', a],
      ['b', b],
      ['again', a],
    ]);
    expect(keys(all.subset(TrainVar))).toEqual(['a', 'again']);
    expect(keys(all.include(TrainVar, Variable))).toEqual(['a', 'b', 'again']);
    expect(keys(all.not(TrainVar))).toEqual(['b']);
    expect(keys(all.unique())).toEqual(['a', 'b']);
    expect(keys(all.concat({ c: b, a }))).toEqual(['a', 'b', 'again', 'c']);
    expect(() => all.concat({ a: b })).toThrow(/DUPLICATE_KEY/);
    expect(keys(all.without(['a', 'b']))).toEqual(['again']);
    expect(keys(all.without({ a }))).toEqual(['b', 'again']);
    expect(() => all.without({ a: b })).toThrow(/DUPLICATE_KEY/);
    expect(() => all.without(['none'])).toThrow(/MISSING_KEY/);
    expect(() => all.set('a', b)).toThrow(/DUPLICATE_KEY/);
    expect(all.set('a', a).size).toBe(3);
    expect(() => new Collector([['none', undefined]]).set('none', 1 as never)).toThrow(/DUPLICATE_KEY/);
  });

  test('a key that would hold two different things throws', () => {
    class Twice extends Module {
      b = new Linear();
    }
    const twice = new Twice();
    twice.registerImplicitVars({ c: scalar() });
    Object.assign(twice, { c: scalar() });
    expect(() => twice.vars()).toThrow(/DUPLICATE_KEY/);
  });
});

describe('implicit things', () => {
  test('dicts, lists, positions; the wrong class throws and nothing is kept', () => {
    const module = new Linear();
    const [a, b, c] = [scalar(), scalar(), new Variable(tensor(1))];
    module.registerImplicitVars(a, [b], { named: c });
    expect(keys(module.implicitVars)).toEqual(['var0', 'var1', 'named']);
    module.registerImplicitVars(a);
    expect(module.implicitVars.size).toBe(3);
    expect(module.implicitVars.get('named')).toBe(c);
    expect(keys(module.vars({ method: 'relative' }))).toEqual(['weight', 'bias', 'var0', 'var1', 'named']);
    expect(() => module.registerImplicitVars({ fine: scalar(), wrong: 3 as never })).toThrow(/WRONG_CLASS/);
    expect(() => module.registerImplicitVars(c, { varCls: TrainVar })).toThrow(/WRONG_CLASS/);
    expect(() => module.registerImplicitVars({ named: a })).toThrow(/DUPLICATE_KEY/);
    expect(module.implicitVars.size).toBe(3);
    const child = new Linear();
    module.registerImplicitNodes(child, { other: new Net() });
    expect(keys(module.nodes({ method: 'relative', level: 1 }))).toEqual(['', 'node0', 'other']);
    expect(() => module.registerImplicitNodes(new Linear(), { nodeCls: Net })).toThrow(/WRONG_CLASS/);
    expect(() => module.registerImplicitNodes(a as never)).toThrow(/WRONG_CLASS/);
  });

  test('what is set in the Collector itself is kept, also before anything was registered', () => {
    const module = new Linear();
    const early = module.implicitVars;
    early.set('early', scalar(3));
    module.registerImplicitVars({ late: scalar(4) });
    expect(module.implicitVars).toBe(early);
    expect(keys(module.vars({ method: 'relative' }))).toEqual(['weight', 'bias', 'early', 'late']);
    expect(module.stateDict().Linear0!.early!.item()).toBe(3);
    expect(new Linear().implicitVars.size).toBe(0);
  });
});

describe('devices', () => {
  test('cpu and backends resolve to the module; tpu says what is missing', async () => {
    const net = new Net();
    expect(await net.cpu()).toBe(net);
    expect(await net.to('reference')).toBe(net);
    expect(net.temperature.value.item()).toBe(1);
    await expect(net.tpu()).rejects.toThrow(UnsupportedError);
    for (const device of ['abacus', null, {}, 3])
      await expect(net.to(device as 'cpu')).rejects.toThrow(/UNKNOWN_BACKEND/);
  });
});
