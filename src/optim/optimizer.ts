/**
 * Optimizer: a gradient transformation that keeps its state, and the parameters it trains, in Variables. Nothing is
 * computed here; `update` records the rule into whatever is being traced.
 */
import { isFloat } from '../core/dtype.js';
import { DTypeError, InternalError, OptionError, ShapeError, TreeError } from '../core/errors.js';
import { sameShape } from '../core/aval.js';
import { describeValue, isDict } from '../core/options.js';
import { type Dict, dictEntries, type IterableDict, iterableDict } from '../object/collector.js';
import { Module, type ModuleStructure } from '../object/module.js';
import { pathIn } from '../object/walk.js';
import { announce } from '../trace/scope.js';
import { Tensor } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import { checkRange, NOT_NEGATIVE } from './options.js';
import { asScheduler, countCall, counted, Scheduler } from './scheduler.js';
import { advance, childOf, type GradientTransformation, wrongState } from './transformation.js';

/** What every optimizer takes: rate, Variables, name. */
export interface OptimizerOptions {
  /** The learning rate: a number, a Scheduler, or a Variable that holds it. */
  readonly lr?: number | Scheduler | Variable;
  /** What it trains; may be given later with `registerTrainVars`. */
  readonly trainVars?: Dict<Variable> | null;
  /** The part of each parameter that decays in each update; null for none. */
  readonly weightDecay?: number | null;
  readonly name?: string;
}

const children = (node: object): [string, unknown][] =>
  node instanceof Map ? [...(node as Map<string, unknown>)] : Object.entries(node);

/** A tree like `node` whose leaves are `replace` of what stands there and of its path. */
function mapLeaves<L>(
  node: unknown,
  isLeaf: (value: unknown) => value is L,
  replace: (leaf: L, path: readonly string[]) => unknown,
  path: readonly string[] = [],
): unknown {
  if (isLeaf(node)) return replace(node, path);
  if (typeof node !== 'object' || node === null) return node;
  const mapped = children(node).map(([key, each]): [string, unknown] => [
    key,
    mapLeaves(each, isLeaf, replace, [...path, key]),
  ]);
  if (node instanceof Map) return new Map(mapped);
  return Array.isArray(node) ? mapped.map(([, each]) => each) : Object.fromEntries(mapped);
}

/** What stands at the path; undefined where it leads nowhere. */
const at = (tree: unknown, path: readonly string[]): unknown =>
  path.reduce((node, key) => (typeof node === 'object' && node !== null ? childOf(node, key) : undefined), tree);

const isTensor = (value: unknown): value is Tensor => value instanceof Tensor;
const isKey = (value: unknown): value is string => typeof value === 'string';

/**
 * Base of all optimizers.
 * @example new Adam({ trainVars: { w: new TrainVar([1]) } }) instanceof Optimizer; // true
 */
export abstract class Optimizer extends Module {
  protected static override readonly unwalked: readonly string[] = ['varsToTrain', 'scalarVars'];
  /** The Variables that it trains: the dict that was given. No part of the optimizer's own `vars()`. Iterable. */
  varsToTrain: IterableDict<Variable> = iterableDict({});
  /** The shape of the transformation's state, with keys of implicit Variables at its leaves. */
  protected stateKeys: unknown = null;
  /** By the keys of the parameters, and of their state: what files call them, from the attribute paths of the parameters. */
  protected storedKeys: Readonly<Record<'params' | 'state', ReadonlyMap<string, string>>> = {
    params: new Map(),
    state: new Map(),
  };

  /** The nodes of Schedulers whose counters are those of the state. */
  protected countedNodes: readonly string[] = [];

  protected constructor({ lr = 1, name }: OptimizerOptions, scheduler?: Scheduler) {
    super(name);
    this.registerImplicitNodes({ lr: scheduler ?? asScheduler(this.constructor.name, lr) });
  }

  static override treeUnflatten<T extends Module>(
    this: abstract new (...args: never[]) => T,
    structure: ModuleStructure,
    values: readonly unknown[],
  ): T {
    const copy = Module.treeUnflatten.call(this, structure, values) as T & Optimizer;
    copy.varsToTrain = iterableDict(copy.varsToTrain);
    return copy;
  }

  /** The transformation, with the scalars of this moment of the trace. */
  protected abstract transformation(): GradientTransformation;

  /** The learning rate's Scheduler. */
  get lr(): Scheduler {
    return this.schedulerAt('lr');
  }
  /** A number is the Scheduler's `setValue`; compiled steps see it without another trace. */
  set lr(lr: number | Scheduler) {
    if (typeof lr !== 'number')
      throw new OptionError(
        'FIXED_SCHEDULER',
        `the lr of ${this.name} was set to ${describeValue(lr)}`,
        'Assign a number, or make an optimizer with the other Scheduler: compiled steps hold this one.',
      );
    this.lr.setValue(checkRange(this.name, 'lr', lr, NOT_NEGATIVE));
  }

  /**
   * Adds Variables to train, with state for each.
   * @throws OptionError `TRAIN_VARS` for what is no dict of float Variables, or holds one twice.
   */
  registerTrainVars(vars: Dict<Variable>): void {
    const present = new Map(dictEntries(this.varsToTrain));
    const added = checkedVars(this.constructor.name, vars, present);
    const all = [...present, ...added];
    this.makeState(
      new Map(all.map(([key, variable]) => [key, variable.value])),
      storedPaths(this.storedKeys.params, vars, added),
    );
    for (const [key, variable] of added) variable.name ??= key;
    this.varsToTrain = iterableDict(
      present.size === 0 ? vars : vars instanceof Map ? new Map(all) : Object.fromEntries(all),
    );
  }

  /** Variables for the state of these parameters; what has one keeps it. */
  private makeState(params: ReadonlyMap<string, Tensor>, storedParams: ReadonlyMap<string, string>): void {
    const state = new Map<string, Variable>();
    const stored = new Map<string, string>();
    const taken = new Set<string>();
    const stateKeys = mapLeaves(this.transformation().init(params), isTensor, (value, path) => {
      const counter = this.counterOf(value);
      const isCounter = counter !== undefined && !taken.has(counter);
      const key = isCounter ? counter : stateKey(path, params);
      if (taken.has(key))
        throw new OptionError(
          'TRAIN_VARS',
          `${this.constructor.name} has two parts of its state that would both be called ${JSON.stringify(key)}`,
          'Give the Variables keys that end otherwise: not "w" beside "w_1" in nested chains.',
        );
      taken.add(key);
      if (isCounter) return key;
      stored.set(
        key,
        stateKey(path, params, (param) => storedParams.get(param)!),
      );
      if (!this.implicitVars.has(key)) state.set(key, new Variable(value, `${this.name}.${key}`, 'kept'));
      return key;
    });
    this.registerImplicitVars(state);
    this.stateKeys = stateKeys;
    this.storedKeys = { params: storedParams, state: stored };
  }

  /** As {@link registerTrainVars}, by the name that BrainPy had for it first. */
  registerVars(vars: Dict<Variable>): void {
    this.registerTrainVars(vars);
  }

  /**
   * Checks that `grads` has one gradient for each parameter and of its shape.
   * @throws TreeError `GRADS_MISSING`, `GRADS_EXTRA`, `GRADS_TYPE`; ShapeError `GRADS_SHAPE`; DTypeError `GRADS_DTYPE`.
   */
  checkGrads(grads: Dict<Tensor>): void {
    this.gradients(grads);
  }

  /** The gradients in the order of the parameters, in their dtypes. */
  private gradients(grads: unknown): Map<string, Tensor> {
    if (typeof grads !== 'object' || grads === null || Array.isArray(grads) || grads instanceof Tensor)
      throw new TreeError(
        'GRADS_TYPE',
        `${this.name} got ${describeValue(grads)} as gradients`,
        'Pass a dict with the keys of varsToTrain, as valueAndGrad(…, { vars: opt.varsToTrain }) gives.',
      );
    const given = new Map<string, unknown>(dictEntries(grads as Dict<unknown>));
    const expected = new Map(dictEntries(this.varsToTrain));
    const added = [...expected.keys()].filter((key) => !this.storedKeys.params.has(key));
    if (added.length > 0)
      throw new OptionError(
        'TRAIN_VARS',
        `${this.name} has no state for ${added.map((key) => JSON.stringify(key)).join(', ')}, which came into varsToTrain by hand`,
        'Add Variables with registerTrainVars.',
      );
    const missing = [...expected.keys()].filter((key) => given.get(key) === undefined || given.get(key) === null);
    if (missing.length > 0)
      throw new TreeError(
        'GRADS_MISSING',
        `${this.name} got no gradient for ${missing.map((key) => JSON.stringify(key)).join(', ')}`,
        'Pass a gradient for every Variable of varsToTrain; zeros where there is none.',
      );
    const extra = [...given.keys()].filter((key) => !expected.has(key));
    if (extra.length > 0)
      throw new TreeError(
        'GRADS_EXTRA',
        `${this.name} got gradients for ${extra.map((key) => JSON.stringify(key)).join(', ')}, which it does not train`,
        'Leave them out, or register their Variables.',
      );
    return new Map([...expected].map(([key, variable]) => [key, this.gradientOf(key, given.get(key), variable)]));
  }

  private gradientOf(key: string, gradient: unknown, variable: Variable): Tensor {
    if (!(gradient instanceof Tensor))
      throw new TreeError(
        'GRADS_TYPE',
        `${this.name} got ${describeValue(gradient)} as the gradient of ${JSON.stringify(key)}`,
        'A gradient is a tensor.',
      );
    if (!sameShape(gradient.shape, variable.shape))
      throw new ShapeError(
        'GRADS_SHAPE',
        `${this.name} got ${gradient.expr.aval.key} as the gradient of ${JSON.stringify(key)}, which is ${variable.aval.key}`,
        'A gradient has the shape of its Variable.',
      );
    if (!isFloat(gradient.dtype))
      throw new DTypeError(
        'GRADS_DTYPE',
        `${this.name} got ${gradient.expr.aval.key} as the gradient of ${JSON.stringify(key)}`,
        'Gradients are floats.',
      );
    return gradient.dtype === variable.dtype && !gradient.expr.aval.weak ? gradient : gradient.cast(variable.dtype);
  }

  /**
   * One step: the parameters and the state become what the rule says, and the Scheduler counts a call.
   * @throws the errors of {@link checkGrads}, OptionError `NO_VARIABLES`; nothing is written then.
   */
  update(grads: Dict<Tensor>): void {
    announce({ phase: 'update' }, () => this.takeStep(grads));
  }

  private takeStep(grads: unknown): void {
    const variables = new Map(dictEntries(this.varsToTrain));
    if (variables.size === 0)
      throw new OptionError(
        'NO_VARIABLES',
        `${this.name} was asked to update and trains no Variables`,
        'Pass { trainVars } when you make it, or call registerTrainVars; #private fields are not searched.',
      );
    const gradients = this.gradients(grads);
    const params = new Map([...variables].map(([key, variable]) => [key, variable.value]));
    const before = mapLeaves(this.stateKeys, isKey, (key) => this.stateVariable(key).value);
    const { state, applied, ...next } = advance(this.transformation(), gradients, before, params);
    const changes: [Variable, Tensor][] = [];
    mapLeaves(state, isTensor, (value, path) => {
      const key = at(this.stateKeys, path);
      if (key === null || key === undefined) throw wrongState(state);
      if (value !== at(before, path)) changes.push([this.stateVariable(key), value]);
    });
    for (const [key, value] of next.params) if (value !== params.get(key)) variables.get(key)!.value = value;
    for (const [variable, value] of changes) variable.value = value;
    this.countUpdate(applied);
  }

  protected override implicitPath(key: string): string {
    return this.storedKeys.state.get(key) ?? key;
  }

  /** Counts a call of the Scheduler, where `applied` is true or absent. */
  protected countUpdate(applied: Tensor | undefined): void {
    countCall(this.lr, applied);
  }

  /** Options and how they are shown, in order. */
  protected shownOptions(): [option: string, text: string][] {
    return [['lr', String(this.lr)]];
  }

  /** The class with its options. */
  override toString(): string {
    const options = this.shownOptions().map(([option, text]) => `${option}: ${text}`);
    return `${this.constructor.name}({ ${options.join(', ')} })`;
  }

  /** The Scheduler of a node. */
  protected schedulerAt(node: string): Scheduler {
    const scheduler = this.implicitNodes.get(node);
    if (!(scheduler instanceof Scheduler)) throw new InternalError(`${this.name} has no Scheduler ${node}`);
    return scheduler;
  }

  /** The key of a number of the state that is a Scheduler's own counter. */
  private counterOf(value: Tensor): string | undefined {
    const scheduler = counted.get(value);
    const node = this.countedNodes.find((name) => this.schedulerAt(name) === scheduler);
    return node && counterKey(node);
  }

  private stateVariable(key: unknown): Variable {
    const own = isKey(key) ? this.implicitVars.get(key) : undefined;
    const node = this.countedNodes.find((name) => counterKey(name) === key);
    const variable = own ?? (node === undefined ? undefined : this.schedulerAt(node).callCounter);
    if (variable === undefined) throw new InternalError(`${this.name} has no state ${String(key)}`);
    return variable;
  }
}

/** What the state calls the counter of the Scheduler `node`. */
const counterKey = (node: string): string => `${node}.lastCall`;

/** The Variables of `vars` with their keys, which may join those that are trained. @throws OptionError `TRAIN_VARS` */
function checkedVars(
  owner: string,
  vars: Dict<Variable>,
  present: ReadonlyMap<string, Variable>,
): [string, Variable][] {
  const wrong = (facts: string, remedy: string): OptionError =>
    new OptionError('TRAIN_VARS', `${owner} ${facts}`, remedy);
  const given: unknown = vars;
  if (!isDict(vars))
    throw wrong(
      `got ${describeValue(given)} as trainVars`,
      given instanceof Module
        ? 'Pass its Variables: model.trainVars().'
        : 'Pass a dict of Variables: model.trainVars(), or { w, b }.',
    );
  const keys = new Map<unknown, string>([...present].map(([key, variable]) => [variable, key]));
  const added = dictEntries(vars);
  for (const [key, variable] of added) {
    if (!(variable instanceof Variable))
      throw wrong(
        `got ${describeValue(variable)} as trainVars[${JSON.stringify(key)}]`,
        'Only Variables can be trained; those of a module are model.trainVars().',
      );
    if (!isFloat(variable.dtype))
      throw wrong(
        `got a Variable of ${variable.aval.key} as trainVars[${JSON.stringify(key)}]`,
        'Only f32 and f64 can be trained.',
      );
    const other = keys.get(variable);
    if (other !== undefined)
      throw wrong(
        `got one Variable as ${JSON.stringify(other)} and ${JSON.stringify(key)}`,
        'Train each Variable once; trainVars().unique() leaves out the second.',
      );
    if (present.has(key))
      throw wrong(`trains another Variable as ${JSON.stringify(key)} already`, 'Give it another key.');
    keys.set(variable, key);
  }
  return added;
}

/** What files call the parameters, with the added ones. */
function storedPaths(
  before: ReadonlyMap<string, string>,
  vars: Dict<Variable>,
  added: readonly [string, Variable][],
): Map<string, string> {
  const stored = new Map(before);
  for (const [key, variable] of added) {
    const path = pathIn(vars, key, variable);
    // Two models may have the same paths: then their order counts, as it does in a list.
    let unique = path;
    for (let n = 1; [...stored.values()].includes(unique); n++) unique = `${n}.${path}`;
    stored.set(key, unique);
  }
  return stored;
}

/** `w_cache` for the slot `cache` of the parameter `w`; what belongs to no parameter goes by its own path. */
function stateKey(path: readonly string[], params: ReadonlyMap<string, unknown>, name = (key: string) => key): string {
  const last = path[path.length - 1]!;
  return path.length > 1 && params.has(last) ? `${name(last)}_${path.slice(0, -1).join('_')}` : path.join('_');
}
