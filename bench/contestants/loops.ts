/** Loops written by hand: `node loops.js js|wasm`. What the emitters are held against. */
import wabt from 'wabt';
import { gradientSeed, SEEDS, uniform } from '../run/inputs.js';
import { type Makers, repeated, serve } from '../run/serve.js';

const { fround, sqrt } = Math;
const RHO = fround(0.95);
const REST = fround(0.05);
const EPSILON = fround(1e-6);

/** One Adadelta update in f32: every operation rounded by `Math.fround`. */
function adadelta(g: Float32Array, s: Float32Array, x: Float32Array, d: Float32Array): void {
  for (let i = 0; i < g.length; i++) {
    const gi = g[i]!;
    const si = fround(fround(RHO * s[i]!) + fround(fround(REST * gi) * gi));
    const di = d[i]!;
    const u = fround(fround(sqrt(fround(fround(di + EPSILON) / fround(si + EPSILON)))) * gi);
    s[i] = si;
    x[i] = fround(x[i]! - u);
    d[i] = fround(fround(RHO * di) + fround(fround(REST * u) * u));
  }
}

/** C = A·B by tiles of 4×4 accumulators; m and n are multiples of 4. */
function multiply(a: Float32Array, b: Float32Array, c: Float32Array, m: number, k: number, n: number): void {
  for (let i = 0; i < m; i += 4)
    for (let j = 0; j < n; j += 4) {
      let c00 = 0,
        c01 = 0,
        c02 = 0,
        c03 = 0;
      let c10 = 0,
        c11 = 0,
        c12 = 0,
        c13 = 0;
      let c20 = 0,
        c21 = 0,
        c22 = 0,
        c23 = 0;
      let c30 = 0,
        c31 = 0,
        c32 = 0,
        c33 = 0;
      for (let l = 0, p = i * k, q = j; l < k; l++, p++, q += n) {
        const b0 = b[q]!;
        const b1 = b[q + 1]!;
        const b2 = b[q + 2]!;
        const b3 = b[q + 3]!;
        let ai = a[p]!;
        c00 = fround(c00 + fround(ai * b0));
        c01 = fround(c01 + fround(ai * b1));
        c02 = fround(c02 + fround(ai * b2));
        c03 = fround(c03 + fround(ai * b3));
        ai = a[p + k]!;
        c10 = fround(c10 + fround(ai * b0));
        c11 = fround(c11 + fround(ai * b1));
        c12 = fround(c12 + fround(ai * b2));
        c13 = fround(c13 + fround(ai * b3));
        ai = a[p + 2 * k]!;
        c20 = fround(c20 + fround(ai * b0));
        c21 = fround(c21 + fround(ai * b1));
        c22 = fround(c22 + fround(ai * b2));
        c23 = fround(c23 + fround(ai * b3));
        ai = a[p + 3 * k]!;
        c30 = fround(c30 + fround(ai * b0));
        c31 = fround(c31 + fround(ai * b1));
        c32 = fround(c32 + fround(ai * b2));
        c33 = fround(c33 + fround(ai * b3));
      }
      let at = i * n + j;
      c[at] = c00;
      c[at + 1] = c01;
      c[at + 2] = c02;
      c[at + 3] = c03;
      at = at + n;
      c[at] = c10;
      c[at + 1] = c11;
      c[at + 2] = c12;
      c[at + 3] = c13;
      at = at + n;
      c[at] = c20;
      c[at + 1] = c21;
      c[at + 2] = c22;
      c[at + 3] = c23;
      at = at + n;
      c[at] = c30;
      c[at + 1] = c31;
      c[at + 2] = c32;
      c[at + 3] = c33;
    }
}

const javascript: Makers = {
  adadelta({ count, size }) {
    const slots = Array.from({ length: count }, (_, p) => ({
      g: uniform(size, gradientSeed(p)),
      s: new Float32Array(size),
      x: new Float32Array(size),
      d: new Float32Array(size),
    }));
    return {
      modes: repeated(() => {
        for (const { g, s, x, d } of slots) adadelta(g, s, x, d);
      }),
      results: () => [slots[count - 1]!.x],
    };
  },
  matmul({ m, k, n, transposed }) {
    // Written for plain operands and whole tiles.
    if (transposed !== 'none' || m % 4 !== 0) return undefined;
    const [a, b, c] = [uniform(m * k, SEEDS.a), uniform(k * n, SEEDS.b), new Float32Array(m * n)];
    return { modes: repeated(() => multiply(a, b, c, m, k, n)), results: () => [c] };
  },
};

/** Two vectors a turn: division and square root of one overlap with the other's. */
function adadeltaModule(): string {
  const constant = (value: number): string => `(v128.const f32x4 ${`${value} `.repeat(4)})`;
  const vector = (v: number): string => {
    const at = (pointer: string): string => `(v128.load offset=${16 * v} (local.get $${pointer}))`;
    const put = (pointer: string, value: string): string =>
      `(v128.store offset=${16 * v} (local.get $${pointer}) ${value})`;
    const op = (name: string, ...args: string[]): string => `(f32x4.${name} ${args.join(' ')})`;
    const [g, s, d, u] = [`(local.get $g${v})`, `(local.get $s${v})`, `(local.get $d${v})`, `(local.get $u${v})`];
    const [rho, rest, epsilon] = ['(local.get $rho)', '(local.get $rest)', '(local.get $epsilon)'];
    return `
      (local.set $g${v} ${at('g')})
      (local.set $d${v} ${at('d')})
      (local.set $s${v} ${op('add', op('mul', rho, at('s')), op('mul', op('mul', rest, g), g))})
      (local.set $u${v} ${op('mul', op('sqrt', op('div', op('add', d, epsilon), op('add', s, epsilon))), g)})
      ${put('s', s)}
      ${put('x', op('sub', at('x'), u))}
      ${put('d', op('add', op('mul', rho, d), op('mul', op('mul', rest, u), u)))}`;
  };
  const advance = ['g', 's', 'x', 'd'].map((p) => `(local.set $${p} (i32.add (local.get $${p}) (i32.const 32)))`);
  return `(module
    (import "env" "memory" (memory 1))
    (func (export "adadelta") (param $g i32) (param $s i32) (param $x i32) (param $d i32) (param $size i32)
      (local $end i32) (local $rho v128) (local $rest v128) (local $epsilon v128)
      ${[0, 1].map((v) => `(local $g${v} v128) (local $s${v} v128) (local $d${v} v128) (local $u${v} v128)`).join(' ')}
      (local.set $rho ${constant(0.95)}) (local.set $rest ${constant(0.05)}) (local.set $epsilon ${constant(1e-6)})
      (local.set $end (i32.add (local.get $g) (i32.shl (local.get $size) (i32.const 2))))
      (loop $turn ${vector(0)} ${vector(1)}
        ${advance.join(' ')}
        (br_if $turn (i32.lt_u (local.get $g) (local.get $end))))))`;
}

async function webAssembly(): Promise<Makers> {
  const { parseWat } = await wabt();
  const { buffer } = parseWat('adadelta.wat', adadeltaModule(), { simd: true }).toBinary({});
  const module = new WebAssembly.Module(buffer as Uint8Array<ArrayBuffer>);
  return {
    adadelta({ count, size }) {
      if (size % 8 !== 0) throw new Error('written for multiples of eight elements');
      const bytes = 4 * size;
      const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * bytes * count) / 65536) });
      const { exports } = new WebAssembly.Instance(module, { env: { memory } });
      const update = exports['adadelta'] as (g: number, s: number, x: number, d: number, size: number) => void;
      const start = (p: number, slot: number): number => (4 * p + slot) * bytes;
      for (let p = 0; p < count; p++)
        new Float32Array(memory.buffer, start(p, 0), size).set(uniform(size, gradientSeed(p)));
      return {
        modes: repeated(() => {
          for (let p = 0; p < count; p++) update(start(p, 0), start(p, 1), start(p, 2), start(p, 3), size);
        }),
        results: () => [new Float32Array(memory.buffer, start(count - 1, 2), size)],
      };
    },
  };
}

await serve(async () =>
  process.argv[2] === 'wasm'
    ? { version: 'WebAssembly SIMD by hand', makers: await webAssembly() }
    : { version: 'JavaScript by hand', makers: javascript },
);
