/**
 * Module: the base of models, optimizers and schedulers. It finds the Variables and modules among an object's
 * attributes, names them, stores and loads their values, and lets the object pass through `jit` and `grad`.
 *
 * A module made by `treeUnflatten` has run no constructor, so nothing here is kept in private fields.
 */
import { OptionError, TraceError } from '../core/errors.js';
import { checkFlag, checkOptions, COPY, describeValue, THIS_COPY } from '../core/options.js';
import { register } from '../core/tree.js';
import type { leafType } from '../core/tree-types.js';
import type { TensorDict } from '../io/tensor-dict.js';
import type { Tensor } from '../trace/tensor.js';
import { isTracing, modeHere } from '../trace/scope.js';
import { TrainVar, Variable } from '../trace/variable.js';
import { type ClassOf, Collector } from './collector.js';
import { NodeDict, NodeList, VarDict, VarList } from './containers.js';
import { type Device, moveVariables } from './device.js';
import { ownCollector, registerAll, type Registered, splitOptions, UnownedCollector } from './implicit.js';
import { separated } from './mixed.js';
import { checkName, holdName, nextName } from './naming.js';
import { ModuleNode } from './node.js';
import { announceCalls } from './paths.js';
import { summaryOf } from './summary.js';
import { attributes, holdsState, type NamingMethod, refuseAttribute, walkNodes, walkVars } from './walk.js';
import type { LoadFileOptions } from './state-file.js';
import { loadState, type LoadStateOptions, type LoadStateResult, type StateDict, stateNow } from './state.js';

/** Which modules are collected, and by which names. */
export interface NodesOptions {
  /** `'absolute'` unless given. */
  readonly method?: NamingMethod;
  /** How many edges deep; −1 for all, 0 for the module itself. */
  readonly level?: number;
  /** Whether the module itself is among them; true unless given. */
  readonly includeSelf?: boolean;
}
/** Which Variables are collected, and by which names. */
export interface VarsOptions extends NodesOptions {
  /** Classes of Variables to leave out. */
  readonly excludeTypes?: readonly ClassOf<Variable>[];
}

const NAME = Symbol('name');
const EVALUATES = Symbol('evaluates');
/** What stands among the static names of a module that evaluates. */
const EVALUATES_NAME = '(eval)';

/** `[dynamicNames, staticNames, staticValues]` */
export type ModuleStructure = readonly [
  dynamicNames: readonly string[],
  staticNames: readonly string[],
  staticValues: readonly unknown[],
];

/** Whether a tree node must be made of the value: it is or holds a module or a Variable. */
const isDynamic = (value: unknown): boolean =>
  value instanceof NodeList ||
  value instanceof NodeDict ||
  value instanceof VarList ||
  value instanceof VarDict ||
  holdsState(value);

/** What the `call` of a module takes. */
type InputsOf<M> = M extends { call(...inputs: infer I): unknown } ? I : readonly unknown[];

/**
 * Base class of everything that holds Variables.
 *
 * @example
 * class Linear extends Module {
 *   weight = new TrainVar(zeros([3, 2]));
 *   bias = new TrainVar(zeros([2]));
 *   call(x: Tensor): Tensor {
 *     return x.matmul(this.weight.value).add(this.bias.value);
 *   }
 * }
 * new Linear().trainVars(); // { 'Linear0.weight' → …, 'Linear0.bias' → … }
 */
export class Module extends ModuleNode {
  static override name = 'Module';
  declare readonly [leafType]: Tensor;
  declare [NAME]: string;
  declare [EVALUATES]: boolean;
  declare implicitNodes: Collector<Module>;

  /** @param name unique among living modules; the class's name and a number unless given. */
  constructor(name?: string) {
    super();
    setHidden(this, NAME, this.uniqueName(name));
    holdName(this.name, this);
    announceCalls(this);
  }

  get [COPY](): object {
    return THIS_COPY;
  }
  /** Unique among modules of its class, as BrainPy's. */
  get name(): string {
    return this[NAME];
  }
  /** Renames, and its Variables where they are called after it. @throws OptionError `INVALID_NAME`, `NAME_TAKEN`. */
  set name(name: string) {
    const former = this.name;
    setHidden(this, NAME, checkName(name, this));
    holdName(name, this, former);
    for (const [key, variable] of this.vars({ level: 0 }))
      if (variable.name === former + key.slice(name.length)) variable.name = key;
  }

  /**
   * Whether layers that differ in it (Dropout, BatchNorm) train; true unless {@link eval} was called. A jitted function that
   * asks has a program for each answer.
   */
  get training(): boolean {
    return modeHere(this, !this[EVALUATES]);
  }
  /** @throws OptionError `MODE` */
  set training(mode: never) {
    throw new OptionError(
      'MODE',
      `training of ${this.name} was set to ${describeValue(mode)}`,
      'Call train() or eval(), which set it for all modules below too.',
    );
  }
  /**
   * Sets {@link training} of this module and of all below it.
   * @throws TraceError `MODE_IN_TRACE` while a function is traced.
   */
  train(mode = true): this {
    checkFlag(`${this.name}.train`, 'mode', mode);
    if (isTracing())
      throw new TraceError(
        'MODE_IN_TRACE',
        `${this.name} was to ${mode ? 'train' : 'evaluate'} while a function was traced, which happens once, not at each call`,
        'Call train() and eval() outside, before the jitted function: it has a program for each mode.',
      );
    for (const [, node] of walkNodes(this, { method: 'path' })) setHidden(node as Module, EVALUATES, !mode);
    return this;
  }
  /** `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  /**
   * `name` if it is free, else the next free name of the class (or of `type`).
   * @throws OptionError `INVALID_NAME`, `NAME_TAKEN`.
   */
  uniqueName(name?: string | null, type?: string): string {
    return name === undefined || name === null ? nextName(type ?? this.constructor.name) : checkName(name, this);
  }

  /**
   * This module and those below it: children first, then what is below each. Each edge (an attribute of a module, or an
   * element of one) is followed once, so a cycle ends.
   * Keys are unique names (`absolute`) or paths, `''` for the root (`relative`).
   */
  nodes(options: NodesOptions = {}): Collector<Module> {
    checkOptions('nodes', options, ['method', 'level', 'includeSelf']);
    const { method = 'absolute', level = -1, includeSelf = true } = options;
    checkWalk(method, level, includeSelf);
    return new Collector(walkNodes(this, { method, level, includeSelf }).map(([key, node]) => [key, node as Module]));
  }

  /** The Variables of {@link nodes}: `<node>.<attribute>`, or the attribute alone for a root under `relative`. */
  vars(options: VarsOptions = {}): Collector<Variable> {
    checkOptions('vars', options, ['method', 'level', 'includeSelf', 'excludeTypes']);
    const { method = 'absolute', level = -1, excludeTypes = [] } = options;
    checkWalk(method, level, options.includeSelf);
    if (!Array.isArray(excludeTypes) || !excludeTypes.every((type) => typeof type === 'function'))
      throw new OptionError(
        'OPTION_TYPES',
        `vars got excludeTypes = ${describeValue(excludeTypes)}`,
        'It is a list of classes of Variables: [TrainVar].',
      );
    return walkVars(this, { ...options, method, level });
  }

  /**
   * The Variables to be trained.
   * @example [...new Linear().trainVars({ method: 'relative' }).keys()]; // ['weight', 'bias']
   */
  trainVars(options: VarsOptions = {}): Collector<TrainVar> {
    attributes(this);
    return this.vars(options).subset(TrainVar);
  }

  /**
   * Adds Variables that are no attributes: dicts by their keys, others as `var0`, `var1`, …
   * @throws OptionError `WRONG_CLASS` for what is no Variable, or not of `varCls`; `DUPLICATE_KEY`.
   */
  registerImplicitVars(...variables: readonly (Registered<Variable> | { readonly varCls: ClassOf<Variable> })[]): void {
    const [given, type] = splitOptions(variables, 'varCls', Variable);
    registerAll(given, type, Variable, 'var', this.implicitVars, this);
  }

  /** As {@link registerImplicitVars} for modules: `node0`, `node1`, …; `nodeCls` names their class. */
  registerImplicitNodes(
    ...nodes: readonly (Registered<ModuleNode> | { readonly nodeCls: ClassOf<ModuleNode> })[]
  ): void {
    const [given, type] = splitOptions(nodes, 'nodeCls', Module);
    registerAll(given, type, Module, 'node', this.implicitNodes, this);
  }

  /** The attributes that change (Variables, modules, containers of them) and all else, in the order in which they were set. */
  treeFlatten(): [dynamicValues: unknown[], structure: ModuleStructure] {
    const dynamicNames: string[] = [];
    const dynamicValues: unknown[] = [];
    const staticNames: string[] = ['name'];
    const staticValues: unknown[] = [this.name];
    if (this[EVALUATES]) {
      staticNames.push(EVALUATES_NAME);
      staticValues.push(true);
    }
    for (const [name, value] of attributes(this)) {
      const dynamic = isDynamic(value);
      (dynamic ? dynamicNames : staticNames).push(name);
      (dynamic ? dynamicValues : staticValues).push(value);
    }
    return [dynamicValues, [dynamicNames, staticNames, staticValues]];
  }

  /** A module of this class with these attributes. Neither a constructor nor the registry of names is involved. */
  static treeUnflatten<T extends Module>(
    this: abstract new (...args: never[]) => T,
    [dynamicNames, staticNames, staticValues]: ModuleStructure,
    dynamicValues: readonly unknown[],
  ): T {
    const module = Object.create(this.prototype as object) as T;
    const define = (name: string, value: unknown): void => {
      if (name === 'name') setHidden(module, NAME, value as string);
      else if (name === EVALUATES_NAME) setHidden(module, EVALUATES, true);
      else if (name === 'implicitVars' || name === 'implicitNodes')
        ownCollector(module, name, new Collector(value as Map<string, never>));
      else Object.defineProperty(module, name, { value, writable: true, enumerable: true, configurable: true });
    };
    staticNames.forEach((name, i) => define(name, staticValues[i]));
    dynamicNames.forEach((name, i) => define(name, dynamicValues[i]));
    return module;
  }

  /**
   * The values of all Variables now: one entry a node, by its unique name, with keys inside; or with
   * `method: 'relative'` flat, by attribute path.
   * @example new Linear().stateDict(); // { Linear0: { weight: Tensor(f32[3,2]), bias: Tensor(f32[2]) } }
   */
  stateDict(options?: { readonly method?: 'absolute' }): StateDict;
  stateDict(options: { readonly method: 'relative' }): Record<string, Tensor>;
  stateDict(options: { readonly method?: NamingMethod } = {}): StateDict | Record<string, Tensor> {
    checkOptions('stateDict', options, ['method']);
    const { method = 'absolute' } = options;
    checkWalk(method);
    const values = (variables: Collector<Variable>): Record<string, Tensor> =>
      Object.fromEntries([...variables].map(([key, variable]) => [key, variable.value]));
    if (method === 'relative') return values(walkVars(this, { method: 'path' }).unique());
    const nodes = new Map(walkNodes(this, { method }).map(([name, node]) => [node, name]));
    return Object.fromEntries(
      [...nodes].map(([node, name]) => [name, values(walkVars(node, { method: 'relative', level: 0 }))]),
    );
  }

  /**
   * Takes the values of a state dict, nested or by attribute path, into the same Variables: all of them, or on an error
   * none.
   * @throws CheckpointError `STATE_FORMAT`, ShapeError `STATE_SHAPE`, DTypeError `STATE_DTYPE`, OptionError `UNKNOWN_FORMAT`.
   * @example
   * const [from, to] = [new Linear(), new Linear()];
   * to.loadStateDict(from.stateDict({ method: 'relative' })).missingKeys; // []
   */
  loadStateDict(state: unknown, options: LoadStateOptions = {}): LoadStateResult {
    return loadState(this, state, options);
  }

  /**
   * Writes Variables (all of this module unless given, each once) to `.safetensors` or `.npz`: the values that they have
   * when it is called. The old file, or the whole new one, is there at every moment. Keys are attribute paths
   * (`encoder.w`, `layers.0.weight`), with `method: 'absolute'` unique names, and those of the dict where one is given.
   * @throws CheckpointError `CHECKPOINT_FORMAT`, `CHECKPOINT_PICKLE`, `CHECKPOINT_WRITE`; OptionError `OPTION_FILENAME`, `OPTION_TENSOR`.
   */
  async saveStates(
    filename: string,
    variables?: TensorDict | null,
    options: { readonly method?: NamingMethod } = {},
  ): Promise<void> {
    checkOptions('saveStates', options, ['method']);
    const { method = 'relative' } = options;
    checkWalk(method);
    const { values, metadata } = stateNow(this, variables, method);
    const { writeCheckpoint } = await import('./state-file.js');
    await writeCheckpoint(filename, values, metadata);
  }

  /**
   * Takes the values of a file into the same Variables: all of them, or on an error none. What the file lacks is a warning,
   * what the module lacks an error; with `strict: false` the result alone tells both. An optimizer's rate is state too:
   * `exclude: ['lr']` keeps one that was chosen anew.
   * @throws CheckpointError `CHECKPOINT_MISSING`, `CHECKPOINT_MISMATCH` (unknown keys, other shapes), `CHECKPOINT_CORRUPT`, …
   */
  async loadStates(filename: string, options: LoadFileOptions = {}): Promise<LoadStateResult> {
    checkOptions('loadStates', options, ['verbose', 'method', 'strict', 'rename', 'exclude']);
    checkWalk(options.method ?? 'relative');
    const { loadFile } = await import('./state-file.js');
    return loadFile(this, filename, options);
  }

  /**
   * Moves all Variables to a device: a backend, `'cpu'`, `'gpu'`.
   * @throws BackendUnavailableError, UnsupportedError
   */
  async to(device: Device): Promise<this> {
    await moveVariables(this.vars().values(), device);
    return this;
  }
  /** Runs on the CPU from now on. */
  cpu(): Promise<this> {
    return this.to('cpu');
  }
  /** The WebGPU backend. @throws BackendUnavailableError where `lazuli/webgpu` is not imported, or finds no GPU. */
  gpu(): Promise<this> {
    return this.to('gpu');
  }
  /** As {@link gpu}: WebGPU reaches a CUDA device through its driver. */
  cuda(): Promise<this> {
    return this.to('cuda');
  }
  /** @throws UnsupportedError `NO_TPU`, always, with the way to one. */
  tpu(): Promise<this> {
    return this.to('tpu');
  }

  /**
   * A table of the modules that `call(...inputs)` reaches, in the order of calls: path, class, shape of the output, numbers
   * to be trained and floating-point operations, those below it included; the last line is the sum. Nothing runs, and no
   * state changes.
   * @throws OptionError `NO_CALL`, and what the call throws.
   * @example new Linear().summary(ones([4, 3])); // a table: 8 numbers to be trained
   */
  summary<M extends Module>(this: M, ...inputs: InputsOf<M>): string {
    return summaryOf(this, inputs);
  }

  override toString(): string {
    return this.name;
  }
}

function setHidden<K extends typeof NAME | typeof EVALUATES>(module: Module, key: K, value: Module[K]): void {
  Object.defineProperty(module, key, { value, writable: true, enumerable: false, configurable: true });
}

for (const key of ['implicitVars', 'implicitNodes'] as const) {
  const unowned = new WeakMap<Module, Collector<never>>();
  Object.defineProperty(Module.prototype, key, {
    get(this: Module) {
      const collector = unowned.get(this) ?? new UnownedCollector(this, key);
      unowned.set(this, collector);
      return collector;
    },
    set(this: Module) {
      refuseAttribute(this, key, 'property');
    },
    configurable: true,
  });
}

function checkWalk(method: string, level = -1, includeSelf = true): void {
  checkFlag('a walk of a module', 'includeSelf', includeSelf);
  if (method !== 'absolute' && method !== 'relative')
    throw new OptionError('UNKNOWN_METHOD', `method is ${describeValue(method)}`, `It is 'absolute' or 'relative'.`);
  if (!Number.isInteger(level) || level < -1)
    throw new OptionError(
      'INVALID_LEVEL',
      `level is ${describeValue(level)}`,
      'It is −1 for all, or a number of edges from 0.',
    );
}

register(Module, {
  flatten: (module) => {
    attributes(module);
    const [values, structure] = module.treeFlatten();
    const children = values.map((value) => separated(value, isDynamic));
    return { children, names: structure[0], auxiliary: [module.constructor, structure] };
  },
  unflatten: (auxiliary, children) => {
    const [type, structure] = auxiliary as [typeof Module, ModuleStructure];
    return type.treeUnflatten(structure, children);
  },
  shared: true,
});
