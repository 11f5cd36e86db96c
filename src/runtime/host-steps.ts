/** Runs the host steps of a program: scalars in f64, node by node as the interpreter does, so with the bits of every backend. */
import type { HostArray } from '../core/array.js';
import type { TypedArray } from '../core/dtype.js';
import { type Expr, topologicalOrder } from '../core/expr.js';
import { evaluateGraph } from '../ops/evaluate.js';
import { type HostStep, hostStepsOf, type Program } from '../lower/program.js';
import type { DeviceBuffer } from './backend.js';
import type { HostBuffer } from './host-memory.js';

export class HostSteps {
  private constructor(private readonly steps: readonly (HostStep & { readonly order: readonly Expr[] })[]) {}

  /** Undefined if the program has none. */
  static of(program: Program): HostSteps | undefined {
    // What host steps write is the host's; a program that was recalled has no steps before somebody looks at them.
    if (!program.buffers.some(({ home }) => home === 'host')) return undefined;
    const steps = hostStepsOf(program);
    if (steps.length === 0) return undefined;
    return new HostSteps(steps.map((step) => ({ ...step, order: topologicalOrder(step.graph.outputs) })));
  }

  /** Reads parameters, writes numbers and outputs, by buffer number. */
  run(buffers: readonly (DeviceBuffer | undefined)[]): void {
    const at = (id: number): TypedArray => (buffers[id] as HostBuffer).array;
    for (const { graph, order, parameters, outputs } of this.steps) {
      const values = evaluateGraph(
        graph,
        parameters.map((id): HostArray => ({ dtype: buffers[id]!.dtype, shape: [], data: at(id) })),
        order,
      );
      // Copied before anything is written: an output may be a parameter, or its memory.
      const elements = values.map(({ data }) => data[0]!);
      outputs.forEach((id, i) => (at(id)[0] = elements[i]!));
    }
  }
}
