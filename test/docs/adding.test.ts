/**
 * What ARCHITECTURE.md says of adding a primitive and a backend, done: this file holds all that either takes, so nothing else
 * knows their names. A primitive is one entry and a function; a backend an object with its target, and a printer of loops.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { grad, jit, jvp, tensor, type Tensor, TrainVar, valueAndGrad, vmap } from 'lazuli';
import { expect, test } from 'vitest';
import type { TypedArray } from '../../src/core/dtype.js';
import { make } from '../../src/core/expr.js';
import type { ScalarOp } from '../../src/core/scalar-op.js';
import type { LoopFunction, StatementOf } from '../../src/lower/loops.js';
import { LoopPrinter } from '../../src/lower/printer.js';
import { launchesOf } from '../../src/lower/program.js';
import { scalarTarget } from '../../src/lower/scalar-target.js';
import { define } from '../../src/ops/define.js';
import { scalarFunction } from '../../src/ops/scalar.js';
import type { Backend, Executable } from '../../src/runtime/backend.js';
import { type HostBuffer, hostMemory } from '../../src/runtime/host-memory.js';
import { asExpr, type Operand } from '../../src/trace/operand.js';
import { apply } from '../../src/trace/tensor.js';
import { BACKENDS, nameOf } from '../support/backends.js';

// A primitive: one entry …
const softsignPrimitive = define({
  name: 'softsign',
  kind: 'elementwise',
  infer: ([x]) => x!,
  // x / (1 + |x|)
  decompose: (b, [x]) => b.div(x!, b.add(b.constant(1, b.dtypeOf(x!)), b.abs(x!))),
  // 1 / (1 + |x|)²
  vjp: (g, node, b) => {
    const whole = b.add(b.constantLike(g, 1), b.abs(node.input()));
    return [b.div(g, b.mul(whole, whole))];
  },
});
// … and a function.
const softsign = (x: Tensor): Tensor => apply((each: Operand) => make(softsignPrimitive, [asExpr(each)]), x);

// A backend: a printer of loops, whose language is calls of named operations …
type Entry = (table: readonly TypedArray[]) => void;

class ToyPrinter extends LoopPrinter {
  constructor(code: LoopFunction) {
    super(code, { constant: 'const', variable: 'let', least: 'Math.min' });
  }
  readonly operation = (op: ScalarOp, from: string, to: string, operands: readonly string[]): string =>
    `op('${op}', '${from}', '${to}')(${operands.join(', ')})`;

  coordinate(of: string, divisor: number, extent: number): string {
    return `Math.floor(${of} / ${divisor}) % ${extent}`;
  }
  let({ value, expression }: StatementOf<'let'>): void {
    const { dtype } = this.code.values[value]!;
    const text = (): string => {
      if (expression.kind === 'constant') return `round.${dtype}(${expression.value})`;
      if (expression.kind === 'index') return this.form(expression.form);
      if (expression.kind === 'load') return `m${expression.memory}[${this.form(expression.address)}]`;
      if (expression.kind === 'cell') return `c${expression.cell}`;
      if (expression.kind === 'op') return this.applied(expression, dtype);
      return expect.fail(`${expression.kind} for a target of width 1`);
    };
    this.writer.line(`const v${value} = ${text()};`);
  }
  reset({ cell, initial }: StatementOf<'reset'>): void {
    this.writer.line(`let c${cell} = ${initial};`);
  }
  store({ memory, address, value, accumulate }: StatementOf<'store'>): void {
    this.writer.line(`m${memory}[${this.form(address)}] ${accumulate ? '+=' : '='} ${this.value(value)};`);
  }
}

const ARRAYS = { f32: Float32Array, f64: Float64Array, i32: Int32Array, u32: Uint32Array, bool: Uint8Array };

function printed(code: LoopFunction): string {
  const printer = new ToyPrinter(code);
  const operands = code.memories.flatMap(({ kind }, i) => (kind === 'operand' ? [`m${i}`] : []));
  printer.writer.block(`function ${code.name}(${['begin', 'end', ...operands].join(', ')})`, () => {
    code.memories.forEach((memory, i) => {
      if (memory.kind === 'local')
        printer.writer.line(`const m${i} = new ${ARRAYS[memory.dtype].name}(${memory.size});`);
    });
    printer.statements(code.body);
  });
  return printer.writer.toString();
}

// … and an object with its target.
const toy: Backend = {
  name: 'toy',
  ...hostMemory,
  target: scalarTarget('toy'),
  synchronous: true,
  emit: (program) => {
    const functions = program.functions.map(printed);
    const kernels = launchesOf(program).map(({ phases }) =>
      phases
        .flat()
        .map(({ code, grid, operands }) => {
          const table = operands.map((id) => `b[${id}]`);
          return `${program.functions[code]!.name}(${['0', grid.extent, ...table].join(', ')});`;
        })
        .join('\n'),
    );
    return { backend: 'toy', program, kernels, text: [...functions, ...kernels].join('\n') };
  },
  compile: ({ program, text }) => {
    const round = Object.fromEntries(
      program.target.dtypes.map((dtype) => [dtype, (x: number) => scalarFunction('cast', 'f64', dtype)(x, 0, 0)]),
    );
    // Backends that emit JavaScript compile it so.
    const run = new Function('b', 'op', 'round', text) as (b: unknown, op: unknown, round: unknown) => void;
    const entry: Entry = (table) => run(table, scalarFunction, round);
    return { program, entry } as Executable;
  },
  run: (executable, buffers) => {
    const { program, entry } = executable as Executable & { readonly entry: Entry };
    const arena = new ArrayBuffer(program.arenaBytes);
    entry(
      program.buffers.map(({ id, role, dtype, offset, size }) =>
        role === 'temporary' || role === 'scratch'
          ? new ARRAYS[dtype](arena, offset, size)
          : (buffers[id] as HostBuffer).array,
      ),
    );
  },
};

const x = tensor([-3, -0.5, 0, 2, 1e30, NaN]);

test.each([...BACKENDS, toy].map((backend) => [nameOf(backend), backend] as const))(
  'a primitive that is new has its value, derivatives and batches on %s',
  (_, backend) => {
    const bits = (t: Tensor): number[] => [...t.dataSync()];
    const want = [-3, -0.5, 0, 2, 1e30, NaN].map((each) => Math.fround(each / Math.fround(1 + Math.abs(each))));
    expect(bits(jit(softsign, { backend })(x))).toEqual(want);
    const slope = jit(
      grad((t: Tensor) => softsign(t).sum()),
      { backend },
    );
    expect(bits(slope(tensor([-3, 0, 1])))).toEqual([0.0625, 1, 0.25]);
    const along = jit((t: Tensor) => jvp(softsign, [t], [tensor([1, 2, 4])])[1], { backend });
    expect(bits(along(tensor([-3, 0, 1])))).toEqual([0.0625, 2, 1]);
    expect(bits(jit(vmap(softsign), { backend })(x.reshape([2, 3])))).toEqual(want);
  },
);

test('a backend that is new trains to the bits of the others', () => {
  const run = (backend: 'reference' | Backend): number[] => {
    const [w, b] = [
      new TrainVar(
        tensor([
          [0.5, -1],
          [0.25, 2],
          [1, 0],
        ]),
      ),
      new TrainVar(tensor([0.1, -0.2])),
    ];
    const step = jit(
      (inputs: Tensor, labels: Tensor) => {
        const [loss, grads] = valueAndGrad(
          () => softsign(inputs.matmul(w.value).add(b.value)).softmax(1).sub(labels).square().sum([0, 1]),
          { vars: { w, b } },
        )() as [Tensor, { w: Tensor; b: Tensor }];
        w.value = w.value.sub(grads.w.mul(0.1));
        b.value = b.value.sub(grads.b.mul(0.1));
        return loss;
      },
      { backend },
    );
    const inputs = tensor([
      [1, 2, 3],
      [-1, 0.5, 2],
      [0, 1, -2],
    ]);
    const labels = tensor([
      [1, 0],
      [0, 1],
      [1, 0],
    ]);
    const losses = Array.from({ length: 3 }, () => step(inputs, labels).item());
    return [...losses, ...w.value.dataSync(), ...b.value.dataSync()];
  };
  expect(run(toy)).toEqual(run('reference'));
});

test('ARCHITECTURE.md says what these took', () => {
  const text = readFileSync(fileURLToPath(new URL('../../ARCHITECTURE.md', import.meta.url)), 'utf8');
  expect(text).toContain('Nothing else knows its name: `test/docs/adding.test.ts` adds one in two places');
  expect(text).toContain('`test/docs/adding.test.ts` adds one that prints and trains');
});
