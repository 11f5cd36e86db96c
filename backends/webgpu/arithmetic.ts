/**
 * Float arithmetic that a shader compiler may do in another way, since WGSL allows it ("Reassociation and Fusion"): it makes
 * (x + c) − c into x, which rounds to no integer any more, and x / 3 into a product. Such operands are printed so that the
 * compiler does not know them; what is left to it is to fuse a product with a sum.
 */
import type { ScalarOp } from '../../src/core/scalar-op.js';
import type { Expression, ValueId } from '../../src/lower/loops.js';

interface Operation {
  readonly op: ScalarOp;
  readonly inputs: readonly ValueId[];
}

/** Operations of one kind merge with each other. */
const FAMILIES: Readonly<Partial<Record<ScalarOp, 'sum' | 'product'>>> = {
  add: 'sum',
  sub: 'sum',
  mul: 'product',
  div: 'product',
};
const isPowerOfTwo = (x: number): boolean => Number.isInteger(Math.log2(Math.abs(x)));

/** What a function has computed so far. */
export class Arithmetic {
  readonly #constants = new Map<ValueId, number>();
  readonly #operations = new Map<ValueId, Operation>();
  readonly #cells = new Set<ValueId>();

  note(value: ValueId, expression: Expression): void {
    if (expression.kind === 'constant') this.#constants.set(value, expression.value);
    if (expression.kind === 'cell') this.#cells.add(value);
    if (expression.kind === 'op' && FAMILIES[expression.op] !== undefined) this.#operations.set(value, expression);
  }

  /** Whether `op` of `inputs` may give other bits if the compiler knows where operand `i` comes from. */
  mayChange(op: ScalarOp, inputs: readonly ValueId[], i: number): boolean {
    const family = FAMILIES[op];
    const [input, other] = [inputs[i]!, inputs[1 - i]!];
    const constant = this.#constants.get(input);
    if (family === undefined) return false;
    if (constant !== undefined)
      // x / c becomes x · (1/c), x + 0 becomes x, x · 0 and 0 / x become 0.
      return op === 'div' && i === 1 ? !isPowerOfTwo(constant) : constant === 0 && op !== 'sub';
    // The sum of nothing is known to be 0.
    if (op === 'div' && i === 0 && this.#cells.has(input)) return true;
    const from = this.#operations.get(input);
    if (from === undefined) return false;
    const { inputs: operands } = from;
    if (FAMILIES[from.op] === family) {
      const hasConstant = operands.some((each) => this.#constants.has(each));
      // x − ((x + c) − c) becomes (x + c) − (x + c).
      return operands.includes(other) || (hasConstant && (family === 'sum' || this.#constants.has(other)));
    }
    // a·b + a·c becomes a · (b + c).
    const second = this.#operations.get(other);
    return i === 0 && family === 'sum' && second?.op === 'mul' && operands.some((each) => second.inputs.includes(each));
  }
}
