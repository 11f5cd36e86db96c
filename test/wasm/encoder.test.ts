/**
 * The assembler: each row of the opcode table makes a valid module, and its WAT reads back to the same bytes in wabt.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import wabtFactory from 'wabt';
import type { FunctionBody } from '../../backends/wasm/body.js';
import { ModuleBuilder } from '../../backends/wasm/encoder.js';
import {
  allOps,
  opOf,
  type MemoryLaneOp,
  type LaneOp,
  type MemoryOp,
  type OpName,
  type PlainOp,
} from '../../backends/wasm/opcodes.js';
import type { ValueType } from '../../backends/wasm/types.js';
import { floatText, printModule } from '../../backends/wasm/wat.js';
import { ByteWriter } from '../../backends/wasm/writer.js';
import { effectOf, verifyModule } from './verify.js';

const wabt = await wabtFactory();
const FEATURES = {
  simd: true,
  threads: true,
  bulk_memory: true,
  sat_float_to_int: true,
  mutable_globals: true,
} as const;

/** The bytes that wabt makes of our text. */
function throughWabt(module: ModuleBuilder): Uint8Array {
  const parsed = wabt.parseWat('test.wat', printModule(module), FEATURES);
  try {
    parsed.resolveNames();
    return parsed.toBinary({ canonicalize_lebs: true, write_debug_names: false }).buffer;
  } finally {
    parsed.destroy();
  }
}

/** Verifies, validates and cross-checks `module`; returns an instance of it. */
function check(
  module: ModuleBuilder,
  memory?: WebAssembly.Memory,
): Record<string, (...xs: (number | bigint)[]) => number> {
  verifyModule(module);
  const bytes = module.toBytes();
  expect(WebAssembly.validate(bytes)).toBe(true);
  expect(WebAssembly.validate(module.toBytes({ names: true }))).toBe(true);
  expect(Buffer.from(throughWabt(module)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
  const imports = memory ? { env: { memory } } : {};
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports as never;
}

function pushConstant(f: FunctionBody, type: ValueType): void {
  switch (type) {
    case 'i32':
      return void f.i32(16);
    case 'i64':
      return void f.i64(-5n);
    case 'f32':
      return void f.f32(1.5);
    case 'f64':
      return void f.f64(-0.1);
    case 'v128':
      return void f.v128([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255]);
    default:
      return type satisfies never;
  }
}

/** A use of `name` by its immediate's kind. */
function use(f: FunctionBody, name: OpName): void {
  const op = opOf(name);
  const { immediate } = op;
  const { operands, results } = effectOf(op);
  for (const type of operands) pushConstant(f, type);
  if (immediate === 'memory') f.memory(name as MemoryOp, 48);
  else if (immediate === 'memoryLane') f.memoryLane(name as MemoryLaneOp, 1, 16);
  else if (immediate === 'lane') f.lane(name as LaneOp, 1);
  else if (immediate === 'shuffle') f.shuffle([0, 17, 2, 19, 4, 21, 6, 23, 8, 25, 10, 27, 12, 29, 14, 31]);
  else f.op(name as PlainOp);
  for (let k = 0; k < results.length; k++) f.op('drop');
}

const CONTROL = new Set<OpName>([
  'block',
  'loop',
  'if',
  'else',
  'end',
  'br',
  'br_if',
  'br_table',
  'return',
  'unreachable',
  'call',
  'drop',
  'select',
  'local.get',
  'local.set',
  'local.tee',
  'global.get',
  'global.set',
  'i32.const',
  'i64.const',
  'f32.const',
  'f64.const',
  'v128.const',
]);

describe('opcode table', () => {
  test.each([...allOps().keys()].filter((name) => !CONTROL.has(name)))('%s', (name) => {
    const module = new ModuleBuilder();
    module.importMemory({ module: 'env', field: 'memory', minimum: 1, maximum: 65536, shared: true });
    module.export(
      'f',
      module.function('f', {}, [], (f) => use(f, name)),
    );
    check(module, new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true }));
  });
});

describe('modules', () => {
  test('control flow, globals and calls', () => {
    const module = new ModuleBuilder();
    module.importMemory({ module: 'env', field: 'memory', minimum: 1, maximum: 2, shared: false });
    const counter = module.global('counter', -7);
    const square = module.function('square "x"', { x: 'i32' }, ['i32'], (f, { x }) => f.get(x).get(x).op('i32.mul'));
    const sum = module.function('sum of squares', { n: 'i32' }, ['i32'], (f, { n }) => {
      const i = f.local('i32', 'i');
      const total = f.local('i32');
      f.block((exit) => {
        f.loop((again) => {
          f.get(i).get(n).op('i32.ge_s').brIf(exit);
          f.get(total).get(i).call(square).op('i32.add').set(total);
          f.increment(i, 1).br(again);
        });
      });
      f.get(total).i32(100).op('i32.gt_s');
      f.if(
        () => f.i32(-1),
        () => f.get(total),
        'i32',
      );
      f.getGlobal(counter).i32(1).op('i32.add').setGlobal(counter);
      f.i32(0).memory('i32.load', 8).op('i32.add');
    });
    const pick = module.function('pick', { x: 'i32' }, ['i32'], (f, { x }) => {
      f.block((last) => {
        f.block((second) => {
          f.block((first) => f.get(x).brTable([first, second, last]));
          f.i32(10).op('return');
        });
        f.i32(20).op('return');
      });
      f.i32(30).i32(40).get(x).op('select');
    });
    module.export('sum "of"\n squares', sum);
    module.export('pick', pick);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2 });
    new Uint8Array(memory.buffer)[8] = 1;
    const instance = check(module, memory);
    expect(instance['sum "of"\n squares']!(4)).toBe(15);
    expect(instance['sum "of"\n squares']!(40)).toBe(0);
    expect([0, 1, 2].map((x) => instance.pick!(x))).toEqual([10, 20, 30]);
  });

  test('vectors', () => {
    const module = new ModuleBuilder();
    module.importMemory({ module: 'env', field: 'memory', minimum: 1, maximum: 2, shared: false });
    const reverse = module.function('reverse', { p: 'i32' }, [], (f, { p }) => {
      f.get(p).get(p).memory('v128.load').get(p).memory('v128.load', 16).shuffle32(7, 2, 5, 0).memory('v128.store');
      f.get(p).get(p).memory('v128.load', 16, 2).memoryLane('v128.store64_lane', 1, 32);
    });
    module.export('reverse', reverse);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2 });
    const floats = new Float32Array(memory.buffer);
    floats.set([1, 2, 3, 4, 5, 6, 7, 8]);
    check(module, memory).reverse!(0);
    expect([...floats.subarray(0, 10)]).toEqual([8, 3, 6, 1, 5, 6, 7, 8, 7, 8]);
  });
});

describe('verify', () => {
  const built = (write: (f: FunctionBody) => void) => (): void => {
    const module = new ModuleBuilder();
    module.function('broken', { x: 'i32' }, ['f32'], write);
    verifyModule(module);
  };
  test.each<[string, (f: FunctionBody) => void, RegExp]>([
    [
      'missing operand',
      (f) => f.f32(1).op('f32.add'),
      /broken, instruction 1 \(f32.add\): wants f32, the stack is empty/,
    ],
    ['wrong type', (f) => f.f32(1).f64(1).op('f32.add'), /instruction 2 .*wants f32, the stack has f64/],
    ['operands left', (f) => f.f32(1).f32(2), /leaves 1 operands behind/],
    ['missing result', (f) => f.i32(1).op('drop'), /wants f32, the stack is empty/],
    ['lane', (f) => f.v128(Array<number>(16).fill(0)).lane('f32x4.extract_lane', 4), /lane 4 of 4/],
    ['alignment', (f) => f.i32(0).memory('f32.load', 0, 3), /alignment/],
    ['reading past a block', (f) => f.f32(1).block(() => f.op('f32.neg')), /wants f32, the stack is empty/],
    ['if without else', (f) => f.i32(1).if(() => f.f32(1), undefined, 'f32'), /no else/],
  ])('%s', (_, write, message) => {
    expect(built(write)).toThrow(message);
  });
  test('code after a branch may take anything', () => {
    expect(built((f) => f.op('unreachable').op('f32.add'))).not.toThrow();
  });
});

describe('number formats', () => {
  test('LEB128 agrees with a plain decoder', () => {
    const decode = (bytes: Uint8Array, signed: boolean): bigint => {
      let value = 0n;
      bytes.forEach((byte, index) => (value |= BigInt(byte & 127) << BigInt(7 * index)));
      const bits = 7 * bytes.length;
      return signed ? BigInt.asIntN(bits, value) : value;
    };
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (value) => {
        expect(decode(new ByteWriter().signed64(value).toBytes(), true)).toBe(value);
        expect(decode(new ByteWriter().signed(Number(BigInt.asIntN(32, value))).toBytes(), true)).toBe(
          BigInt.asIntN(32, value),
        );
        expect(decode(new ByteWriter().unsigned(Number(BigInt.asUintN(32, value))).toBytes(), false)).toBe(
          BigInt.asUintN(32, value),
        );
      }),
    );
  });

  test('constants keep their bits', () => {
    const values = [0, -0, 1, -1, 0.1, Infinity, -Infinity, NaN, 1e-45, 1.17549435e-38, 3.4028234e38, 16777217].map(
      Math.fround,
    );
    const module = new ModuleBuilder();
    values.forEach((value, k) =>
      module.export(
        `f${k}`,
        module.function('c', {}, ['f32'], (f) => f.f32(value)),
      ),
    );
    values.forEach((value, k) =>
      module.export(
        `d${k}`,
        module.function('c', {}, ['f64'], (f) => f.f64(value / 3)),
      ),
    );
    const instance = check(module);
    values.forEach((value, k) => {
      expect(instance[`f${k}`]!()).toBe(value);
      expect(instance[`d${k}`]!()).toBe(value / 3);
    });
    expect(floatText(-0)).toBe('-0');
  });
});
