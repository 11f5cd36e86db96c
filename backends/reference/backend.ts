/**
 * The interpreter: runs a program's graph node by node, as `evaluate` of each primitive says.
 * It knows neither simplification nor fusion, so it is the oracle that the other backends are compared with.
 */
import type { HostArray } from '../../src/core/array.js';
import { printGraph } from '../../src/core/graph.js';
import { printKernel } from '../../src/compile/kernel.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import { scalarTarget } from '../../src/lower/scalar-target.js';
import type { Backend } from '../../src/runtime/backend.js';
import { type HostBuffer, hostMemory, withMemory } from '../../src/runtime/host-memory.js';

export const referenceBackend: Backend = {
  name: 'reference',
  ...hostMemory,
  // The graph runs as it is: of the program only its buffers count.
  target: scalarTarget('reference'),
  synchronous: true,
  interprets: true,
  emit(program) {
    return {
      backend: 'reference',
      program,
      get text() {
        return printGraph(program.graph);
      },
      // It runs the graph and knows no kernels: these are the loops that stand for them.
      get kernels() {
        return program.kernels.map((kernel) => printKernel(kernel, (id) => program.buffers[id]!.name));
      },
    };
  },
  compile: (source) => ({ program: source.program }),
  run({ program }, buffers, n) {
    const graph = program.batch === undefined ? program.graph : program.batch.family.at(n!);
    const parameters = graph.parameters.map((parameter, i): HostArray => {
      const { array } = buffers[program.parameters[i]!] as HostBuffer;
      return { dtype: parameter.dtype, shape: parameter.shape, data: array };
    });
    // Copied before anything is written: an output may be a parameter's own memory.
    const values = withMemory('the values of the program', () =>
      evaluateGraph(graph, parameters).map((output) => output.data.slice()),
    );
    values.forEach((value, i) => (buffers[program.outputs[i]!] as HostBuffer).array.set(value));
  },
};
