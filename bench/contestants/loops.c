/* Adadelta as a C loop, in the protocol of run/protocol.ts. The coordinator compiles it:
   cc -O3 -march=native -fno-math-errno -fopenmp loops.c -lm */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static float hashed(uint32_t i, uint32_t seed) {
  uint32_t h = i * 0x9e3779b1u + seed * 0x85ebca6bu;
  h = (h ^ (h >> 16)) * 0x45d9f3bu;
  h = (h ^ (h >> 16)) * 0x45d9f3bu;
  h ^= h >> 16;
  return (float)(h >> 8) * 0x1p-23f - 1.0f;
}

static void adadelta(const float *restrict g, float *restrict s, float *restrict x, float *restrict d, long size) {
  const float rho = 0.95f, rest = 0.05f, epsilon = 1e-6f;
#pragma omp parallel for simd schedule(static) if (parallel : size >= 20000)
  for (long i = 0; i < size; i++) {
    const float next = rho * s[i] + rest * g[i] * g[i];
    const float u = sqrtf((d[i] + epsilon) / (next + epsilon)) * g[i];
    s[i] = next;
    x[i] -= u;
    d[i] = rho * d[i] + rest * u * u;
  }
}

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec * 1e-6;
}

int main(void) {
  char line[4096];
  long count = 0, size = 0, calls = 0;
  float *memory = NULL;
  printf("{\"ready\":\"C by hand, cc %s\"}\n", __VERSION__);
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    int steps = 3, preparing = 0;
    if (sscanf(line, "{\"do\":\"prepare\",\"work\":{\"kind\":\"adadelta\",\"count\":%ld,\"size\":%ld", &count, &size) == 2) {
      preparing = 1;
      free(memory);
      memory = aligned_alloc(64, (16 * (size_t)size * (size_t)count + 63) / 64 * 64);
      for (long p = 0; p < count; p++)
        for (long i = 0; i < size; i++) {
          memory[4 * p * size + i] = hashed((uint32_t)i, (uint32_t)(100 + p));
          for (int slot = 1; slot < 4; slot++) memory[(4 * p + slot) * size + i] = 0;
        }
    } else if (sscanf(line, "{\"do\":\"burst\",\"calls\":%ld", &calls) == 1) {
      steps = (int)calls;
    } else {
      printf("{\"unsupported\":\"not written for it\"}\n");
      fflush(stdout);
      continue;
    }
    const double start = milliseconds();
    for (int step = 0; step < steps; step++)
      for (long p = 0; p < count; p++) {
        float *slot = memory + 4 * p * size;
        adadelta(slot, slot + size, slot + 2 * size, slot + 3 * size, size);
      }
    const double elapsed = milliseconds() - start;
    if (preparing) {
      const float *x = memory + (4 * (count - 1) + 2) * size;
      printf("{\"modes\":[\"\"],\"results\":[[");
      for (long j = 0; j <= 100; j++) printf("%s%.9g", j ? "," : "", (double)x[j * (size - 1) / 100]);
      printf("]]}\n");
    } else {
      printf("{\"milliseconds\":%.6f}\n", elapsed);
    }
    fflush(stdout);
  }
  return 0;
}
