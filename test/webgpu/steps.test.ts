/** What a step costs: dispatches, submits, and nothing made after the second one. */
import type { Tensor } from 'lazuli';
import { expect, test } from 'vitest';
import { compileGraph } from '../../src/lower/pipeline.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import type { DeviceBuffer } from '../../src/runtime/backend.js';
import { noise } from '../support/arrays.js';
import { expectSameBits } from '../support/bits.js';
import { tracedGraph } from '../support/graphs.js';
import { PERCEPTRON_SHAPES } from '../support/perceptron.js';
import { describeOnGpu, IS_EXACT, openCounted } from './support.js';

/** Adadelta over parameters of these shapes: x, s and Δx of each, then the gradients. */
function adadelta(shapes: readonly (readonly number[])[]): {
  inputs: ReturnType<typeof noise>[];
  f: (...x: Tensor[]) => Tensor[];
} {
  const inputs = shapes.flatMap((shape, i) =>
    [0, 1, 2, 3].map((part) => {
      const { data, ...rest } = noise('f32', [...shape], 4 * i + part);
      return { ...rest, data: part === 0 || part === 3 ? data : data.map(Math.abs) };
    }),
  );
  const f = (...all: Tensor[]): Tensor[] =>
    shapes.flatMap((_, i) => {
      const [x, s, d, g] = all.slice(4 * i, 4 * i + 4) as [Tensor, Tensor, Tensor, Tensor];
      const [rho, epsilon] = [0.95, 1e-6];
      const square = s.mul(rho).add(g.mul(1 - rho).mul(g));
      const u = d.add(epsilon).div(square.add(epsilon)).sqrt().mul(g);
      return [x.sub(u), square, d.mul(rho).add(u.mul(1 - rho).mul(u))];
    });
  return { inputs, f };
}

const FORTY = Array.from({ length: 40 }, (_, i) => [1 + ((i * 37) % 600)]);

describeOnGpu('steps', () => {
  test.each([
    ['six parameters of a perceptron', Object.values(PERCEPTRON_SHAPES), 4],
    ['forty parameters', FORTY, 40],
    ['three small parameters, a thousand times', [[100], [10, 10], [1]], 1000],
  ])('Adadelta over %s: one dispatch, one submit, nothing new after the second step', async (_, shapes, steps) => {
    const { backend, counts } = await openCounted();
    const { inputs, f } = adadelta(shapes);
    const graph = tracedGraph(inputs, f);
    const program = compileGraph(graph, backend.target);
    const executable = backend.compile(backend.emit(program));
    // State takes turns between two buffers, as it does where an update cannot happen in place.
    const buffers: DeviceBuffer[] = [];
    program.parameters.forEach((id, i) => {
      const { dtype, data } = inputs[i]!;
      buffers[id] = backend.allocate(dtype, data.length, 'variable');
      backend.write(buffers[id], data);
    });
    for (const id of program.outputs) {
      const { dtype, size } = program.buffers[id]!;
      buffers[id] = backend.allocate(dtype, size, 'variable');
    }
    const states = shapes.flatMap((__, i) => [4 * i, 4 * i + 1, 4 * i + 2]);
    const step = (): void | Promise<void> => {
      const done = backend.run(executable, buffers);
      states.forEach((input, output) => {
        const [from, to] = [program.parameters[input]!, program.outputs[output]!];
        [buffers[from], buffers[to]] = [buffers[to]!, buffers[from]!];
      });
      return done;
    };
    await step();
    if (IS_EXACT)
      for (const [i, want] of evaluateGraph(graph, inputs).entries()) {
        const data = await backend.read(buffers[program.parameters[states[i]!]!]!);
        expectSameBits({ ...want, data }, want, `output ${i}`);
      }
    await step();
    const before = { ...counts };
    const memory = backend.memoryUsage;
    let last: void | Promise<void>;
    for (let i = 0; i < steps; i++) {
      last = step();
      if (i % 10 === 0) await last;
    }
    await last!;
    expect(counts).toEqual({
      ...before,
      dispatches: before.dispatches + steps,
      submits: before.submits + steps,
      writes: before.writes + steps,
    });
    expect(backend.memoryUsage).toEqual(memory);
    backend.destroy();
  });
});
