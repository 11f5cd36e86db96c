/**
 * How a function walks its memories. Accesses of equal strides share a pointer to the lowest of them, and the constants in
 * their instructions tell them apart. Each loop has pointers of its own, which start at those of the loop around it and
 * advance by its stride; so nothing is multiplied in an inner loop.
 */
import { bytesPerElement, type DType } from '../../../src/core/dtype.js';
import { scaledSize, type SizeForm } from '../../../src/core/extent.js';
import { lookUp } from '../../../src/core/maps.js';
import type { Access, For, Form, LoopFunction, MemoryId, Statement, VariableId } from '../../../src/lower/loops.js';
import type { FunctionBody, Local } from '../body.js';
import { scale, scaleBy, sizeLocal } from '../loops.js';

/**
 * An address: the sum of two locals. In a loop over vectors the second is an offset that all memories of one step share, so
 * that one addition moves them all; where each had a pointer of its own, TurboFan kept the old and the new value of each
 * alive and spilled.
 */
interface Pointer {
  readonly base: Local;
  readonly offset?: Local;
}

/** `plus` + `times` · n, where n is the size of a batch: in elements, then in bytes. */
type Stride = SizeForm;
const NO_STRIDE: Stride = { times: 0, plus: 0 };

/** Accesses that one pointer serves. */
interface Group {
  readonly memory: MemoryId;
  readonly strides: ReadonlyMap<VariableId, Stride>;
  readonly bytes: number;
  /** Elements from the memory's start to where the pointer begins. */
  offset: number;
  /** The pointer in the loops that are open. */
  at: Pointer;
}

/** What a turn of a loop moves on by `step` an index. */
interface Moving {
  readonly base: Local;
  readonly step: Local | number;
}

/** What an open loop has to move on, and what stands again when it is closed. */
export interface OpenLoop {
  /** Moves all pointers on by `step` indices. */
  readonly advance: (step: number) => void;
  readonly close: () => void;
}

const isVectorLoop = ({ turns }: For): boolean => turns.some(({ takes }) => takes > 1);

/** Whether some loop indices give an element before the memory's first. */
const mayBeBelow = ({ offset, terms }: Form): boolean => offset < 0 || terms.some(({ stride }) => stride < 0);

function stridesOf({ terms }: Form): Map<VariableId, Stride> {
  const strides = new Map<VariableId, Stride>();
  for (const { variable, stride, by } of terms) {
    const { times, plus } = strides.get(variable) ?? NO_STRIDE;
    strides.set(variable, by === undefined ? { times, plus: plus + stride } : { times: times + stride, plus });
  }
  return strides;
}

/**
 * One pointer might stand below the memory where another does not: an instruction's constant does not wrap around at 2³², so
 * such accesses share nothing.
 */
function groupKey({ memory, address }: Access): string {
  let key = `${memory}`;
  for (const { variable, stride, by = '' } of address.terms) key += `:${variable}*${stride}*${by}`;
  return mayBeBelow(address) ? `${key}+${address.offset}` : key;
}

export class Pointers {
  readonly #groups = new Map<string, Group>();
  readonly #groupOf = new Map<Access, Group>();
  /** What stands again at the end of the scopes that are open. */
  readonly #entered: [Group, Pointer][] = [];
  readonly #inside = new Map<For, ReadonlySet<Group>>();
  /** n, where the function has it. */
  readonly #n: Local | undefined;

  /** `pushBase` pushes the address of a memory's first element; `known` are variables that no loop sets, with their locals. */
  constructor(
    readonly f: FunctionBody,
    code: LoopFunction,
    body: readonly Statement[],
    pushBase: (memory: MemoryId) => void,
    known: ReadonlyMap<VariableId, Local> = new Map(),
  ) {
    this.#n = code.size === undefined ? undefined : known.get(code.size);
    this.#collect(code, body);
    for (const group of this.#groups.values()) {
      const base = f.local('i32', `p${group.memory}`);
      pushBase(group.memory);
      if (group.offset !== 0) f.i32(group.offset * group.bytes).op('i32.add');
      for (const [variable, local] of known) this.#add(group, variable, local);
      f.set(base);
      group.at = { base };
    }
  }

  #collect(code: LoopFunction, body: readonly Statement[]): Set<Group> {
    const found = new Set<Group>();
    const enter = (access: Access): void => void found.add(this.#join(access, code.memories[access.memory]!.dtype));
    for (const statement of body) {
      if (statement.kind === 'store') enter(statement);
      else if (statement.kind === 'let' && statement.expression.kind === 'load') enter(statement.expression);
      else if (statement.kind === 'if') for (const group of this.#collect(code, statement.body)) found.add(group);
      else if (statement.kind === 'for') {
        const inside = new Set<Group>();
        for (const turn of statement.turns) for (const group of this.#collect(code, turn.body)) inside.add(group);
        this.#inside.set(statement, inside);
        for (const group of inside) found.add(group);
      }
    }
    return found;
  }

  #join(access: Access, dtype: DType): Group {
    const { memory, address } = access;
    const key = groupKey(access);
    let group = this.#groups.get(key);
    if (group === undefined) {
      const [strides, bytes] = [stridesOf(address), bytesPerElement(dtype)];
      group = { memory, strides, bytes, offset: address.offset, at: undefined as never };
      this.#groups.set(key, group);
    }
    group.offset = Math.min(group.offset, address.offset);
    this.#groupOf.set(access, group);
    return group;
  }

  /** Bytes from one index of the variable to the next. */
  #step({ strides, bytes }: Group, variable: VariableId): Local | number {
    const stride = strides.get(variable);
    if (stride === undefined) return 0;
    const size = scaledSize(stride, bytes);
    return size.times === 0 ? size.plus : sizeLocal(this.f, 0, size, this.#n);
  }
  /** Adds to the address on the stack what the variable makes of it. */
  #add(group: Group, variable: VariableId, local: Local): void {
    const step = this.#step(group, variable);
    if (step !== 0) scaleBy(this.f.get(local), step).op('i32.add');
  }

  #pushPointer({ base, offset }: Pointer): void {
    const { f } = this;
    f.get(base);
    if (offset !== undefined) f.get(offset).op('i32.add');
  }

  /** Begins the pointers of a loop whose `index` has its first value. */
  open(loop: For, index: Local): OpenLoop {
    const { f } = this;
    const { variable, from } = loop;
    const startsAtZero = from.terms.length === 0 && from.offset === 0;
    /** Pushes step · index. */
    const pushStart = (step: Local | number): FunctionBody => scaleBy(f.get(index), step);
    const isVector = isVectorLoop(loop);
    const offsets = new Map<string, Local>();
    const shared: Moving[] = [];
    const moving: Moving[] = [];
    const outer: [Group, Pointer][] = [];
    for (const group of lookUp(this.#inside, loop)) {
      const step = this.#step(group, variable);
      if (step === 0) continue;
      outer.push([group, group.at]);
      if (isVector && group.at.offset === undefined) {
        const { times, plus } = scaledSize(lookUp(group.strides, variable), group.bytes);
        const key = `${times === 0 ? '' : `n${times}_`}${plus}`;
        let offset = offsets.get(key);
        if (offset === undefined) {
          offset = f.local('i32', `o${key}`);
          pushStart(step);
          f.set(offset);
          offsets.set(key, offset);
          shared.push({ base: offset, step });
        }
        group.at = { base: group.at.base, offset };
        continue;
      }
      const base = f.local('i32', `p${group.memory}_${variable}`);
      this.#pushPointer(group.at);
      if (!startsAtZero) pushStart(step).op('i32.add');
      f.set(base);
      moving.push({ base, step });
      group.at = { base };
    }
    return {
      advance: (by) => {
        for (const { base, step } of [...shared, ...moving])
          if (typeof step === 'number') f.increment(base, step * by);
          else scale(f.get(base).get(step), by).op('i32.add').set(base);
      },
      close: () => {
        for (const [group, pointer] of outer) group.at = pointer;
      },
    };
  }

  /** Runs `body`; what it {@link enter}s is forgotten. */
  scope(body: () => void): void {
    const entered = this.#entered;
    const outer = entered.length;
    body();
    while (entered.length > outer) {
      const [group, pointer] = entered.pop()!;
      group.at = pointer;
    }
  }

  /** Moves the pointers that depend on a variable which has its value until the end of the scope. */
  enter(variable: VariableId, local: Local): void {
    const { f } = this;
    for (const group of this.#groups.values()) {
      if (!group.strides.has(variable)) continue;
      const base = f.local('i32', `p${group.memory}_${variable}`);
      this.#pushPointer(group.at);
      this.#add(group, variable, local);
      f.set(base);
      this.#entered.push([group, group.at]);
      group.at = { base };
    }
  }

  /**
   * Pushes the address of element `element` of an access, but for its indirect part; returns the constant that the
   * instruction is to add.
   */
  push(access: Access, element: number): number {
    const { f } = this;
    const { address, step } = access;
    const group = lookUp(this.#groupOf, access);
    const constant = (address.offset - group.offset + element * step) * group.bytes;
    // Where the first element is guarded away, the pointer itself may lie below the memory, even below address 0.
    const mayWrap = constant < 0 || (constant > 0 && access.guard !== undefined && mayBeBelow(address));
    this.#pushPointer(group.at);
    if (!mayWrap) return constant;
    f.i32(constant).op('i32.add');
    return 0;
  }
}
