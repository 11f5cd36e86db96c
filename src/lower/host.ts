/** Puts the host's part of a program beside the device's: its step, its buffers, and whose each parameter and output is. */
import type { Graph } from '../core/graph.js';
import { bytesPerElement } from '../core/dtype.js';
import type { Expr } from '../core/expr.js';
import { lookUp } from '../core/maps.js';
import type { Buffer } from '../compile/buffers.js';
import type { Fused } from '../compile/fused.js';
import type { DividedGraph } from '../compile/host.js';
import type { BufferId } from '../compile/kernel.js';
import type { Update } from '../compile/schedule.js';
import type { HostStep, Program } from './program.js';

/** The whole program's buffers, parameters, outputs, updates and host steps, from the device's `fused`, `planned` and `updates`. */
export function joinHost(
  graph: Graph,
  { host, parameters, outputs }: DividedGraph,
  fused: Fused,
  planned: readonly Buffer[],
  updates: readonly Update[],
): Pick<Program, 'buffers' | 'parameters' | 'outputs' | 'updates'> & { readonly steps: readonly HostStep[] } {
  if (host === undefined)
    return { buffers: planned, parameters: fused.parameters, outputs: fused.outputs, updates, steps: [] };
  const numbers = fused.parameters.slice(parameters.length);
  const buffers = planned.map((buffer): Buffer =>
    numbers.includes(buffer.id) ? { ...buffer, role: 'number', home: 'host' } : buffer,
  );
  const add = (node: Expr, name: string, role: 'parameter' | 'output'): BufferId => {
    const { dtype, shape } = node;
    const { size } = node.aval;
    const bytes = size * bytesPerElement(dtype);
    const id = buffers.length;
    buffers.push({ id, name, dtype, shape, size, bytes, role, home: 'host', offset: 0, firstUse: -1, lastUse: -1 });
    return id;
  };
  const parameterIds = new Map(parameters.map((i, own) => [i, fused.parameters[own]!]));
  const outputIds = new Map(outputs.map((i, own) => [i, fused.outputs[own]!]));
  for (const i of host.parameters)
    parameterIds.set(i, add(graph.parameters[i]!, graph.parameterNames[i]!, 'parameter'));
  for (const i of host.outputs) outputIds.set(i, add(graph.outputs[i]!, `${graph.outputNames[i]!}'`, 'output'));
  const step: HostStep = {
    kind: 'host',
    graph: host.graph,
    parameters: host.parameters.map((i) => lookUp(parameterIds, i)),
    outputs: [...numbers, ...host.outputs.map((i) => lookUp(outputIds, i))],
  };
  const whole = graph.updates.map((update): Update => {
    const own = updates.find(({ output }) => outputs[output] === update.output);
    // The host has computed all it gives before it stores any of it.
    return { ...update, inPlace: own === undefined || own.inPlace };
  });
  return {
    buffers,
    parameters: graph.parameters.map((_, i) => lookUp(parameterIds, i)),
    outputs: graph.outputs.map((_, i) => lookUp(outputIds, i)),
    updates: whole,
    steps: [step],
  };
}
