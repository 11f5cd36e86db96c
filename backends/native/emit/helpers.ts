/**
 * Functions that emitted C calls, printed only where they are used. What C leaves undefined (conversions out of range,
 * division by zero) and what its operators do otherwise (maximum of NaN and of zeros) is spelled out here, as
 * `src/ops/scalar.ts` has it, once on scalars and once on vectors.
 */
import { range } from '../../../src/core/axes.js';
import { withWidth } from './types.js';

/** Elements of the narrowest vector. */
const FEWEST = 4;
const INLINE = 'static inline __attribute__((always_inline))';
const list = (count: number, item: (i: number) => string | number): string => range(count).map(item).join(', ');

/** Types of vectors of `width` 32-bit elements; `u` ones may lie anywhere, `h` ones are halves. */
const vectorTypes = (width: number): string => withWidth(rawTypes(width), width);

function rawTypes(width: number): string {
  const type = (name: string, element: string, count: number, bytes: number, aligned?: number): string =>
    `typedef ${element} ${name} __attribute__((vector_size(${count * bytes})${aligned === undefined ? '' : `, aligned(${aligned})`}));`;
  return [
    ...(['f32 float', 'i32 int32_t', 'u32 uint32_t'] as const).flatMap((each) => {
      const [name, element] = each.split(' ') as [string, string];
      return [
        type(`${name}v`, element, width, 4),
        type(`${name}u`, element, width, 4, 4),
        type(`${name}h`, element, width / 2, 4),
      ];
    }),
    ...(['f64 double', 'i64 int64_t', 'u64 uint64_t'] as const).flatMap((each) => {
      const [name, element] = each.split(' ') as [string, string];
      return [type(`${name}v`, element, width / 2, 8), type(`${name}u`, element, width / 2, 8, 8)];
    }),
    type('b8v', 'uint8_t', width, 1),
    type('b8u', 'uint8_t', width, 1, 1),
  ].join('\n');
}

/** Where the compiler has no operator for an instruction; other machines go element by element. */
const instruction = (
  name: string,
  type: string,
  count: number,
  builtin: string,
  x86: string,
  evex: string,
  arm: string,
): string => {
  const shape = type === 'f32v' ? 's' : 'd';
  const registers = type === 'f32v' ? '4s' : '2d';
  return `${INLINE} ${type} ${name}(${type} x) {
  ${type} y;
#if defined(__AVX512F__)
  __asm__("${evex.replace('?', shape)} %1, %0" : "=v"(y) : "v"(x));
#elif defined(__AVX__)
  __asm__("${x86.replace('?', shape)} %1, %0" : "=x"(y) : "x"(x));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  __asm__("${arm} %0.${registers}, %1.${registers}" : "=w"(y) : "w"(x));
#else
  for (int i = 0; i < ${count}; i++) y[i] = ${builtin}${type === 'f32v' ? 'f' : ''}(x[i]);
#endif
  return y;
}`;
};

/** All helpers by name, each before those that call it; the vectors' names end in their width. */
function helperTexts(width: number): ReadonlyMap<string, string> {
  return new Map([...rawTexts(width)].map(([name, text]) => [withWidth(name, width), withWidth(text, width)]));
}

function rawTexts(width: number): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  const half = width / 2;
  const add = (name: string, result: string, parameters: string, body: string): void =>
    void texts.set(name, `${INLINE} ${result} ${name}(${parameters}) {\n  ${body}\n}`);

  // Scalars --------------------------------------------------------------------------------------------------------------
  for (const [t, type] of [
    ['i32', 'int32_t'],
    ['u32', 'uint32_t'],
  ] as const) {
    const overflow = t === 'i32' ? ' : b == -1 ? %' : '';
    add(`quotient_${t}`, type, `${type} a, ${type} b`, `return b == 0 ? 0${overflow.replace('%', '-a')} : a / b;`);
    add(`remainder_${t}`, type, `${type} a, ${type} b`, `return b == 0 ? 0${overflow.replace('%', '0')} : a % b;`);
    add(`bits_${t}`, type, 'float x', `union { float f; ${type} i; } u = {x};\n  return u.i;`);
  }
  add('from_bits', 'float', 'uint32_t x', 'union { uint32_t i; float f; } u = {x};\n  return u.f;');
  add('bits_f64', 'uint64_t', 'double x', 'union { double f; uint64_t i; } u = {x};\n  return u.i;');
  add(
    'from_words',
    'double',
    'uint32_t high, uint32_t low',
    'union { uint64_t i; double f; } u = {(uint64_t)high << 32 | low};\n  return u.f;',
  );
  for (const [t, type, suffix] of [
    ['f32', 'float', 'f'],
    ['f64', 'double', ''],
  ] as const) {
    // Of two zeros the maximum is −0 only if both are; NaN comes through the sum.
    const zeros = (op: string): string => `return a == b ? (__builtin_signbit(a) ${op} __builtin_signbit(b) ? `;
    add(
      `maximum_${t}`,
      type,
      `${type} a, ${type} b`,
      `if (a > b) return a;\n  if (a < b) return b;\n  ${zeros('&&')}b : a == 0 ? 0.0${suffix} : a) : a + b;`,
    );
    add(
      `minimum_${t}`,
      type,
      `${type} a, ${type} b`,
      `if (a < b) return a;\n  if (a > b) return b;\n  ${zeros('||')}(a == 0 ? -0.0${suffix} : a) : a) : a + b;`,
    );
    add(
      `i32_from_${t}`,
      'int32_t',
      `${type} x`,
      `return x != x ? 0 : x >= 2147483648.0${suffix} ? INT32_MAX : x <= -2147483648.0${suffix} ? INT32_MIN : (int32_t)x;`,
    );
    add(
      `u32_from_${t}`,
      'uint32_t',
      `${type} x`,
      `return !(x > 0) ? 0 : x >= 4294967296.0${suffix} ? UINT32_MAX : (uint32_t)x;`,
    );
  }

  // Vectors --------------------------------------------------------------------------------------------------------------
  const lanes = (count: number, expression: string): string =>
    `for (int i = 0; i < ${count}; i++) y[i] = ${expression};`;
  for (const [t, type] of [
    ['f32', 'float'],
    ['i32', 'int32_t'],
    ['u32', 'uint32_t'],
  ] as const)
    add(`splat_${t}`, `${t}v`, `${type} x`, `return (${t}v){${list(width, () => 'x')}};`);
  add('splat_f64', 'f64v', 'double x', `return (f64v){${list(half, () => 'x')}};`);
  add('splat_bool', 'i32v', 'int x', `const int32_t m = -x;\n  return (i32v){${list(width, () => 'm')}};`);
  for (const t of ['f32', 'i32', 'u32', 'f64'] as const) {
    const m = t === 'f64' ? 'i64v' : 'i32v';
    add(`select_${t}`, `${t}v`, `${m} m, ${t}v a, ${t}v b`, `return (${t}v)((m & (${m})a) | (~m & (${m})b));`);
  }
  /** The two halves of a vector as longer elements, and back. */
  for (const t of ['f32', 'i32', 'u32'] as const) {
    add(`low_${t}`, `${t}h`, `${t}v x`, `return __builtin_shufflevector(x, x, ${list(half, (i) => i)});`);
    add(`high_${t}`, `${t}h`, `${t}v x`, `return __builtin_shufflevector(x, x, ${list(half, (i) => half + i)});`);
    add(`join_${t}`, `${t}v`, `${t}h a, ${t}h b`, `return __builtin_shufflevector(a, b, ${list(width, (i) => i)});`);
  }
  for (const side of ['low', 'high'] as const)
    add(`mask_${side}`, 'i64v', 'i32v m', `return __builtin_convertvector(${side}_i32(m), i64v);`);
  add(
    'mask_join',
    'i32v',
    'i64v a, i64v b',
    'return join_i32(__builtin_convertvector(a, i32h), __builtin_convertvector(b, i32h));',
  );
  for (const [t, m, integer, type, suffix] of [
    ['f32', 'i32v', 'int32_t', 'float', 'f'],
    ['f64', 'i64v', 'int64_t', 'double', ''],
  ] as const) {
    const count = t === 'f32' ? width : half;
    add(`abs_v${t}`, `${t}v`, `${t}v x`, `return (${t}v)((${m})x & ${t === 'f32' ? 'INT32_MAX' : 'INT64_MAX'});`);
    // Where both are equal they differ at most in the sign of zero.
    add(
      `maximum_v${t}`,
      `${t}v`,
      `${t}v a, ${t}v b`,
      `const ${t}v r = select_${t}((a < b) | (b != b), b, a);\n  return (${t}v)((${m})r & ((${m})b | ~(a == b)));`,
    );
    add(
      `minimum_v${t}`,
      `${t}v`,
      `${t}v a, ${t}v b`,
      `const ${t}v r = select_${t}((b < a) | (b != b), b, a);\n  return (${t}v)((${m})r | ((${m})b & (a == b)));`,
    );
    const p = t === 'f32' ? 'ps' : 'pd';
    const rounding = (name: string, builtin: string, mode: number, arm: string): void =>
      void texts.set(
        `${name}_v${t}`,
        instruction(
          `${name}_v${t}`,
          `${t}v`,
          count,
          builtin,
          `vround${p} $${mode + 8},`,
          `vrndscale${p} $${mode},`,
          arm,
        ),
      );
    rounding('round', '__builtin_rint', 0, 'frintn');
    rounding('floor', '__builtin_floor', 1, 'frintm');
    rounding('ceil', '__builtin_ceil', 2, 'frintp');
    rounding('trunc', '__builtin_trunc', 3, 'frintz');
    texts.set(
      `sqrt_v${t}`,
      instruction(`sqrt_v${t}`, `${t}v`, count, '__builtin_sqrt', `vsqrt${p}`, `vsqrt${p}`, 'fsqrt'),
    );
    add(
      `remainder_v${t}`,
      `${t}v`,
      `${t}v a, ${t}v b`,
      `${t}v y;\n  ${lanes(count, `__builtin_fmod${suffix}(a[i], b[i])`)}\n  return y;`,
    );
    add(
      `i32_from_v${t}`,
      t === 'f32' ? 'i32v' : 'i32h',
      `${t}v x`,
      `const ${m} high = x >= (${type})2147483648.0, low = x < (${type})-2147483648.0;
  const ${t}v inside = (${t}v)((${m})x & (x == x) & ~high & ~low);
  ${
    t === 'f32'
      ? 'return __builtin_convertvector(inside, i32v) | (high & INT32_MAX) | (low & INT32_MIN);'
      : 'return __builtin_convertvector(inside, i32h) | __builtin_convertvector((high & INT32_MAX) | (low & (int64_t)INT32_MIN), i32h);'
  }`,
    );
    add(
      `u32_from_v${t}`,
      t === 'f32' ? 'u32v' : 'u32h',
      `${t}v x`,
      `u32${t === 'f32' ? 'v' : 'h'} y;\n  ${lanes(count, `u32_from_${t}(x[i])`)}\n  return y;`,
    );
    void integer;
  }
  for (const t of ['i32', 'u32'] as const) {
    for (const op of ['quotient', 'remainder'])
      add(
        `${op}_v${t}`,
        `${t}v`,
        `${t}v a, ${t}v b`,
        `${t}v y;\n  ${lanes(width, `${op}_${t}(a[i], b[i])`)}\n  return y;`,
      );
    add(`maximum_v${t}`, `${t}v`, `${t}v a, ${t}v b`, `return select_${t}(a > b, a, b);`);
    add(`minimum_v${t}`, `${t}v`, `${t}v a, ${t}v b`, `return select_${t}(a < b, a, b);`);
  }
  add('abs_vi32', 'i32v', 'i32v x', 'const i32v s = x >> 31;\n  return (x ^ s) - s;');
  add('load_bool', 'i32v', 'const uint8_t *p', 'return __builtin_convertvector(*(const b8u *)p, i32v) != 0;');
  add('store_bool', 'void', 'uint8_t *p, i32v m', '*(b8u *)p = __builtin_convertvector(m & 1, b8v);');
  add(
    'all_true',
    'int',
    'i32v m',
    `const b8v bytes = __builtin_convertvector(m, b8v);
  const union { b8v v; uint32_t w[${width / 4}]; } u = {bytes};
  return (${range(width / 4)
    .map((i) => `u.w[${i}]`)
    .join(' & ')}) == UINT32_MAX;`,
  );
  add(
    'high_words',
    'i32v',
    'f64v a, f64v b',
    'return join_i32(__builtin_convertvector((u64v)a >> 32, i32h), __builtin_convertvector((u64v)b >> 32, i32h));',
  );
  add(
    'low_words',
    'i32v',
    'f64v a, f64v b',
    'return join_i32(__builtin_convertvector((u64v)a, i32h), __builtin_convertvector((u64v)b, i32h));',
  );
  for (const side of ['low', 'high'] as const)
    add(
      `from_words_${side}`,
      'f64v',
      'u32v high, u32v low',
      `return (f64v)(__builtin_convertvector(${side}_u32(high), u64v) << 32 | __builtin_convertvector(${side}_u32(low), u64v));`,
    );
  return texts;
}

const cached = new Map<number, ReadonlyMap<string, string>>();
/** All helpers by name, for vectors of `width` elements and of the halves that C functions use. */
function textsOf(width: number): ReadonlyMap<string, string> {
  let texts = cached.get(width);
  if (texts === undefined) cached.set(width, (texts = helperTexts(width)));
  return texts;
}

/** Types of the vectors that `sources` use, of `width` elements and halves of that; their helpers, and those that they call. */
export function helpersFor(sources: readonly string[], width: number): string[] {
  const widths = [width];
  for (let half = width / 2; half >= FEWEST; half /= 2) {
    const uses = new RegExp(`[vu]_${half}\\b`);
    if (sources.some((source) => uses.test(source))) widths.push(half);
  }
  const texts = new Map(widths.flatMap((each) => [...textsOf(each)]));
  const used = new Set<string>();
  const visit = (source: string): void => {
    for (const name of new Set(source.match(/\b[a-z]\w+(?=\()/g))) {
      const found = texts.get(name);
      if (found === undefined || used.has(name)) continue;
      used.add(name);
      visit(found);
    }
  };
  sources.forEach(visit);
  return [...widths.map(vectorTypes), ...[...texts].flatMap(([name, own]) => (used.has(name) ? [own] : []))];
}
