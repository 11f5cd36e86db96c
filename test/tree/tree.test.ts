/** Laws of trees: flatten and unflatten are inverse, keys match by name, mismatches say where. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { grad, jit, type Tensor, tensor, tree, TreeError, valueAndGrad, vmap } from 'lazuli';
import { describe, expect, test } from 'vitest';

class Pair {
  constructor(
    readonly first: unknown,
    readonly second: unknown,
    readonly label: string,
  ) {}
}
class Wider extends Pair {}
tree.register(Pair, {
  flatten: (pair) => ({ children: [pair.first, pair.second], names: ['first', 'second'], auxiliary: pair.label }),
  unflatten: (label, [first, second]) => new Pair(first, second, label as string),
});

const leaf = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.string(),
  fc.boolean(),
  fc.constant(Symbol.for('leaf')),
  fc.constant(new Date(0)),
);
const key = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString', 'a', 'b', '0', '1', ''));
const trees = fc.letrec((self) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.constantFrom(null, undefined),
    fc.array(self('tree'), { maxLength: 4 }),
    fc.dictionary(key, self('tree'), { maxKeys: 4 }),
    fc.array(fc.tuple(fc.oneof(key, fc.integer()), self('tree')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.tuple(self('tree'), self('tree'), fc.string()).map(([a, b, label]) => new Pair(a, b, label)),
  ),
})).tree;

const options = { numRuns: 300, seed: 3 };
const messageOf = (f: () => unknown): string => {
  try {
    f();
  } catch (error) {
    expect(error).toBeInstanceOf(TreeError);
    return (error as Error).message;
  }
  return expect.fail('nothing was thrown');
};

/** The same tree with its keys in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (value instanceof Map) return new Map([...value].reverse().map(([k, each]) => [k, reordered(each)]));
  if (value instanceof Pair) return new Pair(reordered(value.first), reordered(value.second), value.label);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  const result = Object.create(Object.getPrototypeOf(value) as object | null) as object;
  for (const name of Object.keys(value).reverse())
    Object.defineProperty(result, name, {
      value: reordered((value as Record<string, unknown>)[name]),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  return result;
}

describe('laws', () => {
  test('unflatten(flatten(x)) = x', () => {
    fc.assert(
      fc.property(trees, (x) => {
        const [leaves, treedef] = tree.flatten(x);
        expect(leaves).toHaveLength(treedef.size);
        expect(isDeepStrictEqual(tree.unflatten(treedef, leaves), normalized(x))).toBe(true);
      }),
      options,
    );
  });
  test('flatten(unflatten(d, leaves)) = (leaves, d), paths are distinct', () => {
    fc.assert(
      fc.property(trees, (x) => {
        const [, treedef] = tree.flatten(x);
        const numbers = Array.from({ length: treedef.size }, (_, i) => i);
        const [leaves, again] = tree.flatten(tree.unflatten(treedef, numbers));
        expect(leaves).toEqual(numbers);
        expect(again.equals(treedef)).toBe(true);
        expect(again.toString()).toBe(treedef.toString());
        const paths = tree.paths(x);
        expect(paths).toHaveLength(treedef.size);
        expect(new Set(paths).size).toBe(treedef.size);
      }),
      options,
    );
  });
  test('the order of keys does not matter', () => {
    fc.assert(
      fc.property(trees, (x) => {
        const y = reordered(x);
        expect(tree.structure(y).equals(tree.structure(x))).toBe(true);
        expect(tree.structure(x).toString() === tree.structure(y).toString() || hasMap(x)).toBe(true);
        expect(tree.map((a: unknown, b: unknown) => Object.is(a, b), x, y)).toEqual(tree.map(() => true, x));
      }),
      options,
    );
  });
  test('map keeps the structure and composes', () => {
    fc.assert(
      fc.property(trees, (x) => {
        const once = tree.map((leafValue: unknown) => [leafValue], x);
        expect(tree.leaves(once)).toEqual(tree.leaves(x));
        expect(tree.structure(tree.map(() => 1, x)).equals(tree.structure(x))).toBe(true);
      }),
      options,
    );
  });
  test('trees of another structure never match', () => {
    fc.assert(
      fc.property(trees, trees, (x, y) => {
        const same = tree.structure(x).equals(tree.structure(y));
        expect(tree.structure(y).equals(tree.structure(x))).toBe(same);
        if (same) expect(tree.leaves(tree.map((a: unknown) => a, x, y))).toEqual(tree.leaves(x));
        else expect(() => tree.map((a: unknown) => a, x, y)).toThrow(TreeError);
      }),
      options,
    );
  });
});

/** A copy, by another way, in which all objects are plain. */
function normalized(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalized);
  if (value instanceof Map) return new Map([...value].map(([k, each]) => [k, normalized(each)]));
  if (value instanceof Pair) return new Pair(normalized(value.first), normalized(value.second), value.label);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([k, each]) => [k, normalized(each)]));
}
const hasMap = (value: unknown): boolean =>
  value instanceof Map ||
  (typeof value === 'object' && value !== null && !(value instanceof Date) && Object.values(value).some(hasMap));

describe('kinds', () => {
  test('arrays, objects, Maps, null, undefined, tensors and classes', () => {
    const t = tensor([1, 2]);
    const value = { list: [t, 2], map: new Map<unknown, unknown>([['k', 3], [4, null]]), none: undefined }; // prettier-ignore
    const [leaves, treedef] = tree.flatten(value);
    expect(leaves).toEqual([t, 2, 3]);
    expect(treedef.toString()).toBe('{list: [*, *], map: Map{k: *, 4: None}, none: undefined}');
    const back = tree.unflatten(treedef, [5, 6, 7]) as typeof value;
    expect(back).toStrictEqual({ list: [5, 6], map: new Map<unknown, unknown>([['k', 7], [4, null]]), none: undefined }); // prettier-ignore
    expect(tree.paths(value)).toEqual(['.list[0]', '.list[1]', '.map.k']);
  });
  test('a class that is not registered is a leaf; a registered one and its subclasses are nodes', () => {
    const date = new Date(0);
    expect(tree.leaves([date])).toEqual([date]);
    const [leaves, treedef] = tree.flatten(new Pair(1, [2, 3], 'x'));
    expect(leaves).toEqual([1, 2, 3]);
    expect(treedef.toString()).toBe('Pair(first: *, second: [*, *])');
    expect(tree.unflatten(treedef, [4, 5, 6])).toEqual(new Pair(4, [5, 6], 'x'));
    expect(tree.leaves(new Wider(1, 2, 'x'))).toEqual([1, 2]);
    expect(tree.structure(new Wider(1, 2, 'x')).equals(tree.structure(new Pair(1, 2, 'x')))).toBe(false);
    expect(tree.structure(new Pair(1, 2, 'y')).equals(tree.structure(new Pair(1, 2, 'x')))).toBe(false);
  });
  test('a hole of an array is undefined', () => {
    const holed = Object.assign(new Array<number>(2), { 1: 5 });
    const [leaves, treedef] = tree.flatten(holed);
    expect([leaves, String(treedef)]).toEqual([[5], '[undefined, *]']);
  });
  test('a key __proto__ is a key', () => {
    const value = JSON.parse('{"__proto__": {"polluted": 1}, "a": 2}') as object;
    const [leaves, treedef] = tree.flatten(value);
    expect(leaves).toEqual([1, 2]);
    const back = tree.unflatten(treedef, leaves);
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(Object.keys(back)).toEqual(['__proto__', 'a']);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(tree.leaves(tree.map((x: number) => x + 1, value))).toEqual([2, 3]);
  });
});

describe('mistakes', () => {
  test('a registered class that does not say what its children are', () => {
    class Odd {}
    tree.register(Odd, { flatten: () => [[1], 'x'] as never, unflatten: () => new Odd() });
    expect(() => tree.leaves([new Odd()])).toThrow(/NODE_RESULT: flatten of Odd, as registered, returned an array/);
  });
  test.each([
    [{ a: [1, 2] }, { a: [1, 2, 3] }, /\.a/, '{a: [*, *]}', '{a: [*, *, *]}'],
    [{ a: 1, b: 2 }, { a: 1 }, /\.b is only in the first/, '{a: *, b: *}', '{a: *}'],
    [{ a: 1 }, { a: 1, c: { d: 2 } }, /\.c is only in the second/, '{a: *}', '{a: *, c: {d: *}}'],
    [[1, { x: 1 }], [1, [1]], /\[1\] is an object and an array/, '[*, {x: *}]', '[*, [*]]'],
    [{ m: new Map([['k', 1]]) }, { m: { k: 1 } }, /\.m is a Map and an object/, '{m: Map{k: *}}', '{m: {k: *}}'],
    [[null], [undefined], /\[0\] is null and undefined/, '[None]', '[undefined]'],
    [[null], [1], /\[0\] is null and a leaf/, '[None]', '[*]'],
  ])('map of %o and %o names the path and both structures', (a, b, path, first, second) => {
    const message = messageOf(() => tree.map((x: unknown) => x, a, b));
    expect(message).toMatch(/TREE_MISMATCH/);
    expect(message).toMatch(path);
    expect(message).toContain(first);
    expect(message).toContain(second);
  });
  test('a cycle', () => {
    const loop: Record<string, unknown> = { a: 1 };
    loop.self = [loop];
    expect(messageOf(() => tree.flatten(loop))).toMatch(/TREE_CYCLE/);
    const shared = [1];
    expect(tree.leaves([shared, shared])).toEqual([1, 1]);
  });
  test('more levels than functions that call themselves have room for', () => {
    const nested = (levels: number): unknown => {
      let value: unknown = tensor(1);
      for (let i = 0; i < levels; i++) value = [value];
      return value;
    };
    const deep = nested(990);
    expect(tree.leaves(jit((x: unknown) => tree.map((leaf: Tensor) => leaf.mul(2), x))(deep))).toHaveLength(1);
    expect(messageOf(() => tree.map((x: unknown) => x, deep, nested(989)))).toMatch(/TREE_MISMATCH/);
    const vars = new Map<string, unknown>();
    vars.set('a', vars);
    for (const use of [
      tree.flatten,
      jit((x: unknown) => x),
      grad((x: unknown) => tree.leaves(x)[0] as Tensor),
      vmap((x: unknown) => x),
      (x: unknown) => tree.flattenUpTo(tree.structure(deep), x),
      () => valueAndGrad(() => tensor(1), { vars: vars as never })(),
    ])
      expect(messageOf(() => use(nested(20_000)))).toMatch(/TREE_DEPTH.* 1000/);
  });
  test('too few and too many leaves', () => {
    const treedef = tree.structure([1, 2]);
    expect(messageOf(() => tree.unflatten(treedef, [1]))).toMatch(/TREE_LEAVES.*2 leaves and got 1/);
    expect(messageOf(() => tree.unflatten(treedef, [1, 2, 3]))).toMatch(/TREE_LEAVES/);
  });
});

describe('objects with an identity', () => {
  class Cell {
    constructor(readonly value: unknown) {}
  }
  tree.register(Cell, {
    flatten: ({ value }) => ({ children: [value], names: ['value'] }),
    unflatten: (_, [value]) => new Cell(value),
    shared: true,
  });
  const add = (a: number, b: number): number => a + b;

  test('have their leaves once, and stay one object', () => {
    const [inner, other] = [new Cell(1), new Cell(5)];
    const outer = new Cell([inner, 2]);
    const value = { outer, again: outer, list: [inner, other, new Map([['k', other]])] };
    expect(tree.leaves(value)).toEqual([1, 2, 5]);
    expect(tree.paths(value)).toEqual(['.outer.value[0].value', '.outer.value[1]', '.list[1].value']);
    expect(String(tree.structure(value))).toBe(
      '{again: ^0, list: [^1, Cell(value: *), Map{k: ^2}], outer: Cell(value: [Cell(value: *), *])}',
    );
    const copy = tree.map((x: number) => 10 * x, value);
    expect(copy.again).toBe(copy.outer);
    expect(copy.list[0]).toBe((copy.outer.value as unknown[])[0]);
    expect((copy.list[2] as Map<string, Cell>).get('k')).toBe(copy.list[1]);
    expect(tree.leaves(copy)).toEqual([10, 20, 50]);
  });

  test('match where the same ones repeat, in any order of keys', () => {
    const [a, b] = [new Cell(1), new Cell(2)];
    const [c, d] = [new Cell(30), new Cell(40)];
    const sum = tree.map(add, { x: a, y: b, z: [a, b] }, { z: [c, d], y: d, x: c });
    expect([sum.x.value, sum.y.value]).toEqual([31, 42]);
    for (const [first, second] of [
      [
        [a, a],
        [c, d],
      ],
      [
        [a, b],
        [c, c],
      ],
      [
        [a, b, a],
        [c, d, d],
      ],
      [
        [a, a],
        [c, 3],
      ],
    ])
      expect(messageOf(() => tree.map(add, first, second))).toMatch(/TREE_MISMATCH.*\[1\]|TREE_MISMATCH.*\[2\]/);
  });
});
