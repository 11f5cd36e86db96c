/**
 * gpu.js in its `webasm` mode, called synchronously: f32x4, one thread. A kernel has one output there, so Adadelta takes
 * three. It has no derivatives, so nothing here trains a network.
 */
import { GPU, type IConstants, type IKernelRunShortcut } from 'gpu.js';
import { gradientSeed, SEEDS, uniform } from '../run/inputs.js';
import { type Makers, repeated, serve } from '../run/serve.js';
import { packageVersion } from '../run/versions.js';

type Kernel = (...args: (Float32Array | number)[]) => Float32Array;

// Its types do not know the mode, nor that kernels may be text.
const gpu = new GPU({ mode: 'webasm' as 'cpu' });

/** It falls back to plain JavaScript without a word, so what ran is asserted after the first call. */
function kernel(source: string, output: number[], constants: IConstants = {}): Kernel {
  const made = gpu.createKernel(source as never, { output, constants }) as unknown as IKernelRunShortcut;
  let asserted = false;
  return (...args) => {
    const result = (made as unknown as Kernel)(...args);
    if (!asserted) {
      const inner = made.kernel as unknown as { constructor: { mode: string }; fallbackReason: string | null };
      if (inner.constructor.mode !== 'webasm' || inner.fallbackReason !== null)
        throw new Error(`gpu.js ran in mode ${inner.constructor.mode}: ${inner.fallbackReason}`);
      asserted = true;
    }
    return result;
  };
}

const I = 'this.thread.x';

const makers: Makers = {
  adadelta({ count, size }) {
    const constants = { rho: 0.95, rest: 0.05, epsilon: 1e-6 };
    const k = 'this.constants.';
    const u = `Math.sqrt((d[${I}] + ${k}epsilon) / (s[${I}] + ${k}epsilon)) * g[${I}]`;
    const nextS = kernel(
      `function (g, s) { return ${k}rho * s[${I}] + ${k}rest * g[${I}] * g[${I}]; }`,
      [size],
      constants,
    );
    const nextX = kernel(`function (x, g, s, d) { return x[${I}] - ${u}; }`, [size], constants);
    const nextD = kernel(
      `function (g, s, d) { const u = ${u}; return ${k}rho * d[${I}] + ${k}rest * u * u; }`,
      [size],
      constants,
    );
    const slots = Array.from({ length: count }, (_, p) => ({
      g: uniform(size, gradientSeed(p)),
      x: new Float32Array(size) as Float32Array,
      s: new Float32Array(size) as Float32Array,
      d: new Float32Array(size) as Float32Array,
    }));
    return {
      modes: repeated(() => {
        for (const slot of slots) {
          const { g, d } = slot;
          slot.s = nextS(g, slot.s);
          slot.x = nextX(slot.x, g, slot.s, d);
          slot.d = nextD(g, slot.s, d);
        }
      }),
      results: () => [slots[count - 1]!.x],
      note: 'three kernels a parameter',
    };
  },

  matmul({ m, k, n, transposed }) {
    // Flat operands: it takes nested arrays for matrices, which cost more.
    const y = 'this.thread.y';
    const a = transposed === 'a' ? `a[l * ${m} + ${y}]` : `a[${y} * ${k} + l]`;
    const b = transposed === 'b' ? `b[${I} * ${k} + l]` : `b[l * ${n} + ${I}]`;
    const multiply = kernel(
      `function (a, b) { let sum = 0; for (let l = 0; l < ${k}; l++) sum += ${a} * ${b}; return sum; }`,
      [n, m],
    ) as unknown as (...args: Float32Array[]) => Float32Array[];
    const left = uniform(m * k, SEEDS.a);
    const right = uniform(k * n, SEEDS.b);
    return {
      modes: repeated(() => multiply(left, right)),
      results: () => {
        const product = new Float32Array(m * n);
        multiply(left, right).forEach((row, i) => product.set(row, i * n));
        return [product];
      },
    };
  },
};

await serve(async () => ({ version: `gpu.js ${packageVersion('gpu.js')}, webasm`, makers }));
