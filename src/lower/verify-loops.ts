/** The invariants of loop functions: what every printer takes for granted. Part of `verify.ts`. */
import type { DType } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { SCALAR_OPS } from '../core/scalar-op.js';
import {
  type Access,
  BEGIN,
  type Bound,
  type ContractStatement,
  END,
  type Expression,
  type Form,
  type LoopFunction,
  type Statement,
  THREAD,
  type TypedElements,
} from './loops.js';

/** What can be named where a statement stands. A block sees what stands before it, and nobody what stands in it. */
class Names {
  readonly #known: ReadonlySet<number>[];

  constructor(...known: ReadonlySet<number>[]) {
    this.#known = known;
  }
  has(id: number): boolean {
    return this.#known.some((each) => each.has(id));
  }
  inside(own: ReadonlySet<number>): Names {
    return new Names(own, ...this.#known);
  }
}

/** A block: what its own statements and those around it have set. */
interface Block {
  readonly values: Names;
  readonly variables: Names;
  readonly cells: Names;
  readonly inThreads: boolean;
}

/**
 * Checks that no value is set again where it can be seen, and each value, cell and variable before it is used; that loads,
 * stores and cells have the dtype and width of what they hold; and that no barrier stands where threads part.
 */
export function verifyLoops({ name, memories, values, cells, variables, size, body }: LoopFunction): void {
  const fail = (what: string): never => {
    throw new InternalError(`${name}: ${what}`);
  };
  const verifyBlock = (statements: readonly Statement[], around: Block, opened: readonly number[] = []): void => {
    const own = { values: new Set<number>(), variables: new Set(opened), cells: new Set<number>() };
    const here: Block = {
      values: around.values.inside(own.values),
      variables: around.variables.inside(own.variables),
      cells: around.cells.inside(own.cells),
      inThreads: around.inThreads,
    };
    const inside = (block: readonly Statement[], ...names: number[]): void => verifyBlock(block, here, names);

    const typeOf = (value: number): TypedElements => {
      if (!here.values.has(value)) fail(`v${value} is used before it is set`);
      return values[value]!;
    };
    const variable = (id: number): void => {
      if (!here.variables.has(id)) fail(`${variables[id] ?? id} is used outside of its loop`);
    };
    const form = ({ terms }: Form): void => {
      for (const { variable: id, by } of terms) {
        variable(id);
        if (by !== undefined) variable(by);
      }
    };
    const bound = (to: Bound): void => {
      form(to);
      if (typeof to.limit === 'object') form(to.limit);
    };
    /** A value of these dtypes for each of `width` elements, or one for all. */
    const part = (value: number, width: number, what: string, ...dtypes: readonly DType[]): void => {
      const type = typeOf(value);
      if (!dtypes.includes(type.dtype) || (type.width !== 1 && type.width !== width))
        fail(`the ${what} v${value} of ${width} elements is ${type.dtype}×${type.width}`);
    };
    const dtypeOf = (memory: number): DType => memories[memory]?.dtype ?? fail(`there is no memory ${memory}`);
    const access = ({ memory, address, active, guard }: Access, { dtype, width }: TypedElements): void => {
      if (dtypeOf(memory) !== dtype) fail(`${dtype} in memory ${memory} of ${dtypeOf(memory)}`);
      if (active < 1 || active > width) fail(`${active} of ${width} elements in memory ${memory}`);
      form(address);
      if (address.indirect !== undefined) part(address.indirect.value, width, 'address', 'i32', 'u32');
      if (guard !== undefined) part(guard, width, 'guard', 'bool');
    };
    const same = (what: string, a: TypedElements, b: TypedElements): void => {
      if (a.dtype !== b.dtype || a.width !== b.width)
        fail(`${what} is ${a.dtype}×${a.width}, not ${b.dtype}×${b.width}`);
    };
    const cell = (id: number): TypedElements => {
      if (!here.cells.has(id)) fail(`c${id} is used before it is reset`);
      return cells[id]!;
    };

    const expression = (of: Expression, type: TypedElements): void => {
      switch (of.kind) {
        case 'constant':
          return;
        case 'index':
          return form(of.form);
        case 'load':
          return access(of, type);
        case 'op':
          if (of.inputs.length !== SCALAR_OPS[of.op]) fail(`${of.op} has ${of.inputs.length} operands`);
          for (const input of of.inputs)
            if (typeOf(input).width !== type.width) fail(`${of.op} of v${input} mixes widths`);
          return;
        case 'splat':
          return same(`v${of.input}`, typeOf(of.input), { ...type, width: 1 });
        case 'vector':
          if (of.inputs.length !== type.width) fail(`a vector of ${of.inputs.length} has ${type.width} elements`);
          for (const input of of.inputs) same(`v${input}`, typeOf(input), { ...type, width: 1 });
          return;
        case 'lane':
          if (of.lane >= typeOf(of.input).width) fail(`v${of.input} has no element ${of.lane}`);
          return;
        case 'cell':
          return same(`c${of.cell}`, cell(of.cell), type);
      }
    };
    const contract = ({ left, right, packed, epilogue, dtype }: ContractStatement): void => {
      for (const { memory } of [left, right]) if (dtypeOf(memory) !== dtype) fail(`a factor is no ${dtype}`);
      if (packed !== undefined) dtypeOf(packed);
      if (epilogue.kind === 'store') return void dtypeOf(epilogue.output.memory);
      inside(epilogue.body, ...epilogue.around, ...epilogue.rows, ...epilogue.columns);
    };
    const statement = (of: Statement): void => {
      switch (of.kind) {
        case 'let':
          expression(of.expression, values[of.value]!);
          if (here.values.has(of.value)) fail(`v${of.value} is set where it can be seen already`);
          own.values.add(of.value);
          return;
        case 'for':
          form(of.from);
          bound(of.to);
          for (const turn of of.turns)
            verifyBlock(turn.body, { ...here, inThreads: here.inThreads || of.role === 'thread' }, [of.variable]);
          return;
        case 'coordinate':
          variable(of.of);
          for (const by of [of.divisor, of.extent]) if (typeof by === 'object') form(by);
          own.variables.add(of.variable);
          return;
        case 'define':
          bound(of.form);
          own.variables.add(of.variable);
          return;
        case 'if':
          part(of.condition, 1, 'condition', 'bool');
          return inside(of.body);
        case 'reset':
          own.cells.add(of.cell);
          return;
        case 'accumulate':
          if (of.op === undefined) own.cells.add(of.cell);
          same(`c${of.cell}`, cell(of.cell), typeOf(of.value));
          return;
        case 'store':
          return access(of, typeOf(of.value));
        case 'barrier':
          if (here.inThreads) fail('a barrier stands in a loop that threads share');
          return;
        case 'contract':
          return contract(of);
      }
    };
    statements.forEach(statement);
  };

  const none = new Names();
  const given = new Set([BEGIN, END, THREAD, ...(size === undefined ? [] : [size])]);
  verifyBlock(body, { values: none, variables: new Names(given), cells: none, inThreads: false });
}
