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
static inline __attribute__((always_inline)) f32v splat_f32(float x) {
  return (f32v){x, x, x, x, x, x, x, x};
}
static inline __attribute__((always_inline)) i32v splat_i32(int32_t x) {
  return (i32v){x, x, x, x, x, x, x, x};
}
static inline __attribute__((always_inline)) u32v splat_u32(uint32_t x) {
  return (u32v){x, x, x, x, x, x, x, x};
}
static inline __attribute__((always_inline)) f64v splat_f64(double x) {
  return (f64v){x, x, x, x};
}
static inline __attribute__((always_inline)) i32v splat_bool(int x) {
  const int32_t m = -x;
  return (i32v){m, m, m, m, m, m, m, m};
}
static inline __attribute__((always_inline)) f32v select_f32(i32v m, f32v a, f32v b) {
  return (f32v)((m & (i32v)a) | (~m & (i32v)b));
}
static inline __attribute__((always_inline)) i32v select_i32(i32v m, i32v a, i32v b) {
  return (i32v)((m & (i32v)a) | (~m & (i32v)b));
}
static inline __attribute__((always_inline)) f64v select_f64(i64v m, f64v a, f64v b) {
  return (f64v)((m & (i64v)a) | (~m & (i64v)b));
}
static inline __attribute__((always_inline)) f32h low_f32(f32v x) {
  return __builtin_shufflevector(x, x, 0, 1, 2, 3);
}
static inline __attribute__((always_inline)) f32h high_f32(f32v x) {
  return __builtin_shufflevector(x, x, 4, 5, 6, 7);
}
static inline __attribute__((always_inline)) f32v join_f32(f32h a, f32h b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
}
static inline __attribute__((always_inline)) i32h low_i32(i32v x) {
  return __builtin_shufflevector(x, x, 0, 1, 2, 3);
}
static inline __attribute__((always_inline)) i32h high_i32(i32v x) {
  return __builtin_shufflevector(x, x, 4, 5, 6, 7);
}
static inline __attribute__((always_inline)) i32v join_i32(i32h a, i32h b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
}
static inline __attribute__((always_inline)) u32h low_u32(u32v x) {
  return __builtin_shufflevector(x, x, 0, 1, 2, 3);
}
static inline __attribute__((always_inline)) u32h high_u32(u32v x) {
  return __builtin_shufflevector(x, x, 4, 5, 6, 7);
}
static inline __attribute__((always_inline)) u32v join_u32(u32h a, u32h b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
}
static inline __attribute__((always_inline)) i64v mask_low(i32v m) {
  return __builtin_convertvector(low_i32(m), i64v);
}
static inline __attribute__((always_inline)) i64v mask_high(i32v m) {
  return __builtin_convertvector(high_i32(m), i64v);
}
static inline __attribute__((always_inline)) i32v mask_join(i64v a, i64v b) {
  return join_i32(__builtin_convertvector(a, i32h), __builtin_convertvector(b, i32h));
}
static inline __attribute__((always_inline)) f32v abs_vf32(f32v x) {
  return (f32v)((i32v)x & INT32_MAX);
}
static inline __attribute__((always_inline)) f32v maximum_vf32(f32v a, f32v b) {
  const f32v r = select_f32((a < b) | (b != b), b, a);
  return (f32v)((i32v)r & ((i32v)b | ~(a == b)));
}
static inline __attribute__((always_inline)) f32v minimum_vf32(f32v a, f32v b) {
  const f32v r = select_f32((b < a) | (b != b), b, a);
  return (f32v)((i32v)r | ((i32v)b & (a == b)));
}
static inline __attribute__((always_inline)) f32v round_vf32(f32v x) {
  f32v y;
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
static inline __attribute__((always_inline)) f32v floor_vf32(f32v x) {
  f32v y;
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
static inline __attribute__((always_inline)) f32v ceil_vf32(f32v x) {
  f32v y;
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
static inline __attribute__((always_inline)) f32v trunc_vf32(f32v x) {
  f32v y;
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
static inline __attribute__((always_inline)) f32v sqrt_vf32(f32v x) {
  f32v y;
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
static inline __attribute__((always_inline)) f32v remainder_vf32(f32v a, f32v b) {
  f32v y;
  for (int i = 0; i < 8; i++) y[i] = __builtin_fmodf(a[i], b[i]);
  return y;
}
static inline __attribute__((always_inline)) i32v i32_from_vf32(f32v x) {
  const i32v high = x >= (float)2147483648.0, low = x < (float)-2147483648.0;
  const f32v inside = (f32v)((i32v)x & (x == x) & ~high & ~low);
  return __builtin_convertvector(inside, i32v) | (high & INT32_MAX) | (low & INT32_MIN);
}
static inline __attribute__((always_inline)) u32v u32_from_vf32(f32v x) {
  u32v y;
  for (int i = 0; i < 8; i++) y[i] = u32_from_f32(x[i]);
  return y;
}
static inline __attribute__((always_inline)) f64v abs_vf64(f64v x) {
  return (f64v)((i64v)x & INT64_MAX);
}
static inline __attribute__((always_inline)) f64v maximum_vf64(f64v a, f64v b) {
  const f64v r = select_f64((a < b) | (b != b), b, a);
  return (f64v)((i64v)r & ((i64v)b | ~(a == b)));
}
static inline __attribute__((always_inline)) f64v minimum_vf64(f64v a, f64v b) {
  const f64v r = select_f64((b < a) | (b != b), b, a);
  return (f64v)((i64v)r | ((i64v)b & (a == b)));
}
static inline __attribute__((always_inline)) f64v round_vf64(f64v x) {
  f64v y;
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
static inline __attribute__((always_inline)) f64v floor_vf64(f64v x) {
  f64v y;
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
static inline __attribute__((always_inline)) f64v ceil_vf64(f64v x) {
  f64v y;
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
static inline __attribute__((always_inline)) f64v trunc_vf64(f64v x) {
  f64v y;
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
static inline __attribute__((always_inline)) f64v remainder_vf64(f64v a, f64v b) {
  f64v y;
  for (int i = 0; i < 4; i++) y[i] = __builtin_fmod(a[i], b[i]);
  return y;
}
static inline __attribute__((always_inline)) i32h i32_from_vf64(f64v x) {
  const i64v high = x >= (double)2147483648.0, low = x < (double)-2147483648.0;
  const f64v inside = (f64v)((i64v)x & (x == x) & ~high & ~low);
  return __builtin_convertvector(inside, i32h) | __builtin_convertvector((high & INT32_MAX) | (low & (int64_t)INT32_MIN), i32h);
}
static inline __attribute__((always_inline)) u32h u32_from_vf64(f64v x) {
  u32h y;
  for (int i = 0; i < 4; i++) y[i] = u32_from_f64(x[i]);
  return y;
}
static inline __attribute__((always_inline)) i32v quotient_vi32(i32v a, i32v b) {
  i32v y;
  for (int i = 0; i < 8; i++) y[i] = quotient_i32(a[i], b[i]);
  return y;
}
static inline __attribute__((always_inline)) i32v remainder_vi32(i32v a, i32v b) {
  i32v y;
  for (int i = 0; i < 8; i++) y[i] = remainder_i32(a[i], b[i]);
  return y;
}
static inline __attribute__((always_inline)) i32v maximum_vi32(i32v a, i32v b) {
  return select_i32(a > b, a, b);
}
static inline __attribute__((always_inline)) void store_bool(uint8_t *p, i32v m) {
  *(b8u *)p = __builtin_convertvector(m & 1, b8v);
}
static inline __attribute__((always_inline)) i32v high_words(f64v a, f64v b) {
  return join_i32(__builtin_convertvector((u64v)a >> 32, i32h), __builtin_convertvector((u64v)b >> 32, i32h));
}
static inline __attribute__((always_inline)) i32v low_words(f64v a, f64v b) {
  return join_i32(__builtin_convertvector((u64v)a, i32h), __builtin_convertvector((u64v)b, i32h));
}
static inline __attribute__((always_inline)) f64v from_words_low(u32v high, u32v low) {
  return (f64v)(__builtin_convertvector(low_u32(high), u64v) << 32 | __builtin_convertvector(low_u32(low), u64v));
}
static inline __attribute__((always_inline)) f64v from_words_high(u32v high, u32v low) {
  return (f64v)(__builtin_convertvector(high_u32(high), u64v) << 32 | __builtin_convertvector(high_u32(low), u64v));
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
