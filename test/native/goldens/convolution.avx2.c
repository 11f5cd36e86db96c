#include <stdint.h>
#define KERNEL static __attribute__((noinline)) void
#define ENTRY __attribute__((visibility("default"))) void
#define least(a, b) ((a) < (b) ? (a) : (b))
typedef void kernel(void *const *b, long begin, long end);
typedef void phase(void *context, long from, long to, long thread);
struct pool { void (*fork)(struct pool *, phase *, void *, long); };
typedef float f32v __attribute__((vector_size(32)));
typedef float f32u __attribute__((vector_size(32), aligned(4)));
typedef float f32h __attribute__((vector_size(16)));
typedef int32_t i32v __attribute__((vector_size(32)));
typedef int32_t i32u __attribute__((vector_size(32), aligned(4)));
typedef int32_t i32h __attribute__((vector_size(16)));
typedef uint32_t u32v __attribute__((vector_size(32)));
typedef uint32_t u32u __attribute__((vector_size(32), aligned(4)));
typedef uint32_t u32h __attribute__((vector_size(16)));
typedef double f64v __attribute__((vector_size(32)));
typedef double f64u __attribute__((vector_size(32), aligned(8)));
typedef int64_t i64v __attribute__((vector_size(32)));
typedef int64_t i64u __attribute__((vector_size(32), aligned(8)));
typedef uint64_t u64v __attribute__((vector_size(32)));
typedef uint64_t u64u __attribute__((vector_size(32), aligned(8)));
typedef uint8_t b8v __attribute__((vector_size(8)));
typedef uint8_t b8u __attribute__((vector_size(8), aligned(1)));
static inline __attribute__((always_inline)) f32v splat_f32(float x) {
  return (f32v){x, x, x, x, x, x, x, x};
}

KERNEL s0_contraction_pack_right(const float *from, const long *begins, float *to, long first, long count, long group, long steps) {
  (void)begins;
  long k = 0;
  for (long lane = 0; lane < count; lane += 16) {
    const long own = least(16, count - lane);
    long at[16];
    for (long l = 0; l < own; l++) {
      long rest = first + lane + l;
      const long x0 = rest;
      at[l] = x0 * 1l;
    }
    for (long i = k; i < steps; i++) {
      long rest = group + i;
      const long x2 = rest % 3; rest /= 3;
      const long x1 = rest % 3; rest /= 3;
      const long x0 = rest;
      const float *const place = from + x0 * 81l + x1 * 27l + x2 * 9l;
      for (long l = 0; l < own; l++) to[i * 16 + l] = place[at[l]];
      for (long l = own; l < 16; l++) to[i * 16 + l] = 0;
    }
  }
}

KERNEL s0_contraction_pack_left(const float *from, const long *begins, float *to, long first, long count, long group, long steps) {
  (void)begins;
  long k = 0;
  for (long lane = 0; lane < count; lane += 6) {
    const long own = least(6, count - lane);
    long at[6], at0[6], at1[6];
    for (long l = 0; l < own; l++) {
      long rest = first + lane + l;
      const long x2 = rest % 4; rest /= 4;
      const long x1 = rest % 3; rest /= 3;
      const long x0 = rest;
      at[l] = x0 * 126l + x1 * 42l + x2 * 6l;
      at0[l] = begins[0] + x1 * 2l;
      at1[l] = begins[1] + x2 * 2l;
    }
    for (long i = k; i < steps; i++) {
      long rest = group + i;
      const long x2 = rest % 3; rest /= 3;
      const long x1 = rest % 3; rest /= 3;
      const long x0 = rest;
      const float *const place = from + x0 * 21l + x1 * 3l + x2 * 1l;
      const long at_k0 = x0 * 1l;
      const long at_k1 = x1 * 1l;
      for (long l = 0; l < own; l++) to[lane * steps + i * own + l] = (unsigned long)(at0[l] + at_k0) < 6 && (unsigned long)(at1[l] + at_k1) < 7 ? place[at[l]] : 0;
    }
  }
}

KERNEL s0_contraction_tile6x2(const float *a, const float *b, float *c, long pitch, long steps, long add) {
  f32v c0_0 = {0}, c0_1 = {0};
  f32v c1_0 = {0}, c1_1 = {0};
  f32v c2_0 = {0}, c2_1 = {0};
  f32v c3_0 = {0}, c3_1 = {0};
  f32v c4_0 = {0}, c4_1 = {0};
  f32v c5_0 = {0}, c5_1 = {0};
  for (long k = 0; k < steps; k++, a += 6, b += 16) {
    const f32v b0 = *(const f32u *)(b + 0);
    const f32v b1 = *(const f32u *)(b + 8);
    const f32v a0 = splat_f32(a[0]);
    const f32v p0 = a0 * b0;
    const f32v p1 = a0 * b1;
    c0_0 += p0;
    const f32v a1 = splat_f32(a[1]);
    const f32v p2 = a1 * b0;
    c0_1 += p1;
    const f32v p3 = a1 * b1;
    c1_0 += p2;
    const f32v a2 = splat_f32(a[2]);
    const f32v p4 = a2 * b0;
    c1_1 += p3;
    const f32v p5 = a2 * b1;
    c2_0 += p4;
    const f32v a3 = splat_f32(a[3]);
    const f32v p6 = a3 * b0;
    c2_1 += p5;
    const f32v p7 = a3 * b1;
    c3_0 += p6;
    const f32v a4 = splat_f32(a[4]);
    const f32v p8 = a4 * b0;
    c3_1 += p7;
    const f32v p9 = a4 * b1;
    c4_0 += p8;
    const f32v a5 = splat_f32(a[5]);
    const f32v p10 = a5 * b0;
    c4_1 += p9;
    const f32v p11 = a5 * b1;
    c5_0 += p10;
    c5_1 += p11;
  }
  if (add) {
    *(f32u *)(c) += c0_0;
    *(f32u *)(c + 8) += c0_1;
    *(f32u *)(c + pitch) += c1_0;
    *(f32u *)(c + pitch + 8) += c1_1;
    *(f32u *)(c + 2 * pitch) += c2_0;
    *(f32u *)(c + 2 * pitch + 8) += c2_1;
    *(f32u *)(c + 3 * pitch) += c3_0;
    *(f32u *)(c + 3 * pitch + 8) += c3_1;
    *(f32u *)(c + 4 * pitch) += c4_0;
    *(f32u *)(c + 4 * pitch + 8) += c4_1;
    *(f32u *)(c + 5 * pitch) += c5_0;
    *(f32u *)(c + 5 * pitch + 8) += c5_1;
  }
  else {
    *(f32u *)(c) = c0_0;
    *(f32u *)(c + 8) = c0_1;
    *(f32u *)(c + pitch) = c1_0;
    *(f32u *)(c + pitch + 8) = c1_1;
    *(f32u *)(c + 2 * pitch) = c2_0;
    *(f32u *)(c + 2 * pitch + 8) = c2_1;
    *(f32u *)(c + 3 * pitch) = c3_0;
    *(f32u *)(c + 3 * pitch + 8) = c3_1;
    *(f32u *)(c + 4 * pitch) = c4_0;
    *(f32u *)(c + 4 * pitch + 8) = c4_1;
    *(f32u *)(c + 5 * pitch) = c5_0;
    *(f32u *)(c + 5 * pitch + 8) = c5_1;
  }
}

KERNEL s0_contraction(void *context, long from, long to, long thread) {
  void *const *const b = context;
  float *const packed = (float *)((char *)b[3] + thread * 5888);
  float *const sums = packed + 432;
  float *const tiles = sums + 384;
  for (long task = from; task < to; task++) {
    const long outer = task / 1 / 1;
    const long row0 = task % 1 * 24, row1 = least(row0 + 24, 24);
    const long column0 = task / 1 % 1 * 16;
    const long columns = least(16, 9 - column0), rows = row1 - row0;
    const float *const left = (float *)b[0] + -3;
    const float *const right = (float *)b[1] + 0;
    const long begins_left[] = {0, -1};
    const long begins_right[] = {0};
    float *const out = (float *)b[2] + 0 + row0 * 9 + column0;
    const long isWhole = columns == 16;
    float *const results = isWhole ? out : sums;
    const long pitch = isWhole ? 9 : 16;
    for (long group = 0; group < 27; group += 2048) {
      const long depth = least(2048, 27 - group);
      s0_contraction_pack_right(right, begins_right, packed, column0, columns, group, depth);
      s0_contraction_pack_left(left, begins_left, tiles, row0, rows, group, depth);
      for (long r = 0, own; r < rows; r += own) {
        own = 6;
        {
          for (long k = 0; k < depth; k += 128) {
            s0_contraction_tile6x2(tiles + r * depth + k * 6, packed + k * 16, results + r * pitch, pitch, least(128, depth - k), k > 0);
          }
        }
      }
    }
    if (!isWhole) {
      for (long r = 0; r < rows; r++) for (long j = 0; j < columns; j++) out[r * 9 + j] = sums[r * 16 + j];
    }
  }
}

ENTRY lazuli_run(void *const *b, struct pool *pool) {
  // k0
  s0_contraction((void *)(b + 0), 0, 1, 0);
}
