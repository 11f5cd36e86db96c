/**
 * Expressions: immutable, hash-consed nodes of the graph, and the primitives that they apply.
 *
 * A primitive is one entry: its name, its shape and dtype rule, its meaning, its derivative and its decomposition
 * into core ops. Passes ask the entry; none of them knows an op by name.
 */
import type { Coordinates, Moved } from './affine.js';
import type { Aval } from './aval.js';
import type { HostArray } from './array.js';
import type { Builder } from './builder.js';
import type { ScalarOp } from './scalar-op.js';
import { InternalError } from './errors.js';
import { SHOWN_AS } from './options.js';

/** A function as data: `outputs` computed from `parameters`. */
export interface Graph {
  readonly name: string;
  readonly parameters: readonly Expr[];
  /** Names for printing, one a parameter. */
  readonly parameterNames: readonly string[];
  readonly outputs: readonly Expr[];
  readonly outputNames: readonly string[];
  /** Output `output` is the new value of parameter `parameter`, and may take its memory. */
  readonly updates: readonly GraphUpdate[];
}

export interface GraphUpdate {
  readonly output: number;
  readonly parameter: number;
  /** The output is a result, and the parameter an argument that its caller gave up. */
  readonly donated?: true;
}

/** Compile-time arguments of a primitive, compared by value. Graphs among them are closed: all that they use are parameters. */
export type Attributes = Readonly<Record<string, AttributeValue>>;
export type AttributeValue = number | string | boolean | readonly number[] | Graph | readonly Graph[];

/** What a primitive does to the index space; each class is handled by one branch of the fuser. */
export type PrimitiveKind =
  | 'leaf'
  | 'elementwise'
  | 'movement'
  | 'concat'
  | 'gather'
  | 'window'
  | 'update'
  | 'scatter'
  | 'reduction'
  | 'scan'
  | 'sort'
  | 'contraction'
  | 'composite'
  | 'control'
  | 'result'
  | 'copy';

/** The inputs of a node: any number of them, or as many as its primitive takes. */
export type Inputs = readonly Expr[];
export type Unary = readonly [Expr];
export type Binary = readonly [Expr, Expr];
/** A `T` for each input. */
type Each<I extends Inputs, T> = { readonly [K in keyof I]: T };

/**
 * One entry of the table of primitives. `A` is the type of its attributes, `I` that of its inputs; methods, so that an entry of
 * any of them is a `Primitive`: it only ever meets nodes of its own.
 */
export interface Primitive<A extends Attributes = Attributes, I extends Inputs = Inputs> {
  readonly name: string;
  readonly kind: PrimitiveKind;
  /** What users call it, where that is not its name. */
  calledAs?(this: void, attributes: A): string;
  /** For a constant: its value. */
  literal?(this: void, attributes: A): number;
  /** The result's aval. Inputs have been checked and broadcast by the function that users call. */
  infer(inputs: Each<I, Aval>, attributes: A): Aval;
  /** The meaning on whole arrays; absent for an element-wise primitive, whose meaning is `scalarOp` or `decompose`. */
  evaluate?(this: void, inputs: Each<I, HostArray>, attributes: A, output: Aval): HostArray;
  /** For a movement: where in its input the result's element at `coordinates` (forms over `rank` loops) comes from; undefined where no affine form exists. */
  move?(this: void, node: Expr<A, I>, coordinates: Coordinates, rank: number): Moved | undefined;
  /** For an element-wise core op: the op that emitters know. */
  readonly scalarOp?: ScalarOp;
  /** For any other element-wise op: the function over core ops that *is* its meaning. */
  decompose?<T>(this: void, builder: Builder<T>, inputs: Each<I, T>, attributes: A): T;
  /** For a composite of whole tensors: the nodes that *are* its meaning. Its kind is `composite`. */
  expand?(this: void, builder: TensorBuilder, inputs: I, attributes: A): Expr;
  /** For a node that holds graphs: how they run. */
  readonly control?: Control<A, I>;
  /** Cotangents of the inputs from the cotangent of the result; null where there is none. */
  vjp?(this: void, cotangent: Expr, node: Expr<A, I>, builder: TensorBuilder): readonly (Expr | null)[];
  /**
   * The same for one of several results, of which those without a cotangent have had no influence; `wanted` says whose
   * cotangents are asked for.
   */
  vjpOfResults?(
    this: void,
    cotangents: readonly (Expr | undefined)[],
    node: Expr<A, I>,
    builder: GraphBuilder,
    wanted: readonly boolean[],
  ): readonly (Expr | null)[];
  /**
   * Whether the result is linear in all float inputs together, or in each of them: then its tangent is the primitive of the
   * tangents. An element-wise entry needs neither this nor `jvp`: its `vjp` is its own transpose.
   */
  readonly linear?: 'jointly' | 'each';
  /** The tangent of the result from those of the inputs, null where there is none; without it `vjp` is transposed. */
  jvp?(this: void, tangents: Each<I, Expr | null>, node: Expr<A, I>, builder: TensorBuilder): Expr;
  /** The attributes under which inputs with one more axis, the first, give the result with one more; its extent is `extent`. */
  batch?(this: void, attributes: A, extent: number): A;
  /** The result with one more axis, the first, from inputs some of which have it. */
  vmap?(this: void, inputs: Each<I, Batched>, node: Expr<A, I>, extent: number, builder: TensorBuilder): Expr;
  /** The same for a node with several results; null for one that does not move. */
  jvpOfResults?(
    this: void,
    tangents: Each<I, Expr | null>,
    node: Expr<A, I>,
    builder: ForwardBuilder,
  ): readonly (Expr | null)[];
  vmapOfResults?(
    this: void,
    inputs: Each<I, Batched>,
    node: Expr<A, I>,
    extent: number,
    builder: BatchBuilder,
  ): readonly Batched[];
}

/** A node for each example of a batch, or one that all share. */
export interface Batched {
  readonly node: Expr;
  /** Whether it has the examples along its first axis. */
  readonly isBatched: boolean;
}

/** How the graphs of a node run: in turns, while one holds, one of them, or as if the graph stood in the node's place. */
export interface Control<A extends Attributes = Attributes, I extends Inputs = Inputs> {
  readonly kind: 'scan' | 'while' | 'branch' | 'inline';
  /** The results without control: turns one after the other. Undefined where their number is not known. */
  unroll?(inputs: I, attributes: A, aval: Aval): Expr[];
}

/** The vocabulary in which derivatives are written: the core ops on expressions, and what moves, reduces and contracts them. */
export interface TensorBuilder extends Builder<Expr> {
  /** `value` in the shape and dtype of `like`. */
  constantLike(like: Expr, value: number): Expr;
  sign(x: Expr): Expr;
  broadcast(x: Expr, shape: readonly number[], axes: readonly number[]): Expr;
  reshape(x: Expr, shape: readonly number[]): Expr;
  transpose(x: Expr, permutation: readonly number[]): Expr;
  slice(x: Expr, begin: readonly number[], end: readonly number[], strides?: readonly number[]): Expr;
  pad(x: Expr, low: readonly number[], high: readonly number[], value: number): Expr;
  flip(x: Expr, axes: readonly number[]): Expr;
  concat(inputs: readonly Expr[], axis: number): Expr;
  /** Sum over axes, which go; `joined`, in the order of a contraction. */
  sum(x: Expr, axes: readonly number[], order?: 'joined'): Expr;
  /** Puts `x`, the result of a reduction over `axes`, back in every place of `shape`. */
  spread(x: Expr, shape: readonly number[], axes: readonly number[]): Expr;
  cumulative(x: Expr, op: 'sum' | 'prod' | 'max' | 'min', axis: number, options?: { readonly reverse?: boolean }): Expr;
  gather(x: Expr, indices: Expr, axis: number): Expr;
  scatterAdd(base: Expr, indices: Expr, updates: Expr, axis: number): Expr;
  /** As {@link scatterAdd}, but updates replace what is there. */
  scatter(base: Expr, indices: Expr, updates: Expr, axis: number): Expr;
  dynamicSlice(x: Expr, starts: readonly Expr[], sizes: readonly number[]): Expr;
  dynamicUpdateSlice(x: Expr, update: Expr, starts: readonly Expr[]): Expr;
  dot(a: Expr, b: Expr, dimensions: DotDimensions): Expr;
}

/** The vocabulary of derivatives of nodes that hold graphs. */
export interface GraphBuilder extends TensorBuilder {
  /** The cotangents of `inputs` from those of `outputs`. */
  readonly pullback: (outputs: readonly Expr[], cotangents: readonly Expr[], inputs: readonly Expr[]) => Expr[];
}

export interface ForwardBuilder extends GraphBuilder {
  /** The tangents of `outputs` from those of `inputs`; null where nothing moves. */
  readonly pushforward: (
    outputs: readonly Expr[],
    inputs: readonly Expr[],
    tangents: readonly Expr[],
  ) => (Expr | null)[];
}

/** The vocabulary in which nodes that hold graphs are batched. */
export interface BatchBuilder extends TensorBuilder {
  /**
   * The closed graph for `extent` examples along the first axis of the parameters that `isBatched` names, and which outputs have
   * it: those that differ by example, and those that `all` names.
   */
  readonly batchedGraph: (
    graph: Graph,
    isBatched: (parameter: number) => boolean,
    extent: number,
    all?: (output: number) => boolean,
  ) => { readonly graph: Graph; readonly batched: readonly boolean[] };
}

/** Which axes of the two operands of a contraction belong together; the others are free. */
export interface DotDimensions {
  readonly batch: readonly [readonly number[], readonly number[]];
  readonly contract: readonly [readonly number[], readonly number[]];
  /** The result has these of the axes batch, free of `a`, free of `b`, in this order; as they are if left out. */
  readonly permutation?: readonly number[];
}

export type Phase = 'forward' | 'backward' | 'update';

/** The part of the user's program that made a node. What nobody announced is undefined, and told from what the node reads. */
export interface Origin {
  /** The module in whose `call` it was made, and the outermost one then under way. */
  readonly module?: object | undefined;
  readonly root?: object | undefined;
  readonly phase?: Phase | undefined;
  /** `train.ts:41`, if the trace looked for it. */
  readonly location?: string | undefined;
  /** In the graph of a pass: the traced node that it stands for. */
  readonly node?: Expr;
}

let origin: Origin | undefined;
export const currentOrigin = (): Origin | undefined => origin;
/** New nodes come from `next` until the end of the innermost {@link withOrigin}. */
export const setOrigin = (next: Origin | undefined): void => void (origin = next);

/** Runs `body`, whose new nodes come from `next`; the former origin is restored whatever happens. */
export function withOrigin<T>(next: Origin | undefined, body: () => T): T {
  const before = origin;
  origin = next;
  try {
    return body();
  } finally {
    origin = before;
  }
}

let nextId = 0;

/** A node: a primitive applied to inputs. Build it with {@link ExprScope.make}, never with `new`. */
export class Expr<A extends Attributes = Attributes, I extends Inputs = Inputs> {
  readonly id = nextId++;
  /** Of equal nodes, that of the first. */
  origin = origin;
  constructor(
    readonly scope: ExprScope,
    readonly primitive: Primitive<A, I>,
    readonly inputs: I,
    readonly attributes: A,
    readonly aval: Aval,
  ) {}

  /** Operations see the node of a tensor. */
  get [SHOWN_AS](): string {
    return 'Tensor';
  }
  get shape(): readonly number[] {
    return this.aval.shape;
  }
  get dtype(): Aval['dtype'] {
    return this.aval.dtype;
  }
  /** The only input of a unary node, or the `index`-th. */
  input(index = 0): Expr {
    const input = this.inputs[index];
    if (input === undefined) throw new InternalError(`${this.primitive.name} has no input ${index}`);
    return input;
  }
  /** For errors: `matmul f32[2,3]`. */
  toString(): string {
    return `${operation(this)} ${this.aval.key}`;
  }
}

/** Whether the primitive is that of the node, whose attributes and inputs it then types. */
export const isOf = <A extends Attributes, I extends Inputs>(
  node: Expr,
  primitive: Primitive<A, I>,
): node is Expr<A, I> => node.primitive === (primitive as Primitive);
/** A node that is known to be of this primitive. */
export function asOf<A extends Attributes, I extends Inputs>(node: Expr, primitive: Primitive<A, I>): Expr<A, I> {
  if (!isOf(node, primitive)) throw new InternalError(`${node.primitive.name} is no ${primitive.name}`);
  return node;
}
/** The attributes of a node of this primitive; undefined for any other. */
export const attributesOf = <A extends Attributes, I extends Inputs>(
  node: Expr,
  primitive: Primitive<A, I>,
): A | undefined => (isOf(node, primitive) ? node.attributes : undefined);

/** The operation as users call it. */
export const operation = ({ primitive, attributes }: Expr): string =>
  primitive.calledAs?.(attributes) ?? primitive.name;
/** The node that computes `node`, which may be one of its several results. */
export const producer = (node: Expr): Expr => (node.primitive.kind === 'result' ? node.input() : node);
/** Whether the node is a scalar that is part of the program. */
export const isConstant = ({ primitive }: Expr): boolean => primitive.literal !== undefined;

export const isGraph = (value: AttributeValue): value is Graph => typeof value === 'object' && 'outputs' in value;

/** The graphs among the attributes, in order. */
export const graphsOf = (attributes: Attributes): Graph[] =>
  Object.values(attributes).flatMap((value) =>
    isGraph(value) ? [value] : typeof value === 'object' ? value.filter((each) => typeof each === 'object') : [],
  );

/** The attributes with `change` applied to the graphs among them. */
export function mapGraphs<A extends Attributes>(attributes: A, change: (graph: Graph) => Graph): A {
  const each = (value: AttributeValue): AttributeValue =>
    isGraph(value)
      ? change(value)
      : typeof value === 'object'
        ? ((value as readonly (number | Graph)[]).map((item) =>
            typeof item === 'object' ? change(item) : item,
          ) as AttributeValue)
        : value;
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, each(value)])) as A;
}

const graphKeys = new WeakMap<Graph, string>();

/** Equal for graphs that compute the same from parameters of the same avals, whatever their names; made once a graph. */
export function graphKey(graph: Graph): string {
  let key = graphKeys.get(graph);
  if (key !== undefined) return key;
  const position = new Map<Expr, number>();
  const lines: string[] = [];
  for (const parameter of graph.parameters) {
    position.set(parameter, position.size);
    lines.push(parameter.aval.key);
  }
  for (const node of topologicalOrder(graph.outputs)) {
    if (position.has(node)) continue;
    position.set(node, position.size);
    lines.push(
      `${node.primitive.name}|${attributesKey(node.attributes)}|${node.inputs.map((input) => position.get(input)!).join()}`,
    );
  }
  key = `{${lines.join(' ')} -> ${graph.outputs.map((output) => position.get(output)!).join()}}`;
  graphKeys.set(graph, key);
  return key;
}

function attributeKey(value: AttributeValue): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value !== 'object') return String(value);
  return isGraph(value)
    ? graphKey(value)
    : `[${value.map((each) => (typeof each === 'object' ? graphKey(each) : each)).join(',')}]`;
}

/** Attributes as text: equal text, equal attributes (−0 differs from 0, NaN equals NaN). */
export const attributesKey = (attributes: Attributes): string => {
  let key = '';
  for (const name in attributes) key += `${name}=${attributeKey(attributes[name]!)};`;
  return key;
};

/** Where expressions are hash-consed: one per trace and one per pass. */
export class ExprScope {
  readonly #nodes = new Map<string, Expr>();

  /** The node of this primitive, inputs and attributes; an equal one that the scope has already is returned. */
  make<A extends Attributes>(primitive: Primitive<A>, inputs: readonly Expr[], attributes: A): Expr {
    let key = `${primitive.name}|${attributesKey(attributes)}`;
    for (const input of inputs) key += `|${input.id}`;
    const found = this.#nodes.get(key);
    if (found !== undefined) return found;
    const aval = primitive.infer(
      inputs.map((input) => input.aval),
      attributes,
    );
    const node = this.create(primitive, inputs, attributes, aval);
    this.#nodes.set(key, node);
    return node;
  }

  /** A new node. */
  protected create(primitive: Primitive, inputs: readonly Expr[], attributes: Attributes, aval: Aval): Expr {
    return new Expr(this, primitive, inputs, attributes, aval);
  }

  /** Forgets all nodes: later equal ones are new. */
  clear(): void {
    this.#nodes.clear();
  }
}

const scopes: ExprScope[] = [];

/** The scope in which op functions make their nodes. */
export function currentScope(): ExprScope {
  const scope = scopes[scopes.length - 1];
  if (scope === undefined) throw new InternalError('an expression was built outside every scope');
  return scope;
}

/** The scopes from the outermost to the current one. */
export const scopeStack = (): readonly ExprScope[] => scopes;

/** Runs `body` with `scope` as the current one; the former is restored whatever happens. */
export function withScope<T>(scope: ExprScope, body: () => T): T {
  scopes.push(scope);
  try {
    return body();
  } finally {
    scopes.pop();
  }
}

/** A node of the current scope. */
export const make = <A extends Attributes, I extends Inputs>(
  primitive: Primitive<A, I>,
  inputs: NoInfer<I>,
  attributes: A = {} as A,
): Expr => currentScope().make<A>(primitive, inputs, attributes);

/** The nodes that `outputs` need, inputs (`inputsOf`) before their users; iterative, so depth does not matter. */
export function topologicalOrder<N extends Expr>(
  outputs: readonly N[],
  inputsOf: (node: N) => readonly N[] = (node) => node.inputs as readonly N[],
): N[] {
  const order: N[] = [];
  const seen = new Set<N>();
  const stack: { readonly node: N; readonly inputs: readonly N[]; next: number }[] = [];
  const enter = (node: N): void => {
    if (seen.has(node)) return;
    seen.add(node);
    const inputs = inputsOf(node);
    if (inputs.length > 0) stack.push({ node, inputs, next: 0 });
    else order.push(node);
  };
  for (const output of outputs) {
    enter(output);
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      if (top.next < top.inputs.length) enter(top.inputs[top.next++]!);
      else order.push(stack.pop()!.node);
    }
  }
  return order;
}

const nodesOfGraphs = new WeakMap<Graph, readonly Expr[]>();

/** The nodes of a graph in {@link topologicalOrder}, found once: pass after pass asks for them. */
export function nodesOf(graph: Graph): readonly Expr[] {
  let nodes = nodesOfGraphs.get(graph);
  if (nodes === undefined) nodesOfGraphs.set(graph, (nodes = topologicalOrder(graph.outputs)));
  return nodes;
}

/** Makes the nodes that `outputs` need anew in the current scope, from the copies of leaves that are in `copies` already. */
export function copyInto(copies: Map<Expr, Expr>, outputs: readonly Expr[]): Expr[] {
  withOrigin(undefined, () => {
    const order = topologicalOrder(outputs, (node) => (copies.has(node) ? [] : node.inputs));
    for (const node of order) {
      if (copies.has(node)) continue;
      setOrigin(node.origin);
      const inputs = node.inputs.map((input) => copies.get(input)!);
      copies.set(node, make(node.primitive, inputs, node.attributes));
    }
  });
  return outputs.map((output) => copies.get(output)!);
}
