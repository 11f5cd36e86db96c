/** Runs one loop function on a GPU, without a graph: operands in, operands out. */
import type { TypedArray } from '../../src/core/dtype.js';
import type { LoopFunction } from '../../src/lower/loops.js';
import type { Program } from '../../src/lower/program.js';
import type { Backend } from '../../src/runtime/backend.js';
import type { HostArray } from '../../src/core/array.js';

/** A program of one call of `code` over `extent` indices, `grain` a workgroup. Every operand is a parameter. */
export function programOf(
  code: LoopFunction,
  operands: readonly Omit<HostArray, 'shape'>[],
  extent: number,
  grain: number,
): Program {
  const buffers = operands.map(({ dtype, data }, id) => ({
    id,
    name: `x${id}`,
    dtype,
    size: data.length,
    role: 'parameter',
    home: 'device',
  }));
  const call = { code: 0, operands: buffers.map(({ id }) => id), grid: { extent, grain } };
  return {
    name: 'loops',
    functions: [code],
    buffers,
    steps: [{ kind: 'launch', kernel: { name: 'k0', segments: [] }, phases: [[call]] }],
    arenaBytes: 0,
  } as unknown as Program;
}

/** The operands after the call. */
export async function runLoops(
  backend: Backend,
  code: LoopFunction,
  operands: readonly Omit<HostArray, 'shape'>[],
  extent: number,
  grain: number,
): Promise<TypedArray[]> {
  const program = programOf(code, operands, extent, grain);
  const executable = backend.compile(backend.emit(program));
  const buffers = operands.map(({ dtype, data }) => {
    const buffer = backend.allocate(dtype, data.length, 'input');
    backend.write(buffer, data);
    return buffer;
  });
  await backend.run(executable, buffers);
  const results = await Promise.all(buffers.map(async (buffer) => backend.read(buffer)));
  for (const buffer of buffers) backend.free(buffer);
  backend.release?.(executable);
  return results;
}
