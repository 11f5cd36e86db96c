/**
 * Which dispatches a program takes, once it is known where its buffers lie. A phase is one dispatch where the slabs of its
 * calls may all be bound; else it is cut, and a single call with operands in too many slabs has some of them moved into one.
 */
import { InternalError } from '../../src/core/errors.js';
import type { SizeForm } from '../../src/core/extent.js';
import { lookUp } from '../../src/core/maps.js';
import type { Statement } from '../../src/lower/loops.js';
import {
  type BranchStep,
  type Call,
  launchesOf,
  type LaunchStep,
  type LoopStep,
  type Program,
  type Step,
} from '../../src/lower/program.js';
import { gateAt, printModule, type Variant } from './dispatch.js';
import type { OperandPlace } from './function.js';
import type { Block, Slab } from './slabs.js';

/** WGSL, "Limits": at most 1,023 cases in a switch. A dispatch of more functions is cut. */
const MOST_VARIANTS = 128;

/** Where a buffer of the program is: a block, or a number whose bits stand in the table. */
export type Binding = Block | number;

/** Words that are copied before a dispatch or after it. */
export interface Copy {
  readonly from: Block;
  readonly to: Block;
}

/** A word of the table that tells where an operand is, or what it is. */
export interface Slot {
  readonly word: number;
  readonly buffer: number;
  /** Words from the beginning of the buffer; `times` more for each row of a batch. */
  readonly plus: number;
  readonly times: number;
}
/** A word of the table into which the index of a branch is copied before the first dispatch of what `branch` numbers. */
export interface Gate extends Slot {
  readonly branch: number;
}
/** A branch that is being planned. */
interface Chosen {
  readonly number: number;
  readonly index: number;
  /** Which one it is of so many. */
  readonly own: number;
  readonly count: number;
}

/** Where a view begins in this turn: so many words from the beginning of a buffer. */
export type Start = Omit<Slot, 'word'>;
/** A word of the table that follows from n, the number of rows of a batch. */
export interface SizeSlot {
  readonly word: number;
  readonly size: SizeForm;
}

export interface Dispatch {
  /** Number of the launch, of those of the program. */
  readonly launch: number;
  /** The kernel's name, for messages. */
  readonly name: string;
  /** Dispatches of a program with equal keys run one module. */
  readonly key: string;
  readonly print: () => string;
  /** Slabs in the order of their bindings. */
  readonly slabs: readonly Slab[];
  readonly groups: number;
  readonly table: readonly number[];
  readonly slots: readonly Slot[];
  readonly sizes: readonly SizeSlot[];
  readonly gates: readonly Gate[];
  readonly before: readonly Copy[];
  readonly after: readonly Copy[];
  /** Where the predicates of the loops of unknown length around it are, the outermost first. */
  readonly loops: readonly Start[];
}

const groupsOf = ({ grid }: Call): number => Math.ceil(grid.extent / grid.grain);

/** Whether the statements store to the memory. */
const stores = (body: readonly Statement[], memory: number): boolean =>
  body.some(
    (each) =>
      (each.kind === 'store' && each.memory === memory) ||
      (each.kind === 'if' && stores(each.body, memory)) ||
      (each.kind === 'for' && each.turns.some((turn) => stores(turn.body, memory))),
  );

/** Plans dispatches. `allocate` gives memory that is the plan's own. */
export class Planner {
  readonly #bindings: (Binding | undefined)[];
  readonly #launches: ReadonlyMap<LaunchStep, number>;
  #branches = 0;

  constructor(
    readonly program: Program,
    bindings: readonly (Binding | undefined)[],
    /** Slabs that may be bound. */
    readonly mostSlabs: number,
    readonly allocate: (words: number) => Block,
    /** Of the views whose turn it is. */
    readonly starts = new Map<number, Start>(),
    /** The branches around what is being planned, the outermost first. */
    readonly chosen: Chosen[] = [],
    /** The loops of unknown length around it, the outermost first. */
    readonly loops: Start[] = [],
  ) {
    this.#bindings = [...bindings];
    this.#launches = new Map(launchesOf(program).map((launch, i) => [launch, i]));
  }

  /** The dispatches of a run, turn by turn, at most so many of each loop. */
  plan(mostTurns = Infinity): Dispatch[] {
    return this.#steps(this.program.steps, mostTurns);
  }

  #steps(steps: readonly Step[], mostTurns: number): Dispatch[] {
    return steps.flatMap((step): Dispatch[] => {
      switch (step.kind) {
        case 'host':
          return [];
        case 'launch':
          return step.phases.flatMap((phase) => this.#phase(lookUp(this.#launches, step), step.kernel.name, phase));
        case 'loop':
          return this.#loop(step, mostTurns);
        case 'branch':
          return this.#branch(step, mostTurns);
      }
    });
  }

  /** All branches are dispatched; the workgroups of those that are not chosen end at once. */
  #branch({ index, branches }: BranchStep, mostTurns: number): Dispatch[] {
    const number = this.#branches++;
    return branches.flatMap((steps, own) => {
      this.chosen.push({ number, index, own, count: branches.length });
      const dispatches = this.#steps(steps, mostTurns);
      this.chosen.pop();
      return dispatches;
    });
  }

  /** Each turn has a part of the table of its own: what is bound, and what runs, is the same in all. */
  #loop({ turns, reverse, views, steps }: LoopStep, mostTurns: number): Dispatch[] {
    if (typeof turns !== 'number') {
      const { predicate, test } = turns;
      this.loops.push({ ...this.#start(predicate) });
      const dispatches = this.#steps(test, mostTurns);
      // Turns after the last end at once, as a branch that is not chosen.
      this.chosen.push({ number: this.#branches++, index: predicate, own: 1, count: 2 });
      dispatches.push(...this.#steps(steps, mostTurns));
      this.chosen.pop();
      this.loops.pop();
      return dispatches;
    }
    return Array.from({ length: Math.min(turns, mostTurns) }, (_, turn) => {
      const at = reverse ? turns - 1 - turn : turn;
      for (const { view, of, stride, size } of views) {
        const around = this.#binding(of);
        if (typeof around === 'number') throw new InternalError('an element of a number');
        const { buffer, plus, times } = this.#start(of);
        // Where n says how far elements lie apart, all of them are its place.
        const by = size ?? { times: 0, plus: stride };
        this.#bindings[view] =
          times + by.times === 0 ? { ...around, offset: around.offset + at * stride, words: stride } : around;
        this.starts.set(view, { buffer, plus: plus + at * by.plus, times: times + at * by.times });
      }
      return this.#steps(steps, mostTurns);
    }).flat();
  }

  #binding(buffer: number): Binding {
    const binding = this.#bindings[buffer];
    if (binding === undefined) throw new InternalError(`buffer ${buffer} of ${this.program.name} is nowhere`);
    return binding;
  }
  #start(buffer: number): Start {
    return this.starts.get(buffer) ?? { buffer, plus: 0, times: 0 };
  }
  #slabs(call: Call): Slab[] {
    return call.operands.flatMap((buffer) => {
      const binding = this.#binding(buffer);
      return typeof binding === 'number' ? [] : [binding.slab];
    });
  }

  #phase(launch: number, name: string, phase: readonly Call[]): Dispatch[] {
    const dispatches: Dispatch[] = [];
    let calls: Call[] = [];
    let slabs = new Set<Slab>();
    let codes = new Set<number>();
    const flush = (): void => {
      if (calls.length > 0) dispatches.push(this.#dispatch(launch, name, calls));
      calls = [];
      slabs = new Set();
      codes = new Set();
    };
    for (const call of phase) {
      if (groupsOf(call) === 0) continue;
      const own = this.#slabs(call);
      if (new Set(own).size > this.mostSlabs) {
        dispatches.push(this.#moving(launch, name, call));
        continue;
      }
      const joined = new Set([...slabs, ...own]);
      if (joined.size > this.mostSlabs || codes.size === MOST_VARIANTS) flush();
      calls.push(call);
      for (const slab of own) slabs.add(slab);
      codes.add(call.code);
    }
    flush();
    return dispatches;
  }

  /** One call whose smaller operands are copied into one block before, and those that it writes back after. */
  #moving(launch: number, name: string, call: Call): Dispatch {
    const code = this.program.functions[call.code]!;
    // Operands at one place, such as a parameter that is updated there, move together.
    const places = new Map<string, Block>();
    const keyOf = ({ slab, offset }: Block): string => `${slab.id}+${offset}`;
    for (const buffer of call.operands) {
      const binding = this.#binding(buffer);
      if (typeof binding === 'number') continue;
      const known = places.get(keyOf(binding));
      if (known === undefined || known.words < binding.words) places.set(keyOf(binding), binding);
    }
    const wordsIn = new Map<Slab, number>();
    for (const { slab, words } of places.values()) wordsIn.set(slab, (wordsIn.get(slab) ?? 0) + words);
    const bySize = [...wordsIn].sort(([, a], [, b]) => b - a).map(([slab]) => slab);
    // The block may lie in yet another slab.
    const kept = new Set(bySize.slice(0, this.mostSlabs - 1));
    const moved = [...places.values()].filter(({ slab }) => !kept.has(slab));
    const block = this.allocate(moved.reduce((sum, { words }) => sum + words, 0));
    const to = new Map<string, Block>();
    let offset = block.offset;
    for (const place of moved) {
      to.set(keyOf(place), { slab: block.slab, offset, words: place.words });
      offset += place.words;
    }
    const bindings = [...this.#bindings];
    const written = new Set<string>();
    call.operands.forEach((buffer, operand) => {
      const binding = this.#binding(buffer);
      if (typeof binding === 'number') return;
      bindings[buffer] = to.get(keyOf(binding)) ?? binding;
      if (stores(code.body, operand)) written.add(keyOf(binding));
    });
    // A view that moved is what was copied, or in it.
    const starts = new Map(
      [...this.starts].flatMap(([view, start]): [number, Start][] => {
        const moved = bindings[view] as Block;
        if (moved === this.#bindings[view]) return [[view, start]];
        return start.times === 0 ? [] : [[view, { ...start, buffer: view, plus: moved.offset + start.plus }]];
      }),
    );
    const planner = new Planner(this.program, bindings, this.mostSlabs, this.allocate, starts, this.chosen, this.loops);
    const dispatch = planner.#dispatch(launch, name, [call]);
    const isMoved = ({ buffer }: Slot): boolean => bindings[buffer] !== this.#bindings[buffer];
    return {
      ...dispatch,
      slots: dispatch.slots.filter((slot) => !isMoved(slot)),
      sizes: [
        ...dispatch.sizes,
        ...dispatch.slots
          .filter((slot) => isMoved(slot) && slot.times > 0)
          .map(({ word, ...size }) => ({ word, size })),
      ],
      before: moved.map((from) => ({ from, to: lookUp(to, keyOf(from)) })),
      after: moved
        .filter((place) => written.has(keyOf(place)))
        .map((place) => ({ from: lookUp(to, keyOf(place)), to: place })),
    };
  }

  #dispatch(launch: number, name: string, calls: readonly Call[]): Dispatch {
    const slabs = [...new Set(calls.flatMap((call) => this.#slabs(call)))].sort((a, b) => a.id - b.id);
    const variants: Variant[] = [];
    const numberOf = new Map<string, number>();
    const variantOf = (code: number, places: readonly OperandPlace[]): number => {
      const key = `${code}:${places.join()}`;
      let number = numberOf.get(key);
      if (number === undefined) {
        number = variants.push({ code: this.program.functions[code]!, places }) - 1;
        numberOf.set(key, number);
      }
      return number;
    };
    const heads: number[] = [];
    const records: number[] = [];
    const slots: Slot[] = [];
    const sizes: SizeSlot[] = [];
    const { chosen } = this;
    const recordsAt = gateAt(chosen.length) + 2 * calls.length;
    const gates: Gate[] = [];
    chosen.forEach(({ number, index }, i) => {
      const slot = { word: gateAt(i), ...this.#start(index) };
      if (typeof this.#binding(index) === 'number') slots.push(slot);
      else gates.push({ ...slot, branch: number });
    });
    let groups = 0;
    for (const call of calls) {
      const bound = call.operands.map((buffer) => this.#binding(buffer));
      const places = bound.map((each) => (typeof each === 'number' ? 'number' : slabs.indexOf(each.slab)));
      heads.push(groups, recordsAt + records.length);
      // For fewer rows than there can be, the last groups find nothing to do.
      if (call.grid.size !== undefined) sizes.push({ word: recordsAt + records.length + 1, size: call.grid.size });
      records.push(variantOf(call.code, places), call.grid.extent, call.grid.grain);
      bound.forEach((each, i) => {
        slots.push({ word: recordsAt + records.length, ...this.#start(call.operands[i]!) });
        records.push(typeof each === 'number' ? each : each.offset);
      });
      if (this.program.functions[call.code]!.size !== undefined) {
        sizes.push({ word: recordsAt + records.length, size: { times: 1, plus: 0 } });
        records.push(0);
      }
      groups += groupsOf(call);
    }
    const isSingle = calls.length === 1;
    const depth = chosen.length;
    return {
      launch,
      name,
      key: `${slabs.length}${isSingle ? 'x' : 's'}${chosen.length === 0 ? '' : `?${chosen.length}`} ${[...numberOf.keys()].join(' ')}`,
      print: () => printModule(variants, slabs.length, isSingle, depth),
      slabs,
      groups,
      table: [
        0,
        groups,
        calls.length,
        ...chosen.flatMap(({ own, count }) => [0, own, count - 1]),
        ...heads,
        ...records,
      ],
      slots,
      sizes,
      gates,
      before: [],
      after: [],
      loops: [...this.loops],
    };
  }
}

/** The modules of each launch of a program whose buffers all lie in one slab: what a source shows. */
export function modulesOf(program: Program): string[][] {
  const slab = { id: 0 } as Slab;
  const bindings = program.buffers.map(({ home, size }): Binding =>
    home === 'host' ? 0 : { slab, offset: 0, words: size },
  );
  const planner = new Planner(program, bindings, 1, () => {
    throw new InternalError('one slab is to be enough');
  });
  const modules: string[][] = launchesOf(program).map(() => []);
  for (const { launch, print } of planner.plan(1)) modules[launch]!.push(print());
  return modules;
}
