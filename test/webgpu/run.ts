/** Runs a graph on a backend that is asynchronous, with nothing between it and the tests. */
import type { HostArray } from '../../src/core/array.js';
import type { Graph } from '../../src/core/graph.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import type { Program } from '../../src/lower/program.js';
import type { Backend, DeviceBuffer } from '../../src/runtime/backend.js';

/** The outputs of the compiled graph. Updates happen in memory of their own. */
export const runGraphAsync = (backend: Backend, graph: Graph, inputs: readonly HostArray[]): Promise<HostArray[]> =>
  runProgramAsync(backend, compileGraph(graph, backend.target), inputs);

/** The same of a program. */
export async function runProgramAsync(
  backend: Backend,
  program: Program,
  inputs: readonly HostArray[],
): Promise<HostArray[]> {
  const executable = backend.compile(backend.emit(program));
  const buffers: DeviceBuffer[] = [];
  program.parameters.forEach((id, i) => {
    const { dtype, data } = inputs[i]!;
    buffers[id] = backend.allocate(dtype, data.length, 'input');
    backend.write(buffers[id], data);
  });
  for (const id of program.outputs) {
    const { dtype, size } = program.buffers[id]!;
    buffers[id] ??= backend.allocate(dtype, size, 'result');
  }
  await backend.run(executable, buffers);
  const data = await Promise.all(program.outputs.map(async (id) => backend.read(buffers[id]!)));
  backend.release?.(executable);
  buffers.forEach((buffer) => backend.free(buffer));
  return program.graph.outputs.map(({ dtype, shape }, i) => ({ dtype, shape, data: data[i]! }));
}
