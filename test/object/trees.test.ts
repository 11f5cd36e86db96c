/** Modules as trees: what changes and what does not, containers, what stands twice, `jit` and `grad`. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import {
  clearNameCache,
  grad,
  jit,
  Module,
  NodeList,
  SGD,
  tensor,
  type Tensor,
  tree,
  valueAndGrad,
  VarDict,
} from 'lazuli';
import { dictOf, keys, Linear, Net, scalar } from './models.js';

/** For names that only the collector keeps: the registry is emptied before each test. */
beforeEach(clearNameCache);

describe('modules as trees', () => {
  test('treeFlatten parts what changes from what does not, in order; treeUnflatten runs no constructor', () => {
    const constructed = vi.fn();
    class Counted extends Module {
      b = scalar(1);
      size = 3;
      a = [scalar(2)];
      constructor() {
        super();
        constructed();
      }
      double(): Tensor {
        return this.b.value.mul(this.size);
      }
    }
    const module = new Counted();
    module.registerImplicitVars({ extra: scalar(5) });
    const [values, structure] = module.treeFlatten();
    expect(structure[0]).toEqual(['b', 'a', 'implicitVars']);
    expect(structure[1]).toEqual(['name', 'size']);
    expect(structure[2]).toEqual(['Counted0', 3]);
    const copy = Counted.treeUnflatten(structure, values);
    expect(constructed).toHaveBeenCalledTimes(1);
    expect(copy).toBeInstanceOf(Counted);
    expect(copy.name).toBe('Counted0');
    expect(copy.double().item()).toBe(3);
    expect(keys(copy.vars())).toEqual(keys(module.vars()));
    expect(tree.leaves(module)).toHaveLength(3);
  });

  test('containers keep their classes', () => {
    class Holder extends Module {
      list = new NodeList(new Linear());
      dict = new VarDict({ a: scalar(1) });
    }
    const holder = new Holder();
    const copy = tree.map((x: Tensor) => x.add(1), holder);
    expect(copy.list).toBeInstanceOf(NodeList);
    expect(copy.dict).toBeInstanceOf(VarDict);
    expect(copy.dict.get('a')!.value.item()).toBe(2);
    expect(copy.list[0]!.weight.value.arraySync()).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  test('containers of which only some elements change: the rest is static', () => {
    class Sequential extends Module {
      layers: (Linear | ((x: Tensor) => Tensor) | [string, Linear])[] = [
        new Linear(),
        (x: Tensor) => x.add(1),
        ['last', new Linear()],
      ];
      options = {
        scale: 2,
        gain: scalar(3),
        by: new Map<string, unknown>([
          ['k', scalar(1)],
          ['n', null],
        ]),
      };
    }
    const model = new Sequential();
    const step = jit((m: Sequential, x: Tensor) => {
      const [, add, named] = m.layers as [Linear, (t: Tensor) => Tensor, [string, Linear]];
      expect([named[0], m.options.scale, m.options.by.get('n')]).toEqual(['last', 2, null]);
      expect(named[1]).toBeInstanceOf(Linear);
      m.options.gain.value = add(x).mul(m.options.gain.value).mul(m.options.scale);
      return m;
    });
    const next = step(model, tensor(1));
    expect(next.options.gain.value.item()).toBe(12);
    expect(keys(next.vars({ method: 'relative' }))).toEqual(keys(model.vars({ method: 'relative' })));
    expect(step(next, tensor(0)).options.gain.value.item()).toBe(24);
    expect(step.stats).toMatchObject({ traces: 1, compiles: 1, calls: 2 });
    model.options.scale = 5;
    expect(() => step(model, tensor(1))).toThrow(/to deeply equal/);
    const cyclic: unknown[] = [new Linear()];
    cyclic.push(cyclic);
    Object.assign(model, { cyclic });
    expect(() => tree.leaves(model)).toThrow(/TREE_CYCLE/);
  });

  test('a child or Variable that stands twice in an argument is one object in the copy', () => {
    class Tied extends Module {
      encoder = new Linear(1, 1);
      decoder = this.encoder;
      call(x: Tensor): Tensor {
        return x.matmul(this.encoder.weight.value).matmul(this.decoder.weight.value);
      }
    }
    const model = new Tied();
    model.encoder.weight.value = tensor([[3]]);
    expect(tree.leaves(model)).toHaveLength(2);
    const copy = tree.map((x: Tensor) => x, model);
    expect(copy.decoder).toBe(copy.encoder);
    expect(keys(copy.vars())).toEqual(['Linear0.weight', 'Linear0.bias']);
    // d(w·x·w)/dw = 2wx, in one place.
    const gradient = grad((m: Tied) => m.call(tensor([[2]])).sum())(model);
    expect(gradient.decoder.weight.value.item()).toBe(12);
    expect(gradient.decoder).toBe(gradient.encoder);

    // A model and its optimizer share the model's Variables, in one argument or two.
    const opt = new SGD({ lr: 0.25, trainVars: model.trainVars() });
    const step = jit((m: Tied, o: SGD, x: Tensor) => {
      const [, grads] = valueAndGrad(() => m.call(x).sum(), { vars: o.varsToTrain })();
      o.update(grads);
      return [m, o] as const;
    });
    const [trained, optimizer] = step(model, opt, tensor([[2]]));
    expect(trained.encoder.weight.value.item()).toBe(0);
    expect(dictOf(optimizer.varsToTrain).get('Linear0.weight')).toBe(trained.encoder.weight);
    expect(model.encoder.weight.value.item()).toBe(3);
    step(trained, optimizer, tensor([[2]]));
    expect(step.stats).toMatchObject({ traces: 1, compiles: 1, calls: 2 });
    // Another sharing is another structure.
    const untied = new Tied();
    untied.decoder = new Linear(1, 1);
    step(untied, new SGD({ lr: 0.25, trainVars: untied.trainVars() }), tensor([[2]]));
    expect(step.stats.traces).toBe(2);
  });

  test('a model passes through jit and grad; what is written to the copy comes back with it', () => {
    const net = new Net();
    const step = jit((model: Net, x: Tensor) => {
      model.temperature.value = model.temperature.value.add(x);
      return model;
    });
    const next = step(net, tensor(2));
    expect(next).toBeInstanceOf(Net);
    expect(next.temperature.value.item()).toBe(3);
    expect(net.temperature.value.item()).toBe(1);
    expect(step(next, tensor(2)).temperature.value.item()).toBe(5);
    expect(step.stats).toMatchObject({ traces: 1, compiles: 1, calls: 2 });
    const gradient = grad((model: Net) => model.temperature.value.square())(net);
    expect(gradient.temperature.value.item()).toBe(2);
    expect(gradient.first.weight.value.arraySync()).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });
});
