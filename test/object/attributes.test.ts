/** What attributes may hold, and which names they may not have. */
import { beforeEach, describe, expect, test } from 'vitest';
import { clearNameCache, jit, Module, OptionError, tensor, type Tensor, TrainVar, tree, Variable } from 'lazuli';

const keys = (collector: ReadonlyMap<string, unknown>): string[] => [...collector.keys()];
const scalar = (value = 0): TrainVar => new TrainVar(tensor(value));
beforeEach(clearNameCache);

class Leaf extends Module {
  w = scalar(1);
}

describe('a Set of modules and Variables', () => {
  class Holder extends Module {
    vars_ = new Set([scalar(1), scalar(2)]);
    parts = new Set<unknown>([new Leaf(), 'a name', [scalar(5)]]);
    tags = new Set(['a']);
  }

  test('is walked in its order', () => {
    const holder = new Holder();
    expect(keys(holder.nodes({ method: 'relative' }))).toEqual(['', 'parts-0']);
    expect(keys(holder.vars({ method: 'relative' }))).toEqual(['vars_-0', 'vars_-1', 'parts-2-0', 'parts-0.w']);
    expect(keys(holder.trainVars())).toEqual(['Holder0.vars_-0', 'Holder0.vars_-1', 'Holder0.parts-2-0', 'Leaf0.w']);
  });

  test('is part of the tree', () => {
    const holder = new Holder();
    const copy = tree.map((x: Tensor): Tensor => x.add(1), holder);
    expect([...copy.vars_].map((v) => v.value.item())).toEqual([2, 3]);
    expect([...copy.parts][1]).toBe('a name');
    const step = jit((module: Holder) => {
      for (const variable of module.vars_) variable.value = variable.value.mul(10);
      return module;
    });
    const next = step(step(holder));
    expect([...next.vars_].map((v) => v.value.item())).toEqual([100, 200]);
    expect(step.stats).toMatchObject({ traces: 1, compiles: 1 });
  });
});

describe('an attribute named like a method', () => {
  const named = (name: string, value: unknown): Module => {
    const module = new Leaf();
    Object.defineProperty(module, name, { value, enumerable: true, writable: true, configurable: true });
    return module;
  };
  class Parent extends Module {
    constructor(readonly child: Module) {
      super();
    }
  }

  test.each(['vars', 'constructor', 'nodes', 'stateDict', 'treeFlatten', 'toString', 'hasOwnProperty'])(
    '%s is an OptionError when it is collected',
    (name) => {
      for (const value of [scalar(), new Leaf(), [scalar()], 3]) {
        const module = named(name, value);
        const wrong = new RegExp(`ATTRIBUTE_NAME.*${name}.*Leaf`);
        const parent = new Parent(module);
        for (const collect of [() => parent.vars(), () => parent.nodes(), () => parent.stateDict()])
          expect(collect).toThrow(wrong);
        expect(() => module.trainVars()).toThrow(OptionError);
        expect(() => tree.leaves(module)).toThrow(wrong);
        expect(() => jit((m: Module) => m.name)(module)).toThrow(wrong);
      }
    },
  );

  test('properties of a module too, whether assigned or declared', () => {
    class Declared extends Leaf {
      constructor() {
        super();
        Object.defineProperty(this, 'training', { value: scalar(), enumerable: true });
      }
    }
    expect(() => new Declared().vars()).toThrow(/ATTRIBUTE_NAME.*training/);
    for (const name of ['implicitVars', 'implicitNodes'])
      expect(() => void Object.assign(new Leaf(), { [name]: [scalar()] })).toThrow(/ATTRIBUTE_NAME.*implicit/);
  });

  test('a function may take the place of a method, and a name is text', () => {
    class Net extends Leaf {
      call(): number {
        return 1;
      }
    }
    const net = new Net();
    net.call = () => 2;
    expect(keys(net.vars())).toEqual(['Net0.w']);
    Object.assign(net, { call: new Variable(tensor(1)) });
    expect(() => net.vars()).toThrow(/ATTRIBUTE_NAME.*call/);
  });
});
