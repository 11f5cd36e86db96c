/**
 * Graphs of one function for batches of several sizes → the graph for any size.
 *
 * The function was recorded at three sizes. What differs between the graphs, extents and literals, must follow from n, the size,
 * by a form that all three confirm. So nothing that is traced needs to know of n: `x.shape[0]` is a number like any other.
 */
import { dynamicSlicePrimitive, dynamicUpdateSlicePrimitive } from '../ops/indexing.js';
import { slicePrimitive } from '../ops/movement.js';
import { reducePrimitive } from '../ops/reduction.js';
import type { DType } from '../core/dtype.js';
import {
  attributesKey,
  type Attributes,
  type AttributeValue,
  type Expr,
  ExprScope,
  graphsOf,
  isGraph,
  isOf,
  make,
  setOrigin,
  topologicalOrder,
  withOrigin,
  withScope,
  attributesOf,
} from '../core/expr.js';
import { formatSizeForm, type SizeForm, sizeAt, sizeFormOf } from '../core/extent.js';
import type { Graph } from '../core/graph.js';
import { lookUp } from '../core/maps.js';
import { closed } from '../ops/control/inline.js';
import { exprBuilder } from '../ops/expr-builder.js';
import { constantPrimitive, weakConstant, weakParameter } from '../ops/leaf.js';
import { takesOrderOf } from '../ops/order.js';
import { originOf } from './rewrite.js';

/** The graphs of a function for all n. */
export interface GraphFamily {
  /** For n rows. Its last parameter is n, as a number, where `readsSize`. */
  readonly at: (n: number) => Graph;
  readonly readsSize: boolean;
  /**
   * Whether all extents are there for n rows and all windows inside what they are of, and the reductions of `like` rows, which
   * are at least as many, give the bits of those of n.
   */
  readonly alike: (n: number, like: number) => boolean;
}

/** Where graphs differ by more than n. */
export interface Difference {
  readonly what: string;
  /** Position of the node among parameters and nodes in topological order; −1 for none. */
  readonly at: number;
}

/** A number that follows from n: (over + extra · form) / form, or the form itself. */
interface Literal {
  readonly form: SizeForm;
  readonly over?: number;
  readonly extra?: 0 | 1;
}

/**
 * The literal that is `values[i]` at `sizes[i]`, rounded to `dtype`: a form, a number divided by one, as 1 / n, or the quotient of
 * neighbours, as the n / (n − 1) of a variance.
 */
function literalOf(sizes: readonly number[], values: readonly number[], dtype: DType): Literal | undefined {
  const form = sizeFormOf(sizes, values);
  if (form !== undefined) return { form };
  const round = dtype === 'f32' ? Math.fround : (x: number): number => x;
  const isMet = ({ form: below, over = 0, extra = 0 }: Literal): boolean =>
    sizes.every((n, i) => round((over + extra * sizeAt(below, n)) / sizeAt(below, n)) === values[i]);
  const candidates = [0, -1, 1].map((plus): Literal => {
    const over = Math.round(values[0]! * (sizes[0]! + plus) * 1e6) / 1e6;
    return { form: { times: 1, plus }, over };
  });
  for (const extra of [0, 1] as const) {
    const below = sizeFormOf(
      sizes,
      values.map((value) => Math.round(1 / (value - extra))),
    );
    if (below !== undefined) candidates.push({ form: below, over: 1, extra });
  }
  return candidates.find(isMet);
}

/** Graphs among the attributes of a node for all n. */
interface MemberGraphs {
  readonly key: string;
  readonly families: readonly GraphFamily[];
  readonly isList: boolean;
}

/** A node for all n: which attributes are no constants. */
interface Member {
  readonly node: Expr;
  readonly inputs: readonly number[];
  readonly sized: Readonly<Record<string, SizeForm | readonly (SizeForm | number)[]>>;
  readonly literal: Literal | undefined;
  readonly graphs: readonly MemberGraphs[];
}

/** Whether one of the node's graphs has n as a parameter more: then all have. */
const takesSize = ({ graphs }: Member): boolean =>
  graphs.some(({ families }) => families.some(({ readsSize }) => readsSize));

/** Where n stands among the inputs of a node that takes it: after what is the same in each turn, before what a checkpoint waits for. */
function sizePlace({ attributes, inputs }: Expr): number {
  const { constants, after } = attributes;
  return typeof constants === 'number' ? constants : inputs.length - (typeof after === 'number' ? after : 0);
}

/** The graph for n with n itself as parameter number `place`. */
function graphTaking(family: GraphFamily, n: number, place: number): Graph {
  const graph = family.at(n);
  const own = family.readsSize ? graph.parameters : [...graph.parameters, weakParameter(graph.parameters.length)];
  const parameters = own.slice(0, -1).toSpliced(place, 0, own.at(-1)!);
  return closed(graph.name, parameters, graph.outputs);
}

type SizedAttribute = SizeForm | (SizeForm | number)[];

/** How an attribute follows from n: by a form, as a literal, or in its graphs. */
interface Unified {
  readonly sized?: SizedAttribute;
  readonly literal?: Literal;
  readonly graphs?: MemberGraphs;
}

/** How the attribute `key`, which has `values` at `sizes`, follows from n; undefined where it is the same, text where it cannot. */
function unifyAttribute(
  node: Expr,
  key: string,
  values: readonly AttributeValue[],
  sizes: readonly number[],
  formOf: (values: readonly number[]) => SizeForm | undefined,
): Unified | string | undefined {
  const bodies = values.map((value) => graphsOf({ value }));
  const isSame = values.every((value) => attributesKey({ value }) === attributesKey({ value: values[0]! }));
  // Graphs that are the same for all n may take it too.
  if (isSame && bodies[0]!.length === 0) return undefined;
  const unlike = (): string =>
    `${key} of ${node.primitive.name} is ${values.map((value) => attributesKey({ [key]: value })).join(', ')} for ${sizes.join(', ')}`;
  if (values.every((value) => typeof value === 'number')) {
    if (node.primitive === constantPrimitive) {
      const literal = literalOf(sizes, values, node.dtype);
      return literal === undefined ? unlike() : { literal };
    }
    const sized = formOf(values);
    return sized === undefined ? unlike() : { sized };
  }
  if (values.every((value) => isNumbers(value) && value.length === (values[0] as number[]).length)) {
    const lists = values as (readonly number[])[];
    const merged = lists[0]!.map((value, at): SizeForm | number | undefined =>
      lists.every((list) => list[at] === value) ? value : formOf(lists.map((list) => list[at]!)),
    );
    return merged.includes(undefined) ? unlike() : { sized: merged as (SizeForm | number)[] };
  }
  // Bodies of loops, branches.
  const [{ length }] = bodies as [Graph[]];
  if (length === 0 || bodies.some((list) => list.length !== length)) return unlike();
  const families: GraphFamily[] = [];
  for (let at = 0; at < length; at++) {
    const family = familyOf(
      bodies.map((list) => list[at]!),
      sizes,
    );
    if ('what' in family) return `in the body of ${node.primitive.name} ${family.what}`;
    families.push(family);
  }
  return { graphs: { key, families, isList: !isGraph(values[0]!) } };
}

/** The family of which `graphs` are members at `sizes`, or where they are no family. */
export function familyOf(graphs: readonly Graph[], sizes: readonly number[]): GraphFamily | Difference {
  const [first] = graphs as [Graph, ...Graph[]];
  const orders = graphs.map((graph) => [...new Set([...graph.parameters, ...topologicalOrder(graph.outputs)])]);
  const positions = orders.map((order) => new Map(order.map((node, i) => [node, i])));
  const differ = (what: string, at = -1): Difference => ({ what, at });
  const alike = (read: (graph: Graph, i: number) => unknown): boolean =>
    graphs.every((graph, i) => JSON.stringify(read(graph, i)) === JSON.stringify(read(first, 0)));
  const members: Member[] = [];
  const forms: SizeForm[] = [];
  const formOf = (values: readonly number[]): SizeForm | undefined => {
    const form = sizeFormOf(sizes, values);
    if (form !== undefined) forms.push(form);
    return form;
  };
  for (let i = 0; i < Math.max(...orders.map((order) => order.length)); i++) {
    const nodes = orders.map((order) => order[i]);
    const node = nodes.find((each) => each !== undefined)!;
    const text = (each: Expr | undefined): string => each?.primitive.name ?? 'nothing';
    const other = nodes.findIndex((each) => each?.primitive !== nodes[0]?.primitive);
    if (other > 0)
      return differ(`it records ${text(nodes[0])} for ${sizes[0]} and ${text(nodes[other])} for ${sizes[other]}`, i);
    const inputsOf = (each: Expr, graph: number): (number | undefined)[] =>
      each.inputs.map((input) => positions[graph]!.get(input));
    const inputs = inputsOf(node, 0) as number[];
    if (nodes.some((each, graph) => inputsOf(each!, graph).join() !== inputs.join()))
      return differ(`${node.primitive.name} reads other values for ${sizes.join(', ')}`, i);
    const sized: Record<string, SizedAttribute> = {};
    let literal: Literal | undefined;
    const graphs: MemberGraphs[] = [];
    for (const key of Object.keys(node.attributes)) {
      const values = nodes.map((each) => each!.attributes[key]!);
      const unified = unifyAttribute(node, key, values, sizes, formOf);
      if (typeof unified === 'string') return differ(unified, i);
      if (unified?.sized !== undefined) sized[key] = unified.sized;
      if (unified?.literal !== undefined) literal = unified.literal;
      if (unified?.graphs !== undefined) graphs.push(unified.graphs);
    }
    members.push({ node, inputs, sized, literal, graphs });
  }
  if (
    !alike(({ updates, parameterNames }) => [updates, parameterNames]) ||
    !alike(({ outputs }, i) => outputs.map((output) => positions[i]!.get(output)))
  )
    return differ(`it returns or writes other values for ${sizes.join(', ')}`);
  const readsSize = members.some((member) => member.literal !== undefined || takesSize(member));
  const memberAt = remembered((n) => instantiate(first, members, readsSize, n));
  return {
    at: (n) => memberAt(n).graph,
    readsSize,
    alike: (n, like) => {
      if (forms.some((form) => sizeAt(form, n) < 0)) return false;
      if (
        !members.every(({ graphs }) => graphs.every((each) => each.families.every((family) => family.alike(n, like))))
      )
        return false;
      const [own, other] = [memberAt(n).nodes, memberAt(like).nodes];
      return own.every((node, i) => {
        if (!liesInside(node)) return false;
        const reduced = attributesOf(node, reducePrimitive);
        return (
          reduced === undefined ||
          reduced.joined === true ||
          takesOrderOf(node.input().shape, other[i]!.input().shape, reduced.axes)
        );
      });
    },
  };
}

/**
 * Whether the window that a node reads or replaces is inside its first operand. At the sizes at which a function was recorded,
 * `slice` has cut it down and `dynamicSlice` has refused it; few rows may have less than that.
 */
function liesInside(node: Expr): boolean {
  if (isOf(node, slicePrimitive)) {
    const { begin, strides } = node.attributes;
    return node.input().shape.every((extent, axis) => {
      const last = begin[axis]! + (node.shape[axis]! - 1) * strides[axis]!;
      return node.shape[axis] === 0 || (Math.min(begin[axis]!, last) >= 0 && Math.max(begin[axis]!, last) < extent);
    });
  }
  const window = isOf(node, dynamicSlicePrimitive)
    ? node.shape
    : isOf(node, dynamicUpdateSlicePrimitive)
      ? node.input(1).shape
      : [];
  return window.every((extent, axis) => extent <= node.input().shape[axis]!);
}

const isNumbers = (value: AttributeValue): value is readonly number[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'number');

/** Sizes whose graphs are kept. */
const REMEMBERED = 8;

function remembered<T>(make: (n: number) => T): (n: number) => T {
  const known = new Map<number, T>();
  return (n) => {
    const found = known.get(n) ?? make(n);
    known.delete(n);
    known.set(n, found);
    if (known.size > REMEMBERED) known.delete(known.keys().next().value!);
    return found;
  };
}

/** The graph of `members` at n, and its node for each of them. */
function instantiate(
  template: Graph,
  members: readonly Member[],
  readsSize: boolean,
  n: number,
): { readonly graph: Graph; readonly nodes: readonly Expr[] } {
  const value = (of: SizeForm | number): number => (typeof of === 'number' ? of : sizeAt(of, n));
  return withScope(new ExprScope(), () => {
    const count = template.parameters.length;
    const nodes: Expr[] = [];
    const size = readsSize ? weakParameter(count) : undefined;
    const literalAt = ({ form: { times, plus }, over, extra }: Literal, { aval }: Expr): Expr => {
      const scaled = times === 1 ? size! : exprBuilder.mul(size!, weakConstant(times));
      const whole = plus === 0 ? scaled : exprBuilder.add(scaled, weakConstant(plus));
      const above = (x: number): Expr => (extra === 1 ? exprBuilder.add(weakConstant(x), whole) : weakConstant(x));
      const result = over === undefined ? whole : exprBuilder.div(above(over), whole);
      return aval.weak ? result : exprBuilder.cast(result, aval.dtype);
    };
    withOrigin(undefined, () => {
      for (const member of members) {
        const { node, sized, literal, graphs } = member;
        setOrigin(originOf(node));
        const attributes: Record<string, AttributeValue> = { ...node.attributes };
        const inputs = member.inputs.map((input) => nodes[input]!);
        const takes = takesSize(member);
        const place = sizePlace(node);
        if (takes) {
          inputs.splice(place, 0, size!);
          if (typeof attributes.constants === 'number') attributes.constants++;
        }
        for (const { key, families, isList } of graphs) {
          const all = families.map((family) => (takes ? graphTaking(family, n, place) : family.at(n)));
          attributes[key] = isList ? all : all[0]!;
        }
        for (const [key, of] of Object.entries(sized))
          attributes[key] = Array.isArray(of) ? of.map(value) : value(of as SizeForm);
        nodes.push(
          literal === undefined ? make(node.primitive, inputs, attributes as Attributes) : literalAt(literal, node),
        );
      }
    });
    const position = new Map(members.map(({ node }, i) => [node, nodes[i]!]));
    const graph: Graph = {
      ...template,
      parameters: [...nodes.slice(0, count), ...(size === undefined ? [] : [size])],
      parameterNames: [...template.parameterNames, ...(size === undefined ? [] : ['n'])],
      outputs: template.outputs.map((output) => lookUp(position, output)),
    };
    return { graph, nodes };
  });
}

/** The texts of graphs or programs at `sizes` as one, in which n stands for what follows from it; the first where they differ by more. */
export function printForms(sizes: readonly number[], texts: readonly string[]): string {
  const parts = texts.map((text) => text.split(/(\d+)/));
  return parts[0]!
    .map((part, i) => {
      const all = parts.map((each) => each[i]!);
      if (all.every((each) => each === part)) return part;
      const form = sizeFormOf(sizes, all.map(Number));
      return form === undefined ? part : formatSizeForm(form);
    })
    .join('');
}
