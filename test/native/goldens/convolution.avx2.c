// Calls splat_f32_8.

KERNEL s0_contraction_pack_right(const float *from, const long *begins, float *to, long first, long count, long group, long steps) {
  (void)begins;
  if (count == 16) {
    for (long k = 0; k < steps; k++, to += 16) {
      const long x0 = (group + k);
      const float *const b = from + first * 1 + x0 * 9l;
      *(f32u_8 *)(to + 0) = *(const f32u_8 *)(b + 0);
      *(f32u_8 *)(to + 8) = *(const f32u_8 *)(b + 8);
    }
    return;
  }
  float *const begin = to;
  for (long i = 0; i < steps; i++, to += 16) {
    const long y0 = (group + i);
    const float *const line = from + y0 * 9l;
    for (long j = 0, n; j < count; j += n) {
      const long x0 = (first + j);
      n = count - j;
      const float *const place = line + x0 * 1l;
      long low = 0, high = n;
      __builtin_memcpy(to + j + low, place + low, (high - low) * sizeof(float));
    }
  }
  for (long k = 0; k < steps; k++) for (long j = count; j < 16; j++) begin[k * 16 + j] = 0;
}

KERNEL s0_contraction_places(int *to, long group, long steps) {
  int x0 = group / 3 / 3;
  int x1 = group / 3 % 3;
  int x2 = group % 3;
  int at = x0 * 27l + x1 * 3l + x2 * 1l;
  for (long k = 0; k < steps; k++) {
    to[k] = at;
    at += 1;
    if (++x2 == 3) {
      x2 = 0;
      at -= 3;
      at += 3;
      if (++x1 == 3) {
        x1 = 0;
        at -= 9;
        at += 27;
      }
    }
  }
}

KERNEL s0_contraction_copy(const float *from, const long *begins, float *to, long first, long count) {
  for (long i = 0; i < count; i++, to += 189) {
    const long y0 = (first + i);
    const float *const plane = from + y0 * 126l;
    const long low0 = least(begins[0] < 0 ? -begins[0] : 0, 7);
    const long end0 = least(7, 6 - begins[0]);
    const long high0 = end0 < low0 ? low0 : end0;
    __builtin_memset(to, 0, low0 * 108);
    __builtin_memset(to + high0 * 27, 0, (7 - high0) * 108);
    for (long x0 = low0; x0 < high0; x0++) {
      const float *const from0 = plane + x0 * 21l;
      float *const to0 = to + x0 * 27;
      const long low1 = least(begins[1] < 0 ? -begins[1] : 0, 9);
      const long end1 = least(9, 7 - begins[1]);
      const long high1 = end1 < low1 ? low1 : end1;
      __builtin_memset(to0, 0, low1 * 12);
      __builtin_memset(to0 + high1 * 3, 0, (9 - high1) * 12);
      __builtin_memcpy(to0 + low1 * 3, from0 + low1 * 3l, (high1 - low1) * 3 * sizeof(float));
    }
  }
}

KERNEL s0_contraction_finite(const float *p, long count, long *answer) {
  f32v_8 sum = {0};
  for (long i = 0; i < count; i += 8) sum += *(const f32u_8 *)(p + i) * 0.0f;
  *answer = 1;
  for (long l = 0; l < 8; l++) if (sum[l] != 0) *answer = 0;
}

KERNEL s0_contraction_tile4x2(const float *a, const float *b, long next, float *c, long pitch, long steps, long add, const int *places) {
  f32v_8 c0_0 = {0}, c0_1 = {0};
  f32v_8 c1_0 = {0}, c1_1 = {0};
  f32v_8 c2_0 = {0}, c2_1 = {0};
  f32v_8 c3_0 = {0}, c3_1 = {0};
  for (long k = 0; k < steps; k++, b += next) {
    const float *const at = a + places[k];
    const f32v_8 b0 = *(const f32u_8 *)(b + 0);
    const f32v_8 b1 = *(const f32u_8 *)(b + 8);
    const f32v_8 a0 = splat_f32_8(at[0]);
    const f32v_8 p0 = a0 * b0;
    const f32v_8 p1 = a0 * b1;
    c0_0 += p0;
    const f32v_8 a1 = splat_f32_8(at[6]);
    const f32v_8 p2 = a1 * b0;
    c0_1 += p1;
    const f32v_8 p3 = a1 * b1;
    c1_0 += p2;
    const f32v_8 a2 = splat_f32_8(at[12]);
    const f32v_8 p4 = a2 * b0;
    c1_1 += p3;
    const f32v_8 p5 = a2 * b1;
    c2_0 += p4;
    const f32v_8 a3 = splat_f32_8(at[18]);
    const f32v_8 p6 = a3 * b0;
    c2_1 += p5;
    const f32v_8 p7 = a3 * b1;
    c3_0 += p6;
    c3_1 += p7;
  }
  if (add) {
    *(f32u_8 *)(c) += c0_0;
    *(f32u_8 *)(c + 8) += c0_1;
    *(f32u_8 *)(c + pitch) += c1_0;
    *(f32u_8 *)(c + pitch + 8) += c1_1;
    *(f32u_8 *)(c + 2 * pitch) += c2_0;
    *(f32u_8 *)(c + 2 * pitch + 8) += c2_1;
    *(f32u_8 *)(c + 3 * pitch) += c3_0;
    *(f32u_8 *)(c + 3 * pitch + 8) += c3_1;
  }
  else {
    *(f32u_8 *)(c) = c0_0;
    *(f32u_8 *)(c + 8) = c0_1;
    *(f32u_8 *)(c + pitch) = c1_0;
    *(f32u_8 *)(c + pitch + 8) = c1_1;
    *(f32u_8 *)(c + 2 * pitch) = c2_0;
    *(f32u_8 *)(c + 2 * pitch + 8) = c2_1;
    *(f32u_8 *)(c + 3 * pitch) = c3_0;
    *(f32u_8 *)(c + 3 * pitch + 8) = c3_1;
  }
}

KERNEL s0_contraction(void *context, long from, long to, long thread) {
  void *const *const b = context;
  float *const packed = (float *)((char *)b[3] + thread * 4928);
  float *const sums = packed + 432;
  float *const tiles = sums + 384;
  int *const places = (int *)(tiles + 378);
  s0_contraction_places(places, 0, 27);
  long panel = -1, isFinite = 0;
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
    s0_contraction_copy(left, begins_left, tiles, row0 / 12, rows / 12);
    for (long group = 0; group < 27; group += 2048) {
      const long depth = least(2048, 27 - group);
      if (task / 1 != panel) {
        s0_contraction_pack_right(right, begins_right, packed, column0, columns, group, depth);
        panel = task / 1;
        s0_contraction_finite(packed, depth * 16, &isFinite);
      }
      const float *const at = packed;
      const long next = 16;
      for (long r = 0, own; r < rows; r += own) {
        own = 4;
        const long y0 = (r) / 3 / 4;
        const long y1 = (r) / 4 % 3;
        const long y2 = (r) % 4;
        const float *const place = tiles + y0 * 189l + y1 * 54l + y2 * 6l;
        const long at_first = begins_left[0] + y1 * 2l, at_last = at_first + 0;
        long inside = 0, outside = depth;
        if (isFinite) {
          if (at_last < 0) inside = least(-at_last * 9 - group, depth);
          if (inside < 0) inside = 0;
          outside = at_first < 6 ? least((6 - at_first) * 9 - group, depth) : 0;
        }
        {
          for (long k = 0; k < depth; k += 128) {
            const long begin = k < inside ? inside : k;
            s0_contraction_tile4x2(place, at + begin * next, next, results + r * pitch, pitch, least(k + 128, outside) - begin, k > 0, places + begin);
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
