/**
 * Reverse-mode differentiation, Graph → Graph. Works on its own result, so derivatives of any order exist.
 * Cotangents that meet at a node are summed in a fixed order: users last in the graph come first.
 *
 * The cotangent of a side of `where` is 0 where the other was taken. Derivatives of element-wise nodes below are taken
 * of the cotangent without that mask, which is laid on afterwards: a derivative that is infinite or NaN where the side
 * was not taken (√ at 0, log at 0, x² at ∞) is masked too, where 0 · ∞ would be NaN.
 */
import { resultPrimitive } from '../ops/control/results.js';
import { constantValue } from '../ops/movement.js';
import { sameShape } from '../core/aval.js';
import { isFloat } from '../core/dtype.js';
import { DTypeError, InternalError, UnsupportedError } from '../core/errors.js';
import {
  copyInto,
  type Expr,
  ExprScope,
  type GraphBuilder,
  isOf,
  make,
  type Origin,
  type Phase,
  topologicalOrder,
  withOrigin,
  withScope,
} from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { lookUp } from '../core/maps.js';
import { cast } from '../ops/elementwise.js';
import { exprBuilder } from '../ops/expr-builder.js';
import { parameter } from '../ops/leaf.js';

/** A cotangent is 0 where `condition` is not `taken`. */
interface Mask {
  readonly condition: Expr;
  readonly taken: boolean;
}
interface Masked {
  /** Outermost first. */
  readonly masks: readonly Mask[];
  readonly value: Expr;
}

const isZero = (node: Expr): boolean => constantValue(node) === 0;

/** Takes `where(c, value, 0)` and `where(c, 0, value)` apart. */
function unmask(cotangent: Expr): Masked {
  const masks: Mask[] = [];
  let value = cotangent;
  while (value.primitive.scalarOp === 'where') {
    const [condition, a, b] = value.inputs as [Expr, Expr, Expr];
    const taken = isZero(b);
    if (!taken && !isZero(a)) break;
    masks.push({ condition, taken });
    value = taken ? a : b;
  }
  return { masks, value };
}

const masked = (masks: readonly Mask[], value: Expr): Expr =>
  masks.reduceRight((inner, { condition, taken }) => {
    const zero = exprBuilder.constantLike(inner, 0);
    return exprBuilder.where(condition, taken ? inner : zero, taken ? zero : inner);
  }, value);

/** a + b, under the masks that both have: the sum is masked by them too, also where each has others besides. */
function addCotangents(a: Expr, b: Expr): Expr {
  const [first, second] = [unmask(a), unmask(b)];
  const isIn = ({ masks }: Masked, { condition, taken }: Mask): boolean =>
    masks.some((other) => other.condition === condition && other.taken === taken);
  const common = first.masks.filter((mask) => isIn(second, mask));
  if (common.length === 0) return exprBuilder.add(a, b);
  const [x, y] = [first, second].map((each) =>
    masked(
      each.masks.filter((mask) => !isIn({ masks: common, value: each.value }, mask)),
      each.value,
    ),
  );
  return masked(common, exprBuilder.add(x!, y!));
}

const inPhase = (phase: Phase, { origin }: Expr): Origin => ({
  module: origin?.module,
  root: origin?.root,
  phase,
  location: origin?.location,
});

/** What derivatives are written with. */
export const builder: GraphBuilder = {
  ...exprBuilder,
  pullback: (outputs, cotangents, inputs) => pullback(outputs, cotangents, inputs),
};

/** The cotangents of `inputs`, given those of `outputs`, as nodes of the current scope; zeros where nothing flows. */
export function pullback(outputs: readonly Expr[], cotangents: readonly Expr[], inputs: readonly Expr[]): Expr[] {
  const order = topologicalOrder(outputs);
  const active = new Set<Expr>(inputs);
  for (const node of order) {
    if (node.origin?.phase === undefined) node.origin = inPhase('forward', node);
    if (node.inputs.some((input) => active.has(input))) active.add(node);
  }

  const gathered = new Map<Expr, Expr>();
  /** Of nodes with several results, by result. */
  const ofResults = new Map<Expr, (Expr | undefined)[]>();
  const give = (node: Expr, cotangent: Expr): void => {
    if (!sameShape(node.shape, cotangent.shape))
      throw new InternalError(`a cotangent ${cotangent.aval.key} of a node ${node.aval.key}`);
    const typed = cotangent.dtype === node.dtype ? cotangent : cast(cotangent, node.dtype);
    const sum = gathered.get(node);
    gathered.set(node, sum === undefined ? typed : addCotangents(sum, typed));
  };
  const share = (node: Expr, masks: readonly Mask[], sharesOf: () => readonly (Expr | null)[]): void =>
    withOrigin(inPhase('backward', node), () => {
      const shares = sharesOf();
      node.inputs.forEach((input, i) => {
        const own = shares[i];
        if (own !== null && own !== undefined && active.has(input)) give(input, masked(masks, own));
      });
    });
  outputs.forEach((output, i) => give(output, cotangents[i]!));
  for (let position = order.length - 1; position >= 0; position--) {
    const node = order[position]!;
    if (!active.has(node) || node.inputs.length === 0) continue;
    const { vjp, vjpOfResults, name, kind } = node.primitive;
    const results = ofResults.get(node);
    if (results !== undefined && vjpOfResults !== undefined) {
      share(node, [], () =>
        vjpOfResults(
          results,
          node,
          builder,
          node.inputs.map((input) => active.has(input)),
        ),
      );
      continue;
    }
    const cotangent = gathered.get(node);
    if (cotangent === undefined || !isFloat(node.dtype)) continue;
    if (isOf(node, resultPrimitive)) {
      const of = node.input();
      if (!ofResults.has(of)) ofResults.set(of, new Array<Expr | undefined>(of.aval.results!.length).fill(undefined));
      lookUp(ofResults, of)[node.attributes.index] = cotangent;
      continue;
    }
    if (vjp === undefined) {
      throw new UnsupportedError(
        'NO_DERIVATIVE',
        `${name} of ${node.inputs.map((input) => input.aval.key).join(', ')} has no derivative`,
        'Stop the gradient before it with stopGradient().',
      );
    }
    const { masks, value } = kind === 'elementwise' ? unmask(cotangent) : { masks: [], value: cotangent };
    share(node, masks, () => vjp(value, node, builder));
  }
  return inputs.map((input) => gathered.get(input) ?? exprBuilder.constantLike(input, 0));
}

/** `graph` made anew in the current scope. */
export function copied(graph: Graph): { parameters: Expr[]; outputs: Expr[] } {
  const copies = new Map<Expr, Expr>();
  const parameters = graph.parameters.map((parameter) => {
    const copy = make(parameter.primitive, [], parameter.attributes);
    copies.set(parameter, copy);
    return copy;
  });
  return { parameters, outputs: copyInto(copies, graph.outputs) };
}

/**
 * The graph with a parameter more for the cotangent of each output of `of`, and outputs more for the cotangents of the parameters
 * `wrt`.
 */
export function vjpGraph(graph: Graph, of: readonly number[], wrt: readonly number[]): Graph {
  return withScope(new ExprScope(), () => {
    const { parameters, outputs } = copied(graph);
    const chosen = of.map((index) => outputs[index]!);
    const added = chosen.map(({ shape, dtype, aval }, i) => parameter(parameters.length + i, shape, dtype, aval.weak));
    const cotangents = pullback(
      chosen,
      added,
      wrt.map((index) => parameters[index]!),
    );
    return {
      ...graph,
      parameters: [...parameters, ...added],
      parameterNames: [...graph.parameterNames, ...of.map((index) => `d${graph.outputNames[index] ?? index}`)],
      outputs: [...outputs, ...cotangents],
      outputNames: [...graph.outputNames, ...wrt.map((index) => `d${graph.parameterNames[index] ?? index}`)],
    };
  });
}

/**
 * The graph with the derivatives of output `output` (a float scalar) with respect to the parameters `wrt` added to its
 * outputs.
 * @throws DTypeError `DTYPE_UNSUPPORTED` for a parameter that holds integers.
 */
export function gradGraph(graph: Graph, output: number, wrt: readonly number[]): Graph {
  return withScope(new ExprScope(), () => {
    const { parameters, outputs } = copied(graph);
    const value = outputs[output]!;
    const inputs = wrt.map((index) => {
      const parameter = parameters[index]!;
      if (!isFloat(parameter.dtype))
        throw new DTypeError(
          'DTYPE_UNSUPPORTED',
          `the derivative with respect to ${graph.parameterNames[index] ?? `parameter ${index}`}, ${parameter.aval.key}`,
          'Derivatives exist for f32 and f64; cast the input, or leave it out of argnums.',
        );
      return parameter;
    });
    const derivatives = pullback([value], [exprBuilder.constantLike(value, 1)], inputs);
    return {
      ...graph,
      parameters,
      outputs: [...outputs, ...derivatives],
      outputNames: [...graph.outputNames, ...wrt.map((index) => `d${graph.parameterNames[index] ?? index}`)],
    };
  });
}
