/**
 * What TypeScript infers: trees of numbers and tensors go into a traced function, trees of Tensors come out. Each type is
 * checked by the compiler (`npm run check:types`), each value when it runs.
 */
import {
  Adadelta,
  adadelta,
  applyUpdates,
  chain,
  clipByGlobalNorm,
  Collector,
  grad,
  hessian,
  jacfwd,
  jacrev,
  type GradientTransformation,
  jit,
  jvp,
  linearize,
  Module,
  scale,
  Tensor,
  tensor,
  TrainVar,
  tree,
  valueAndGrad,
  type Variable,
  vjp,
  vmap,
} from 'lazuli';
import { describe, expect, expectTypeOf, test } from 'vitest';

type Passed = Tensor | number;
const x = tensor([1, 2]);
class Line extends Module {
  slope = new TrainVar([2, 3]);
  call(input: Tensor): Tensor {
    return input.mul(this.slope.value);
  }
}

describe('transformations', () => {
  test('take and give the trees of the function', () => {
    const f = (p: { w: Tensor; b: Tensor }, s: Tensor): { y: Tensor; z: [Tensor] } => ({ y: p.w.mul(s), z: [p.b] });
    const p = { w: x, b: x };
    const [value, tangent] = jvp(f, [p, 2], [p, 1]);
    expectTypeOf(value).toEqualTypeOf<{ y: Tensor; z: [Tensor] }>();
    expectTypeOf(tangent).toEqualTypeOf<{ y: Tensor; z: [Tensor] }>();
    const [, pullback] = vjp(f, p, 2);
    expectTypeOf(pullback(value)).toEqualTypeOf<[p: { w: Tensor; b: Tensor }, s: Tensor]>();
    const [, along] = linearize((a) => a.sin(), x);
    expectTypeOf(along).parameters.toEqualTypeOf<[a: Passed]>();
    const batched = vmap(f, { inAxes: [{ w: 0, b: null }, null] });
    expectTypeOf(batched).parameter(0).toEqualTypeOf<{ w: Passed; b: Passed }>();
    expectTypeOf(batched(p, 2)).toEqualTypeOf<{ y: Tensor; z: [Tensor] }>();
    expectTypeOf(vmap((a, b) => a.add(b))(x, x)).toEqualTypeOf<Tensor>();
    expectTypeOf(jacrev(f)(p, 2)).toEqualTypeOf<{ y: { w: Tensor; b: Tensor }; z: [{ w: Tensor; b: Tensor }] }>();
    expectTypeOf(jacfwd((a) => a.square())(x)).toEqualTypeOf<Tensor>();
    expectTypeOf(hessian((q: { w: Tensor }) => q.w.square().sum())({ w: x })).toEqualTypeOf<{ w: { w: Tensor } }>();
    expect(tangent.y.arraySync()).toEqual([3, 6]);
  });
});

describe('jit', () => {
  test('a parameter without a type is a Tensor, and takes a number', () => {
    const f = jit((a, b) => a.mul(b));
    expectTypeOf(f).parameters.toEqualTypeOf<[a: Passed, b: Passed]>();
    expectTypeOf(f(x, 3)).toEqualTypeOf<Tensor>();
    expect(f(x, 3).arraySync()).toEqual([3, 6]);
  });

  test('trees, through arrays, objects and Maps', () => {
    const f = jit((params: { w: Tensor; layers: { b: Tensor }[] }, rate: Tensor) => ({
      w: params.w.mul(rate),
      count: 3,
      rest: [params.layers[0]!.b, null] as const,
      byName: new Map([['b', params.layers.map(({ b }) => b)]]),
    }));
    expectTypeOf(f).parameter(0).toEqualTypeOf<{ w: Passed; layers: { b: Passed }[] }>();
    const out = f({ w: x, layers: [{ b: 1 }] }, 2);
    expectTypeOf(out).toEqualTypeOf<{
      w: Tensor;
      count: Tensor;
      rest: readonly [Tensor, null];
      byName: Map<string, Tensor[]>;
    }>();
    expect(out.count).toBeInstanceOf(Tensor);
    expect(out.rest[0].item()).toBe(1);
    expect(out.byName.get('b')![0]!.item()).toBe(1);
  });

  test('a function inside another gives Tensors too, and refuses what it refuses alone', () => {
    const inner = jit((a) => ({ sum: a.sum(), ranks: [1, 2] }));
    const outer = jit((a) => {
      const { sum, ranks } = inner(a);
      expectTypeOf(ranks).toEqualTypeOf<Tensor[]>();
      return sum.add(ranks[1]!.neg());
    });
    expect(outer(x).item()).toBe(1);
    const noted = jit((a) => ({ a, note: 'x' }));
    expect(() => jit((a) => noted(a).a)(x)).toThrow(
      /RESULT_TYPE: noted|RESULT_TYPE: .*returned the string "x" at \.note/,
    );
  });

  test('modules and Variables pass as what they are', () => {
    const f = jit((model: Line, input: Tensor) => [model, model.call(input)] as const);
    expectTypeOf(f).parameters.toEqualTypeOf<[model: Line, input: Passed]>();
    const [copy, out] = f(new Line(), x);
    expectTypeOf(copy).toEqualTypeOf<Line>();
    expect([copy.slope.value.arraySync(), out.arraySync()]).toEqual([
      [2, 3],
      [2, 6],
    ]);
  });

  test('nothing, and parameters that may be left out', () => {
    expectTypeOf(jit(() => undefined)).toBeCallableWith();
    const f = jit((a: Tensor, b?: Tensor) => (b === undefined ? a : a.add(b)));
    expectTypeOf(f).parameters.toEqualTypeOf<[a: Passed, b?: Passed | undefined]>();
    expect([f(1).item(), f(1, 2).item()]).toEqual([1, 3]);
  });

  test('a number inside is a Tensor, and the compiler says so', () => {
    // @ts-expect-error n is a Tensor inside: a parameter cannot say number
    jit((a: Tensor, n: number) => a.mul(n));
    // @ts-expect-error the same in a tree
    jit((options: { rate: number }) => x.mul(options.rate));
    // @ts-expect-error a boolean must be static
    jit((a: Tensor, training: boolean) => (training ? a : a.neg()));
    // @ts-expect-error compared with a number it is never equal
    const f = jit((a, n) => (n === 3 ? a : a.neg()));
    // What the comparison gives when nobody checks types.
    expect(f(1, 3).item()).toBe(-1);
  });

  test('static arguments stay what they are', () => {
    const f = jit((a: Tensor, n: number, mode: 'up' | 'down') => (mode === 'up' ? a.add(n) : a.sub(n)), {
      static: [1, 2],
    });
    expectTypeOf(f).parameters.toEqualTypeOf<[a: Passed, n: number, mode: 'up' | 'down']>();
    const g = jit((a: Tensor, n: number) => (n === 3 ? a : a.neg()), { static: [1] });
    expectTypeOf(g).parameters.toEqualTypeOf<[a: Passed, n: number]>();
    // @ts-expect-error argument 1 is not named
    jit((a: Tensor, n: number, mode: string) => (mode === 'up' ? a.add(n) : a), { static: [2] });
    expect([f(1, 2, 'down').item(), g(1, 3).item()]).toEqual([-1, 1]);
  });

  test('what is no tree of tensors and numbers is refused', () => {
    const f = jit((a) => a);
    expect(() => {
      // @ts-expect-error a string
      f('x');
    }).toThrow(/STATIC_ARGUMENT/);
  });
});

describe('grad and valueAndGrad', () => {
  test('by the first argument, by a position, by several', () => {
    const f = grad((a, b) => a.mul(b).sum());
    expectTypeOf(f).parameters.toEqualTypeOf<[a: Passed, b: Tensor]>();
    expectTypeOf(f(x, x)).toEqualTypeOf<Tensor>();
    const second = grad((a: Tensor, b: { w: Tensor }) => a.mul(b.w).sum(), 1);
    expectTypeOf(second(x, { w: x })).toEqualTypeOf<{ w: Tensor }>();
    const both = grad((a: Tensor, b: { w: Tensor }) => a.mul(b.w).sum(), [1, 0]);
    expectTypeOf(both(x, { w: x })).toEqualTypeOf<[{ w: Tensor }, Tensor]>();
    expect(both(x, { w: x })[0].w.arraySync()).toEqual([1, 2]);
  });

  test('other arguments are what the caller passes', () => {
    const f = valueAndGrad((a: Tensor, mode: 'sum' | 'mean', n: number) => a[mode]().mul(n));
    expectTypeOf(f).parameters.toEqualTypeOf<[a: Passed, mode: 'sum' | 'mean', n: number]>();
    const [value, gradient] = f(x, 'sum', 2);
    expectTypeOf([value, gradient] as const).toEqualTypeOf<readonly [Tensor, Tensor]>();
    expect([value.item(), gradient.arraySync()]).toEqual([6, [2, 2]]);
    // @ts-expect-error what it differentiates by is a Tensor inside
    grad((n: number) => x.mul(n).sum());
  });

  test('by Variables, shaped as their tree', () => {
    const model = new Line();
    const loss = (): Tensor => model.call(x).sum();
    const [value, byName] = valueAndGrad(loss, { vars: model.trainVars() })();
    expectTypeOf(value).toEqualTypeOf<Tensor>();
    expectTypeOf(byName).toEqualTypeOf<Map<string, Tensor>>();
    const byShape = grad(loss, { vars: { slopes: [model.slope] } })();
    expectTypeOf(byShape).toEqualTypeOf<{ slopes: [Tensor] }>();
    const [[gradients], of] = grad((a: Tensor) => model.call(a).sum(), { vars: [model.slope], argnums: 0 })(x);
    expectTypeOf([gradients, of] as const).toEqualTypeOf<readonly [Tensor, Tensor]>();
    expect([gradients.arraySync(), of.arraySync(), byShape.slopes[0].arraySync()]).toEqual([
      [1, 2],
      [2, 3],
      [1, 2],
    ]);
  });

  test('hasAux: the rest keeps its structure', () => {
    const f = valueAndGrad((a: Tensor) => [a.sum(), { twice: a.mul(2), count: 3, note: 'x' }], { hasAux: true });
    const [[value, aux], gradient] = f(x);
    expectTypeOf(value).toEqualTypeOf<Tensor>();
    expectTypeOf(aux).toEqualTypeOf<{ twice: Tensor; count: Tensor; note: string }>();
    expectTypeOf(gradient).toEqualTypeOf<Tensor>();
    expect([aux.count.item(), aux.note]).toEqual([3, 'x']);
    const [by, alone] = grad((a: Tensor) => [a.sum(), a], { hasAux: true })(x);
    expectTypeOf([by, alone] as const).toEqualTypeOf<readonly [Tensor, Tensor]>();
  });

  test('what returns no scalar is refused', () => {
    expect(() =>
      // @ts-expect-error a string
      grad((a: Tensor) => String(a))(x),
    ).toThrow(/NOT_A_SCALAR/);
  });

  test('nested, and inside jit', () => {
    const second = jit((a) => grad((b) => grad((c) => c.pow(3).sum())(b).sum())(a));
    expectTypeOf(second(x)).toEqualTypeOf<Tensor>();
    expect(second(x).arraySync()).toEqual([6, 12]);
  });
});

describe('trees', () => {
  test('map: leaves of every tree in, the same structure out', () => {
    const params = { w: x, layers: [tensor(1)], none: null };
    const norms = tree.map((leaf) => leaf.size, params);
    expectTypeOf(norms).toEqualTypeOf<{ w: number; layers: number[]; none: null }>();
    const sums = tree.map((leaf, by) => leaf.mul(by), params, { w: 2, layers: [3], none: null });
    expectTypeOf(sums).toEqualTypeOf<{ w: Tensor; layers: Tensor[]; none: null }>();
    expect([norms.w, sums.layers[0]!.item()]).toEqual([2, 3]);
    const model = tree.map((leaf) => leaf.mul(2), new Line());
    expectTypeOf(model).toEqualTypeOf<Line>();
    expect(model.slope.value.arraySync()).toEqual([4, 6]);
    expect(() => {
      // @ts-expect-error the leaves are tensors
      tree.map((leaf: string) => leaf.length, { w: tensor(1) }, 5);
    }).toThrow(/TREE_MISMATCH/);
  });

  test('a generic tree keeps its type', () => {
    const doubled = <T>(params: T): T => tree.map((leaf: Tensor) => leaf.mul(2), params);
    expect(doubled({ w: x }).w.arraySync()).toEqual([2, 4]);
  });

  test('flatten, unflatten and leaves', () => {
    const params = new Map([['w', { a: 1, b: [2] }]]);
    const [leaves, treedef] = tree.flatten(params);
    expectTypeOf(leaves).toEqualTypeOf<number[]>();
    const texts = tree.unflatten(treedef, leaves.map(String));
    expectTypeOf(texts).toEqualTypeOf<Map<string, { a: string; b: string[] }>>();
    expectTypeOf(tree.leaves([new Line(), { v: new TrainVar(1) }])).toEqualTypeOf<Tensor[]>();
    expect(texts.get('w')).toEqual({ a: '1', b: ['2'] });
  });
});

test('an optimizer in a step; its variables are iterable, also from a plain dict', () => {
  const model = new Line();
  const opt = new Adadelta({ trainVars: model.trainVars() });
  const step = jit((input, target) => {
    const [loss, grads] = valueAndGrad(() => model.call(input).sub(target).square().mean(), {
      vars: opt.varsToTrain,
    })();
    opt.update(tree.map((g) => g.mul(2), grads));
    return loss;
  });
  expectTypeOf(step(x, 3)).toEqualTypeOf<Tensor>();
  const dict = Object.freeze({ w: new TrainVar([1]), b: new TrainVar([2]) });
  for (const trainVars of [{ ...dict }, dict, new Map(Object.entries(dict))]) {
    const { varsToTrain } = new Adadelta({ trainVars });
    const seen: string[] = [];
    for (const [key, variable] of varsToTrain) {
      expectTypeOf([key, variable] as const).toEqualTypeOf<readonly [string, Variable]>();
      expect(variable).toBe(dict[key as 'w' | 'b']);
      seen.push(key);
    }
    expect(seen).toEqual(['w', 'b']);
    expect(new Collector(varsToTrain).without(varsToTrain).size).toBe(0);
    expect(valueAndGrad(() => dict.w.value.sum(), { vars: varsToTrain })()[1]).toEqual(
      trainVars instanceof Map ? expect.any(Map) : { w: expect.any(Tensor), b: expect.any(Tensor) },
    );
  }
  expect([...new Adadelta().varsToTrain]).toEqual([]);
});

describe('transformations keep the type of the tree', () => {
  const params = { w: x, layers: [tensor(1)] };
  test('update and applyUpdates', () => {
    const tx = chain(clipByGlobalNorm(1), adadelta());
    let state = tx.init(params);
    const result = tx.update(params, state, params);
    expectTypeOf(result.updates).toEqualTypeOf<typeof params>();
    state = result.state;
    const next = applyUpdates(params, result.updates);
    expectTypeOf(next).toEqualTypeOf<typeof params>();
    expect(next.layers[0]).toBeInstanceOf(Tensor);
    expect(state).toHaveLength(2);
  });

  test('one that a user writes', () => {
    const signs: GradientTransformation = {
      init: () => null,
      update: (grads, state) => ({ updates: tree.map((g: Tensor) => g.sign().neg(), grads), state }),
    };
    const { updates } = chain(signs, scale(0.5)).update(params, [null, null], params);
    expect(updates.w.arraySync()).toEqual([-0.5, -0.5]);
  });
});
