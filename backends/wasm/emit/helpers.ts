/**
 * Functions that generated code calls for core ops without an instruction of their own; each is emitted when it is
 * first asked for.
 */
import type { FunctionReference } from '../body.js';
import type { ModuleBuilder } from '../encoder.js';
import type { PlainOp } from '../opcodes.js';

export type HelperName = keyof typeof EMITTERS;

/** The helpers of one module. */
export class Helpers {
  readonly #made = new Map<HelperName, FunctionReference>();

  constructor(readonly module: ModuleBuilder) {}

  get(name: HelperName): FunctionReference {
    let reference = this.#made.get(name);
    if (reference === undefined) this.#made.set(name, (reference = EMITTERS[name](this.module)));
    return reference;
  }
}

const PAIR = { a: 'i32', b: 'i32' } as const;

/** The instruction, and 0 where the divisor is 0, for which it traps. */
const orZero =
  (name: string, instruction: PlainOp) =>
  (module: ModuleBuilder): FunctionReference =>
    module.function(name, PAIR, ['i32'], (f, { a, b }) => {
      f.get(b).if(
        () => f.get(a).get(b).op(instruction),
        () => f.i32(0),
        'i32',
      );
    });

const EMITTERS = {
  /** a / b truncated; x/0 = 0 and INT_MIN/−1 = INT_MIN, where the instruction traps. */
  quotient_i32: (module: ModuleBuilder) =>
    module.function('quotient_i32', PAIR, ['i32'], (f, { a, b }) => {
      f.get(b).i32(1).op('i32.add').i32(1).op('i32.gt_u');
      f.if(
        () => f.get(a).get(b).op('i32.div_s'),
        () => f.i32(0).get(a).op('i32.sub').get(b).op('i32.mul').get(b).op('i32.mul'),
        'i32',
      );
    }),
  quotient_u32: orZero('quotient_u32', 'i32.div_u'),
  remainder_i32: orZero('remainder_i32', 'i32.rem_s'),
  remainder_u32: orZero('remainder_u32', 'i32.rem_u'),
  remainder_f64: emitRemainder,
} satisfies Record<string, (module: ModuleBuilder) => FunctionReference>;

/**
 * C's fmod, exact: long division of the significands, one bit a turn, as musl's fmod.c does it. The result of two f32
 * values is an f32 value, so this one function serves both dtypes.
 */
function emitRemainder(module: ModuleBuilder): FunctionReference {
  return module.function('remainder_f64', { a: 'f64', b: 'f64' }, ['f64'], (f, { a, b }) => {
    const [x, y] = f.newLocals('i64', 'x', 'y');
    const [ex, ey] = f.newLocals('i32', 'ex', 'ey');
    const sign = f.local('i64', 'sign');
    const bits = (value: typeof a, into: typeof x): void => {
      f.get(value).op('i64.reinterpret_f64').i64(0x7fffffffffffffffn).op('i64.and').set(into);
    };
    bits(a, x);
    bits(b, y);
    f.get(a).op('i64.reinterpret_f64').i64(-0x8000000000000000n).op('i64.and').set(sign);
    // b = 0, b NaN, a infinite or NaN → NaN; |a| < |b| → a.
    f.get(y).op('i64.eqz').get(y).i64(0x7ff0000000000000n).op('i64.gt_u').op('i32.or');
    f.get(x).i64(0x7ff0000000000000n).op('i64.ge_u').op('i32.or');
    f.if(() => f.f64(NaN).op('return'));
    f.get(x)
      .get(y)
      .op('i64.lt_u')
      .if(() => f.get(a).op('return'));
    const unpack = (value: typeof x, exponent: typeof ex): void => {
      f.get(value).i64(52n).op('i64.shr_u').op('i32.wrap_i64').set(exponent);
      f.get(exponent).if(
        () => f.get(value).i64(0xfffffffffffffn).op('i64.and').i64(0x10000000000000n).op('i64.or').set(value),
        () => {
          // Subnormal: shift until the leading bit stands where a normal number has it.
          f.i32(1).set(exponent);
          f.block((exit) => {
            f.loop((again) => {
              f.get(value).i64(0x10000000000000n).op('i64.ge_u').brIf(exit);
              f.get(value).i64(1n).op('i64.shl').set(value);
              f.increment(exponent, -1).br(again);
            });
          });
        },
      );
    };
    unpack(x, ex);
    unpack(y, ey);
    f.block((exit) => {
      f.loop((again) => {
        f.get(x)
          .get(y)
          .op('i64.ge_u')
          .if(() => f.get(x).get(y).op('i64.sub').set(x));
        f.get(ex).get(ey).op('i32.le_s').brIf(exit);
        f.get(x).i64(1n).op('i64.shl').set(x);
        f.increment(ex, -1).br(again);
      });
    });
    f.get(x)
      .op('i64.eqz')
      .if(() => f.get(sign).op('f64.reinterpret_i64').op('return'));
    f.block((exit) => {
      f.loop((again) => {
        f.get(x).i64(0x10000000000000n).op('i64.ge_u').brIf(exit);
        f.get(x).i64(1n).op('i64.shl').set(x);
        f.increment(ex, -1).br(again);
      });
    });
    f.get(ex).i32(0).op('i32.gt_s');
    f.if(
      () => {
        f.get(x).i64(0xfffffffffffffn).op('i64.and');
        f.get(ex).op('i64.extend_i32_u').i64(52n).op('i64.shl').op('i64.or');
      },
      () => f.get(x).i32(1).get(ex).op('i32.sub').op('i64.extend_i32_u').op('i64.shr_u'),
      'i64',
    );
    f.get(sign).op('i64.or').op('f64.reinterpret_i64');
  });
}
