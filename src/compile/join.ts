/**
 * Graph → Graph: scans over the same inputs with the same carries become one, with the results of all. A derivative makes such
 * pairs: the scan that was recorded, and one that saves values for the backward turns. Results that nobody reads go.
 */
import { type Expr, ExprScope, type Graph, isOf, make, mapGraphs, nodesOf, withScope } from '../core/expr.js';
import { lookUp } from '../core/maps.js';
import { closed, inlineGraph } from '../ops/control/inline.js';
import { result, resultIndex, resultPrimitive } from '../ops/control/results.js';
import { controlAttributes, type ScanAttributes } from '../ops/control/attributes.js';
import { parameter } from '../ops/leaf.js';
import { rebuild, rewriteGraph, rewriteOuter } from './rewrite.js';

const scanOf = (node: Expr): ScanAttributes => controlAttributes(node, 'scan')!;

/** Scans that are one, with where the results of each are among those of all. */
interface Joint {
  readonly body: Graph;
  readonly places: ReadonlyMap<Expr, readonly number[]>;
}

/** The bodies of scans over the same inputs as one; undefined if their carries differ. */
function join(scans: readonly Expr[], used: ReadonlyMap<Expr, ReadonlySet<number>>): Joint | undefined {
  const [first] = scans as [Expr];
  const { body, carries } = scanOf(first);
  return withScope(new ExprScope(), () => {
    const parameters = body.parameters.map(({ shape, dtype, aval }, i) => parameter(i, shape, dtype, aval.weak));
    // Rebuilt, nodes know which traced ones they stand for.
    const all = scans.map((scan) => inlineGraph(rewriteGraph(scanOf(scan).body, rebuild), parameters));
    const outputs = all[0]!.slice(0, carries);
    if (all.some((own) => outputs.some((output, i) => own[i] !== output))) return undefined;
    const places = new Map<Expr, readonly number[]>();
    scans.forEach((scan, which) =>
      places.set(
        scan,
        all[which]!.map((output, i) => {
          if (i < carries || !lookUp(used, scan).has(i)) return i;
          const found = outputs.indexOf(output, carries);
          return found >= 0 ? found : outputs.push(output) - 1;
        }),
      ),
    );
    return { body: closed(body.name, parameters, outputs), places };
  });
}

/** `graph` with scans that go over the same values as one. */
export function joinScans(graph: Graph): Graph {
  const order = nodesOf(graph);
  const isScan = ({ primitive }: Expr): boolean => primitive.control?.kind === 'scan';
  if (!order.some(({ primitive }) => primitive.control !== undefined)) return graph;
  const used = new Map<Expr, Set<number>>();
  for (const node of order)
    if (isOf(node, resultPrimitive)) {
      const of = node.input();
      used.set(of, (used.get(of) ?? new Set<number>()).add(node.attributes.index));
    }
  const groups = new Map<string, Expr[]>();
  for (const scan of order.filter(isScan)) {
    const { length, reverse, constants, carries } = scanOf(scan);
    const key = [length, reverse, constants, carries, ...scan.inputs.map(({ id }) => id)].join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [scan]);
    else group.push(scan);
  }
  const joints = new Map<Expr, Joint>();
  for (const scans of groups.values()) {
    const whole = join(scans, used);
    for (const scan of scans) joints.set(scan, whole ?? join([scan], used)!);
  }
  return rewriteOuter(graph, (node, inputs) => {
    const index = resultIndex(node);
    if (index !== undefined)
      return result(inputs[0]!, joints.get(node.input())?.places.get(node.input())![index] ?? index);
    const joint = joints.get(node);
    const attributes = joint === undefined ? node.attributes : { ...node.attributes, body: joint.body };
    return node.primitive.control === undefined
      ? rebuild(node, inputs)
      : make(node.primitive, inputs, mapGraphs(attributes, joinScans));
  });
}
