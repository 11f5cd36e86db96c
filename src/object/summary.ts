/** `module.summary(...inputs)`: a table of the modules that a call reaches. The call is traced, and nothing runs. */
import { OptionError } from '../core/errors.js';
import { type Expr, type Graph, topologicalOrder, withScope } from '../core/expr.js';
import { leaves } from '../core/tree.js';
import { decompose } from '../compile/decompose.js';
import { short, tableText } from '../runtime/report-text.js';
import { callTraced } from '../trace/call.js';
import { drop } from '../trace/eager-scope.js';
import { TraceScope } from '../trace/scope.js';
import { Tensor } from '../trace/tensor.js';
import { TrainVar, type Variable } from '../trace/variable.js';
import type { ModuleNode } from './node.js';
import { observing } from './paths.js';
import { walkNodes, walkVars } from './walk.js';

/** Operations on numbers: two for each product that is summed, one for each element that is reduced or computed, in each turn of a loop. */
function flopsOf({ primitive, inputs, attributes, aval }: Expr): number {
  if (primitive.kind === 'contraction')
    return (attributes.contractA as number[]).reduce((all, axis) => all * inputs[0]!.shape[axis]!, 2 * aval.size);
  if (primitive.kind === 'reduction' || primitive.kind === 'scan') return inputs[0]!.aval.size;
  if (primitive.kind !== 'control') return primitive.scalarOp === undefined ? 0 : aval.size;
  const { length = 1 } = attributes as { length?: number };
  return Object.values(attributes)
    .flat()
    .filter((each): each is Graph => typeof each === 'object' && 'outputs' in each)
    .flatMap((body) => topologicalOrder(decompose(body).outputs))
    .reduce((total, node) => total + length * flopsOf(node), 0);
}

/** The tensors among what a call gave, `f32[2,3]`. */
const shapesOf = (result: unknown): string =>
  leaves(result)
    .flatMap((leaf) => (leaf instanceof Tensor ? leaf.expr.aval.key : []))
    .join(' ');

/** @throws OptionError `NO_CALL`, and what the call throws. */
export function summaryOf(root: ModuleNode, inputs: readonly unknown[]): string {
  const { call } = root as { call?: (...args: unknown[]) => unknown };
  if (typeof call !== 'function')
    throw new OptionError(
      'NO_CALL',
      `${root.name}.summary() found no method call`,
      'A layer or model has call(...inputs).',
    );
  const outputs = new Map<ModuleNode, string>();
  const scope = new TraceScope(`${root.name}.summary`);
  const flops = new Map<unknown, number>();
  withScope(scope, () => {
    const observe = (module: ModuleNode, body: () => unknown): unknown => {
      // In the order of calls, which is that of the keys.
      outputs.set(module, outputs.get(module) ?? '');
      const result = body();
      outputs.set(module, shapesOf(result));
      return result;
    };
    const result = observing(observe, () => callTraced(root.name, call.bind(root), inputs));
    const results = leaves(result).flatMap((leaf) => (leaf instanceof Tensor ? [leaf.expr] : []));
    const graph = decompose(
      scope.toGraph(
        results,
        results.map((_, i) => `result${i}`),
      ),
    );
    for (const node of topologicalOrder(graph.outputs)) {
      // What a pass made stands for a traced node.
      const { module } = (node.origin?.node ?? node).origin ?? {};
      flops.set(module, (flops.get(module) ?? 0) + flopsOf(node));
    }
  });
  for (const binding of scope.bindings) if (binding.kind === 'capture') drop(binding.expr);

  const paths = new Map<unknown, string>();
  for (const [path, module] of walkNodes(root, { method: 'path' })) if (!paths.has(module)) paths.set(module, path);
  /** What belongs to the module and to all below it. */
  const flopsBelow = (above: string): number =>
    [...flops].reduce((total, [module, each]) => {
      const path = paths.get(module) ?? '';
      return above === '' || path === above || path.startsWith(`${above}.`) ? total + each : total;
    }, 0);
  const variablesOf = (module: ModuleNode) => [...walkVars(module, { method: 'path' }).unique().values()];
  const sizeOf = (variables: readonly Variable[]): number => variables.reduce((total, { size }) => total + size, 0);
  const trainedSize = (module: ModuleNode): number =>
    sizeOf(variablesOf(module).filter((variable) => variable instanceof TrainVar));

  const rows = [...outputs].map(([module, shapes]) => {
    const path = paths.get(module) ?? module.name;
    const count = trainedSize(module).toLocaleString('en');
    return [path === '' ? root.name : path, module.constructor.name, shapes, count, short(flopsBelow(path))];
  });
  const [trained, all] = [trainedSize(root), sizeOf(variablesOf(root))];
  const total = `${trained.toLocaleString('en')} parameters${all > trained ? `, ${(all - trained).toLocaleString('en')} other numbers of state` : ''}, ${short(flopsBelow(''))} flops`;
  return `${tableText(['layer', 'class', 'output', 'parameters', 'flops'], rows, (column) => column > 2)}\n${total}`;
}
