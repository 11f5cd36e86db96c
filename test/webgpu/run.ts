/** Runs a graph on a backend that is asynchronous, with nothing between it and the tests. */
import type { HostArray } from '../../src/core/array.js';
import type { Graph } from '../../src/core/graph.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import type { Backend, DeviceBuffer } from '../../src/runtime/backend.js';

/** The outputs of the compiled graph. Updates happen in memory of their own. */
export async function runGraphAsync(
  backend: Backend,
  graph: Graph,
  inputs: readonly HostArray[],
): Promise<HostArray[]> {
  const program = compileGraph(graph, backend.target);
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
  return graph.outputs.map(({ dtype, shape }, i) => ({ dtype, shape, data: data[i]! }));
}
