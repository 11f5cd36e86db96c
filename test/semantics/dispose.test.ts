/** `dispose` gives one handle up: what other handles, Variables, traces and pending nodes need stays; the rest is freed at once. */
import { DisposedError, grad, jit, setDefaultBackend, tensor, type Tensor, Variable, zeros } from 'lazuli';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { EagerNode } from '../../src/trace/eager-scope.js';
import type { Storage } from '../../src/runtime/storage.js';
import { BACKENDS } from '../support/backends.js';

const list = (x: Tensor): number[] => [...x.dataSync()];
const storageOf = (x: Tensor): Storage => {
  void x.dataSync();
  return (x.expr as EagerNode).storage!;
};
const isFreed = (storage: Storage): boolean => {
  try {
    storage.readSync();
    return false;
  } catch (error) {
    if (error instanceof DisposedError) return true;
    throw error;
  }
};

afterAll(() => setDefaultBackend('js'));

describe.each(BACKENDS)('on %s', (backend) => {
  beforeEach(() => setDefaultBackend(backend));

  test('a value computed before without being stored keeps what it is computed from', () => {
    const a = tensor([1]);
    const b = a.add(1);
    expect(b.mul(2).item()).toBe(4);
    a.dispose();
    expect(b.item()).toBe(2);
  });

  test('so does a Variable', () => {
    const w = new Variable([5, 6]);
    const g = tensor([1, 2]);
    w.value = w.value.sub(g);
    expect(list(w.value.square())).toEqual([16, 16]);
    g.dispose();
    expect(list(w.value)).toEqual([4, 4]);
    w.value = w.value.mul(2);
    expect(list(w.value)).toEqual([8, 8]);
  });

  test('so does what a block that has ended was using', () => {
    const results: Tensor[] = [];
    const w = new Variable([0, 0]);
    {
      using x = tensor([1, 2]);
      using y = x.mul(3);
      using sum = y.sum();
      results.push(y.add(x), y.exp().log().round());
      w.value = w.value.add(y);
      expect(sum.item()).toBe(9);
      expect(w.value.sum().item()).toBe(9);
    }
    expect(results.map(list)).toEqual([
      [4, 8],
      [3, 6],
    ]);
    expect(list(w.value)).toEqual([3, 6]);
  });

  test('what a function captured and what gradients need stays', () => {
    const x = tensor([1, 2]);
    const y = x.mul(2);
    const f = jit((t: Tensor) => t.mul(y));
    const first = f(x);
    y.dispose();
    const g = grad((t: Tensor) => t.mul(x).square().sum())(x);
    expect(g.sum().item()).toBe(18);
    x.dispose();
    expect(list(first)).toEqual([2, 8]);
    expect(list(g)).toEqual([2, 16]);
    expect(list(f(tensor([1, 1])))).toEqual([2, 4]);
  });

  test('a value that two handles share goes with the last', () => {
    const x = tensor([1, 2]);
    const [a, b] = [x.add(1), x.add(1)];
    a.dispose();
    expect(list(b)).toEqual([2, 3]);
    const w = new Variable(b);
    b.dispose();
    expect(list(w.value)).toEqual([2, 3]);
  });

  test('equal values made after the disposal of one are new ones', () => {
    const x = tensor([1, 2]);
    for (const make of [(): Tensor => zeros([3]), () => x.add(1), () => x.mul(2).add(1)]) {
      const first = make();
      const want = list(first);
      first.dispose();
      expect(list(make())).toEqual(want);
      make().dispose();
      expect(list(make())).toEqual(want);
    }
  });

  test('a value whose only reader was disposed is pending again', () => {
    const w = new Variable([0]);
    for (let i = 0; i < 1500; i++) {
      w.value = w.value.add(1);
      w.value.square().dispose();
    }
    expect(w.value.item()).toBe(1500);
  });

  test('memory is freed with the last that could need it', () => {
    const x = tensor(new Float32Array(5000).fill(1));
    const storage = storageOf(x);
    const y = x.add(1);
    const z = y.mul(2);
    x.dispose();
    expect(isFreed(storage)).toBe(false);
    z.dispose();
    expect(isFreed(storage)).toBe(false);
    const sum = y.sum();
    y.dispose();
    expect(isFreed(storage)).toBe(false);
    expect(sum.item()).toBe(10_000);
    expect(isFreed(storage)).toBe(true);
  });

  test('so is that of a value which was computed beside what was asked for', () => {
    const x = tensor(new Float32Array(5000).fill(1));
    const y = x.add(1);
    expect(y.mul(2).sum().item()).toBe(20_000);
    const storages = [x, y].map(storageOf);
    x.dispose();
    y.dispose();
    expect(storages.map(isFreed)).toEqual([true, true]);
  });

  test('memory of a value that nothing reads is freed at once, and a handle only once', () => {
    const x = tensor([1, 2]);
    const pending = x.softmax(0);
    expect(pending.sum().item()).toBeCloseTo(1, 6);
    const storage = storageOf(x);
    pending.dispose();
    pending.dispose();
    expect(isFreed(storage)).toBe(false);
    x.dispose();
    expect(isFreed(storage)).toBe(true);
    x.dispose();
    expect(() => x.dataSync()).toThrow(DisposedError);
  });

  test('a value that a Variable has left is freed with its last handle', () => {
    const x = tensor([1, 2]);
    const storage = storageOf(x);
    const w = new Variable(x);
    x.dispose();
    expect(isFreed(storage)).toBe(false);
    w.value = tensor([3, 4]);
    expect(isFreed(storage)).toBe(true);
  });
});
