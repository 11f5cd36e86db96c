/**
 * The tangents of a scan: its body runs once more with what the tangents of a turn need as further results (a compiler joins it
 * with the first), then a scan in the same direction carries tangents. So the second is linear, and what does not depend on
 * tangents is computed once.
 */
import { type Expr, type ForwardBuilder, make, withScope } from '../../core/expr.js';
import { activity, differentiateBody, forwards } from './body.js';
import { hoistedScan } from './hoist.js';
import { closed } from './inline.js';
import { result } from './results.js';
import type { ScanAttributes } from './attributes.js';

export function scanTangents(
  tangents: readonly (Expr | null)[],
  node: Expr<ScanAttributes>,
  b: ForwardBuilder,
): (Expr | null)[] {
  const { attributes, primitive } = node;
  const { body, constants, carries } = attributes;
  const active = activity(
    attributes,
    tangents.map((each) => each !== null),
  );
  const of = body.parameters.flatMap((_, i) => (active.parameters[i] ? [i] : []));
  const from = body.outputs.flatMap((_, i) => (active.outputs[i] ? [i] : []));
  const { forward, linear, reads } = differentiateBody(body, forwards(of, from, b), attributes);
  const again = make(primitive, node.inputs, { ...attributes, body: forward });

  type Part = 'constant' | 'carry' | 'sequence';
  const partOf = (parameter: number): Part =>
    parameter < constants ? 'constant' : parameter < constants + carries ? 'carry' : 'sequence';
  const inputs = [
    ...reads.map((read): { part: Part; value: Expr } =>
      'output' in read
        ? { part: 'sequence', value: result(again, read.output) }
        : { part: partOf(read.parameter), value: node.input(read.parameter) },
    ),
    ...of.map((parameter) => ({
      part: partOf(parameter),
      value: tangents[parameter] ?? b.constantLike(node.input(parameter), 0),
    })),
  ];
  const places = (['constant', 'carry', 'sequence'] as const).map((part) =>
    inputs.flatMap((input, i) => (input.part === part ? [i] : [])),
  );
  const order = places.flat();
  const carried = of.filter((parameter) => partOf(parameter) === 'carry').map((parameter) => parameter - constants);
  const stacked = from.filter((output) => output >= carries);
  // A carry that moves at first may be replaced by one that does not.
  const turn = withScope(linear.parameters[0]!.scope, () => [
    ...carried.map((output, i) =>
      from.includes(output)
        ? linear.outputs[from.indexOf(output)]!
        : b.constantLike(linear.parameters[places[1]![i]!]!, 0),
    ),
    ...stacked.map((output) => linear.outputs[from.indexOf(output)]!),
  ]);
  const results = hoistedScan(
    order.map((i) => inputs[i]!.value),
    {
      ...attributes,
      body: closed(
        linear.name,
        order.map((i) => linear.parameters[i]!),
        turn,
      ),
      constants: places[0]!.length,
      carries: carried.length,
    },
    primitive,
  );
  return body.outputs.map((_, output) => {
    const at = output < carries ? carried.indexOf(output) : stacked.indexOf(output);
    return at < 0 ? null : results[output < carries ? at : carried.length + at]!;
  });
}
