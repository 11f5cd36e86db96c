#include <stdint.h>
#define KERNEL static __attribute__((noinline)) void
#define ENTRY __attribute__((visibility("default"))) void
#define least(a, b) ((a) < (b) ? (a) : (b))
typedef void kernel(void *const *b, long begin, long end);
typedef void phase(void *context, long from, long to, long thread);
struct pool { void (*fork)(struct pool *, phase *, void *, long); };
typedef float f32v_8 __attribute__((vector_size(32)));
typedef float f32u_8 __attribute__((vector_size(32), aligned(4)));
typedef float f32h_8 __attribute__((vector_size(16)));
typedef int32_t i32v_8 __attribute__((vector_size(32)));
typedef int32_t i32u_8 __attribute__((vector_size(32), aligned(4)));
typedef int32_t i32h_8 __attribute__((vector_size(16)));
typedef uint32_t u32v_8 __attribute__((vector_size(32)));
typedef uint32_t u32u_8 __attribute__((vector_size(32), aligned(4)));
typedef uint32_t u32h_8 __attribute__((vector_size(16)));
typedef double f64v_8 __attribute__((vector_size(32)));
typedef double f64u_8 __attribute__((vector_size(32), aligned(8)));
typedef int64_t i64v_8 __attribute__((vector_size(32)));
typedef int64_t i64u_8 __attribute__((vector_size(32), aligned(8)));
typedef uint64_t u64v_8 __attribute__((vector_size(32)));
typedef uint64_t u64u_8 __attribute__((vector_size(32), aligned(8)));
typedef uint8_t b8v_8 __attribute__((vector_size(8)));
typedef uint8_t b8u_8 __attribute__((vector_size(8), aligned(1)));
typedef float f32v_4 __attribute__((vector_size(16)));
typedef float f32u_4 __attribute__((vector_size(16), aligned(4)));
typedef float f32h_4 __attribute__((vector_size(8)));
typedef int32_t i32v_4 __attribute__((vector_size(16)));
typedef int32_t i32u_4 __attribute__((vector_size(16), aligned(4)));
typedef int32_t i32h_4 __attribute__((vector_size(8)));
typedef uint32_t u32v_4 __attribute__((vector_size(16)));
typedef uint32_t u32u_4 __attribute__((vector_size(16), aligned(4)));
typedef uint32_t u32h_4 __attribute__((vector_size(8)));
typedef double f64v_4 __attribute__((vector_size(16)));
typedef double f64u_4 __attribute__((vector_size(16), aligned(8)));
typedef int64_t i64v_4 __attribute__((vector_size(16)));
typedef int64_t i64u_4 __attribute__((vector_size(16), aligned(8)));
typedef uint64_t u64v_4 __attribute__((vector_size(16)));
typedef uint64_t u64u_4 __attribute__((vector_size(16), aligned(8)));
typedef uint8_t b8v_4 __attribute__((vector_size(4)));
typedef uint8_t b8u_4 __attribute__((vector_size(4), aligned(1)));
static inline __attribute__((always_inline)) int32_t quotient_i32(int32_t a, int32_t b) {
  return b == 0 ? 0 : b == -1 ? -a : a / b;
}
static inline __attribute__((always_inline)) int32_t remainder_i32(int32_t a, int32_t b) {
  return b == 0 ? 0 : b == -1 ? 0 : a % b;
}
static inline __attribute__((always_inline)) int32_t bits_i32(float x) {
  union { float f; int32_t i; } u = {x};
  return u.i;
}
static inline __attribute__((always_inline)) float from_bits(uint32_t x) {
  union { uint32_t i; float f; } u = {x};
  return u.f;
}
static inline __attribute__((always_inline)) uint64_t bits_f64(double x) {
  union { double f; uint64_t i; } u = {x};
  return u.i;
}
static inline __attribute__((always_inline)) double from_words(uint32_t high, uint32_t low) {
  union { uint64_t i; double f; } u = {(uint64_t)high << 32 | low};
  return u.f;
}
static inline __attribute__((always_inline)) float maximum_f32(float a, float b) {
  if (a > b) return a;
  if (a < b) return b;
  return a == b ? (__builtin_signbit(a) && __builtin_signbit(b) ? b : a == 0 ? 0.0f : a) : a + b;
}
static inline __attribute__((always_inline)) float minimum_f32(float a, float b) {
  if (a < b) return a;
  if (a > b) return b;
  return a == b ? (__builtin_signbit(a) || __builtin_signbit(b) ? (a == 0 ? -0.0f : a) : a) : a + b;
}
static inline __attribute__((always_inline)) int32_t i32_from_f32(float x) {
  return x != x ? 0 : x >= 2147483648.0f ? INT32_MAX : x <= -2147483648.0f ? INT32_MIN : (int32_t)x;
}
static inline __attribute__((always_inline)) uint32_t u32_from_f32(float x) {
  return !(x > 0) ? 0 : x >= 4294967296.0f ? UINT32_MAX : (uint32_t)x;
}
static inline __attribute__((always_inline)) double maximum_f64(double a, double b) {
  if (a > b) return a;
  if (a < b) return b;
  return a == b ? (__builtin_signbit(a) && __builtin_signbit(b) ? b : a == 0 ? 0.0 : a) : a + b;
}
static inline __attribute__((always_inline)) double minimum_f64(double a, double b) {
  if (a < b) return a;
  if (a > b) return b;
  return a == b ? (__builtin_signbit(a) || __builtin_signbit(b) ? (a == 0 ? -0.0 : a) : a) : a + b;
}
static inline __attribute__((always_inline)) int32_t i32_from_f64(double x) {
  return x != x ? 0 : x >= 2147483648.0 ? INT32_MAX : x <= -2147483648.0 ? INT32_MIN : (int32_t)x;
}
static inline __attribute__((always_inline)) uint32_t u32_from_f64(double x) {
  return !(x > 0) ? 0 : x >= 4294967296.0 ? UINT32_MAX : (uint32_t)x;
}
static inline __attribute__((always_inline)) f32v_8 splat_f32_8(float x) {
  return (f32v_8){x, x, x, x, x, x, x, x};
}
static inline __attribute__((always_inline)) i32v_8 splat_i32_8(int32_t x) {
  return (i32v_8){x, x, x, x, x, x, x, x};
}
static inline __attribute__((always_inline)) u32v_8 splat_u32_8(uint32_t x) {
  return (u32v_8){x, x, x, x, x, x, x, x};
}
static inline __attribute__((always_inline)) f64v_8 splat_f64_8(double x) {
  return (f64v_8){x, x, x, x};
}
static inline __attribute__((always_inline)) i32v_8 splat_bool_8(int x) {
  const int32_t m = -x;
  return (i32v_8){m, m, m, m, m, m, m, m};
}
static inline __attribute__((always_inline)) f32v_8 select_f32_8(i32v_8 m, f32v_8 a, f32v_8 b) {
  return (f32v_8)((m & (i32v_8)a) | (~m & (i32v_8)b));
}
static inline __attribute__((always_inline)) i32v_8 select_i32_8(i32v_8 m, i32v_8 a, i32v_8 b) {
  return (i32v_8)((m & (i32v_8)a) | (~m & (i32v_8)b));
}
static inline __attribute__((always_inline)) f64v_8 select_f64_8(i64v_8 m, f64v_8 a, f64v_8 b) {
  return (f64v_8)((m & (i64v_8)a) | (~m & (i64v_8)b));
}
static inline __attribute__((always_inline)) f32h_8 low_f32_8(f32v_8 x) {
  return __builtin_shufflevector(x, x, 0, 1, 2, 3);
}
static inline __attribute__((always_inline)) f32h_8 high_f32_8(f32v_8 x) {
  return __builtin_shufflevector(x, x, 4, 5, 6, 7);
}
static inline __attribute__((always_inline)) f32v_8 join_f32_8(f32h_8 a, f32h_8 b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
}
static inline __attribute__((always_inline)) i32h_8 low_i32_8(i32v_8 x) {
  return __builtin_shufflevector(x, x, 0, 1, 2, 3);
}
static inline __attribute__((always_inline)) i32h_8 high_i32_8(i32v_8 x) {
  return __builtin_shufflevector(x, x, 4, 5, 6, 7);
}
static inline __attribute__((always_inline)) i32v_8 join_i32_8(i32h_8 a, i32h_8 b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
}
static inline __attribute__((always_inline)) u32h_8 low_u32_8(u32v_8 x) {
  return __builtin_shufflevector(x, x, 0, 1, 2, 3);
}
static inline __attribute__((always_inline)) u32h_8 high_u32_8(u32v_8 x) {
  return __builtin_shufflevector(x, x, 4, 5, 6, 7);
}
static inline __attribute__((always_inline)) u32v_8 join_u32_8(u32h_8 a, u32h_8 b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
}
static inline __attribute__((always_inline)) i64v_8 mask_low_8(i32v_8 m) {
  return __builtin_convertvector(low_i32_8(m), i64v_8);
}
static inline __attribute__((always_inline)) i64v_8 mask_high_8(i32v_8 m) {
  return __builtin_convertvector(high_i32_8(m), i64v_8);
}
static inline __attribute__((always_inline)) i32v_8 mask_join_8(i64v_8 a, i64v_8 b) {
  return join_i32_8(__builtin_convertvector(a, i32h_8), __builtin_convertvector(b, i32h_8));
}
static inline __attribute__((always_inline)) f32v_8 abs_vf32_8(f32v_8 x) {
  return (f32v_8)((i32v_8)x & INT32_MAX);
}
static inline __attribute__((always_inline)) f32v_8 maximum_vf32_8(f32v_8 a, f32v_8 b) {
  const f32v_8 r = select_f32_8((a < b) | (b != b), b, a);
  return (f32v_8)((i32v_8)r & ((i32v_8)b | ~(a == b)));
}
static inline __attribute__((always_inline)) f32v_8 minimum_vf32_8(f32v_8 a, f32v_8 b) {
  const f32v_8 r = select_f32_8((b < a) | (b != b), b, a);
  return (f32v_8)((i32v_8)r | ((i32v_8)b & (a == b)));
}
static inline __attribute__((always_inline)) f32v_8 round_vf32_8(f32v_8 x) {
  f32v_8 y;
#if defined(__AVX512F__)
  __asm__("vrndscaleps $0, %1, %0" : "=v"(y) : "v"(x));
#elif defined(__AVX__)
  __asm__("vroundps $8, %1, %0" : "=x"(y) : "x"(x));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  __asm__("frintn %0.4s, %1.4s" : "=w"(y) : "w"(x));
#else
  for (int i = 0; i < 8; i++) y[i] = __builtin_rintf(x[i]);
#endif
  return y;
}
static inline __attribute__((always_inline)) f32v_8 floor_vf32_8(f32v_8 x) {
  f32v_8 y;
#if defined(__AVX512F__)
  __asm__("vrndscaleps $1, %1, %0" : "=v"(y) : "v"(x));
#elif defined(__AVX__)
  __asm__("vroundps $9, %1, %0" : "=x"(y) : "x"(x));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  __asm__("frintm %0.4s, %1.4s" : "=w"(y) : "w"(x));
#else
  for (int i = 0; i < 8; i++) y[i] = __builtin_floorf(x[i]);
#endif
  return y;
}
static inline __attribute__((always_inline)) f32v_8 ceil_vf32_8(f32v_8 x) {
  f32v_8 y;
#if defined(__AVX512F__)
  __asm__("vrndscaleps $2, %1, %0" : "=v"(y) : "v"(x));
#elif defined(__AVX__)
  __asm__("vroundps $10, %1, %0" : "=x"(y) : "x"(x));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  __asm__("frintp %0.4s, %1.4s" : "=w"(y) : "w"(x));
#else
  for (int i = 0; i < 8; i++) y[i] = __builtin_ceilf(x[i]);
#endif
  return y;
}
static inline __attribute__((always_inline)) f32v_8 trunc_vf32_8(f32v_8 x) {
  f32v_8 y;
#if defined(__AVX512F__)
  __asm__("vrndscaleps $3, %1, %0" : "=v"(y) : "v"(x));
#elif defined(__AVX__)
  __asm__("vroundps $11, %1, %0" : "=x"(y) : "x"(x));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  __asm__("frintz %0.4s, %1.4s" : "=w"(y) : "w"(x));
#else
  for (int i = 0; i < 8; i++) y[i] = __builtin_truncf(x[i]);
#endif
  return y;
}
static inline __attribute__((always_inline)) f32v_8 sqrt_vf32_8(f32v_8 x) {
  f32v_8 y;
#if defined(__AVX512F__)
  __asm__("vsqrtps %1, %0" : "=v"(y) : "v"(x));
#elif defined(__AVX__)
  __asm__("vsqrtps %1, %0" : "=x"(y) : "x"(x));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  __asm__("fsqrt %0.4s, %1.4s" : "=w"(y) : "w"(x));
#else
  for (int i = 0; i < 8; i++) y[i] = __builtin_sqrtf(x[i]);
#endif
  return y;
}
static inline __attribute__((always_inline)) f32v_8 remainder_vf32_8(f32v_8 a, f32v_8 b) {
  f32v_8 y;
  for (int i = 0; i < 8; i++) y[i] = __builtin_fmodf(a[i], b[i]);
  return y;
}
static inline __attribute__((always_inline)) i32v_8 i32_from_vf32_8(f32v_8 x) {
  const i32v_8 high = x >= (float)2147483648.0, low = x < (float)-2147483648.0;
  const f32v_8 inside = (f32v_8)((i32v_8)x & (x == x) & ~high & ~low);
  return __builtin_convertvector(inside, i32v_8) | (high & INT32_MAX) | (low & INT32_MIN);
}
static inline __attribute__((always_inline)) u32v_8 u32_from_vf32_8(f32v_8 x) {
  u32v_8 y;
  for (int i = 0; i < 8; i++) y[i] = u32_from_f32(x[i]);
  return y;
}
static inline __attribute__((always_inline)) f64v_8 abs_vf64_8(f64v_8 x) {
  return (f64v_8)((i64v_8)x & INT64_MAX);
}
static inline __attribute__((always_inline)) f64v_8 maximum_vf64_8(f64v_8 a, f64v_8 b) {
  const f64v_8 r = select_f64_8((a < b) | (b != b), b, a);
  return (f64v_8)((i64v_8)r & ((i64v_8)b | ~(a == b)));
}
static inline __attribute__((always_inline)) f64v_8 minimum_vf64_8(f64v_8 a, f64v_8 b) {
  const f64v_8 r = select_f64_8((b < a) | (b != b), b, a);
  return (f64v_8)((i64v_8)r | ((i64v_8)b & (a == b)));
}
static inline __attribute__((always_inline)) f64v_8 round_vf64_8(f64v_8 x) {
  f64v_8 y;
#if defined(__AVX512F__)
  __asm__("vrndscalepd $0, %1, %0" : "=v"(y) : "v"(x));
#elif defined(__AVX__)
  __asm__("vroundpd $8, %1, %0" : "=x"(y) : "x"(x));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  __asm__("frintn %0.2d, %1.2d" : "=w"(y) : "w"(x));
#else
  for (int i = 0; i < 4; i++) y[i] = __builtin_rint(x[i]);
#endif
  return y;
}
static inline __attribute__((always_inline)) f64v_8 floor_vf64_8(f64v_8 x) {
  f64v_8 y;
#if defined(__AVX512F__)
  __asm__("vrndscalepd $1, %1, %0" : "=v"(y) : "v"(x));
#elif defined(__AVX__)
  __asm__("vroundpd $9, %1, %0" : "=x"(y) : "x"(x));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  __asm__("frintm %0.2d, %1.2d" : "=w"(y) : "w"(x));
#else
  for (int i = 0; i < 4; i++) y[i] = __builtin_floor(x[i]);
#endif
  return y;
}
static inline __attribute__((always_inline)) f64v_8 ceil_vf64_8(f64v_8 x) {
  f64v_8 y;
#if defined(__AVX512F__)
  __asm__("vrndscalepd $2, %1, %0" : "=v"(y) : "v"(x));
#elif defined(__AVX__)
  __asm__("vroundpd $10, %1, %0" : "=x"(y) : "x"(x));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  __asm__("frintp %0.2d, %1.2d" : "=w"(y) : "w"(x));
#else
  for (int i = 0; i < 4; i++) y[i] = __builtin_ceil(x[i]);
#endif
  return y;
}
static inline __attribute__((always_inline)) f64v_8 trunc_vf64_8(f64v_8 x) {
  f64v_8 y;
#if defined(__AVX512F__)
  __asm__("vrndscalepd $3, %1, %0" : "=v"(y) : "v"(x));
#elif defined(__AVX__)
  __asm__("vroundpd $11, %1, %0" : "=x"(y) : "x"(x));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  __asm__("frintz %0.2d, %1.2d" : "=w"(y) : "w"(x));
#else
  for (int i = 0; i < 4; i++) y[i] = __builtin_trunc(x[i]);
#endif
  return y;
}
static inline __attribute__((always_inline)) f64v_8 remainder_vf64_8(f64v_8 a, f64v_8 b) {
  f64v_8 y;
  for (int i = 0; i < 4; i++) y[i] = __builtin_fmod(a[i], b[i]);
  return y;
}
static inline __attribute__((always_inline)) i32h_8 i32_from_vf64_8(f64v_8 x) {
  const i64v_8 high = x >= (double)2147483648.0, low = x < (double)-2147483648.0;
  const f64v_8 inside = (f64v_8)((i64v_8)x & (x == x) & ~high & ~low);
  return __builtin_convertvector(inside, i32h_8) | __builtin_convertvector((high & INT32_MAX) | (low & (int64_t)INT32_MIN), i32h_8);
}
static inline __attribute__((always_inline)) u32h_8 u32_from_vf64_8(f64v_8 x) {
  u32h_8 y;
  for (int i = 0; i < 4; i++) y[i] = u32_from_f64(x[i]);
  return y;
}
static inline __attribute__((always_inline)) i32v_8 quotient_vi32_8(i32v_8 a, i32v_8 b) {
  i32v_8 y;
  for (int i = 0; i < 8; i++) y[i] = quotient_i32(a[i], b[i]);
  return y;
}
static inline __attribute__((always_inline)) i32v_8 remainder_vi32_8(i32v_8 a, i32v_8 b) {
  i32v_8 y;
  for (int i = 0; i < 8; i++) y[i] = remainder_i32(a[i], b[i]);
  return y;
}
static inline __attribute__((always_inline)) i32v_8 maximum_vi32_8(i32v_8 a, i32v_8 b) {
  return select_i32_8(a > b, a, b);
}
static inline __attribute__((always_inline)) void store_bool_8(uint8_t *p, i32v_8 m) {
  *(b8u_8 *)p = __builtin_convertvector(m & 1, b8v_8);
}
static inline __attribute__((always_inline)) i32v_8 high_words_8(f64v_8 a, f64v_8 b) {
  return join_i32_8(__builtin_convertvector((u64v_8)a >> 32, i32h_8), __builtin_convertvector((u64v_8)b >> 32, i32h_8));
}
static inline __attribute__((always_inline)) i32v_8 low_words_8(f64v_8 a, f64v_8 b) {
  return join_i32_8(__builtin_convertvector((u64v_8)a, i32h_8), __builtin_convertvector((u64v_8)b, i32h_8));
}
static inline __attribute__((always_inline)) f64v_8 from_words_low_8(u32v_8 high, u32v_8 low) {
  return (f64v_8)(__builtin_convertvector(low_u32_8(high), u64v_8) << 32 | __builtin_convertvector(low_u32_8(low), u64v_8));
}
static inline __attribute__((always_inline)) f64v_8 from_words_high_8(u32v_8 high, u32v_8 low) {
  return (f64v_8)(__builtin_convertvector(high_u32_8(high), u64v_8) << 32 | __builtin_convertvector(high_u32_8(low), u64v_8));
}
static inline __attribute__((always_inline)) f32v_4 splat_f32_4(float x) {
  return (f32v_4){x, x, x, x};
}
static inline __attribute__((always_inline)) i32v_4 splat_i32_4(int32_t x) {
  return (i32v_4){x, x, x, x};
}
static inline __attribute__((always_inline)) f64v_4 splat_f64_4(double x) {
  return (f64v_4){x, x};
}
static inline __attribute__((always_inline)) f32v_4 select_f32_4(i32v_4 m, f32v_4 a, f32v_4 b) {
  return (f32v_4)((m & (i32v_4)a) | (~m & (i32v_4)b));
}
static inline __attribute__((always_inline)) f32v_4 abs_vf32_4(f32v_4 x) {
  return (f32v_4)((i32v_4)x & INT32_MAX);
}
static inline __attribute__((always_inline)) f32v_4 minimum_vf32_4(f32v_4 a, f32v_4 b) {
  const f32v_4 r = select_f32_4((b < a) | (b != b), b, a);
  return (f32v_4)((i32v_4)r | ((i32v_4)b & (a == b)));
}
static inline __attribute__((always_inline)) void store_bool_4(uint8_t *p, i32v_4 m) {
  *(b8u_4 *)p = __builtin_convertvector(m & 1, b8v_4);
}
struct task { kernel *run; long at, from, to; };
struct tasks { void *const *b; const struct task *list; };
KERNEL run_tasks(void *context, long from, long to, long thread) {
  (void)thread;
  const struct tasks *t = context;
  for (long i = from; i < to; i++) {
    const struct task *own = t->list + i;
    const long end = own->to;
    if (own->from < end) own->run(t->b + own->at, own->from, end);
  }
}
