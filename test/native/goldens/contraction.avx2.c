// Calls splat_f32_8, select_f32_8.

KERNEL s0_contraction_pack_right(const float *from, const long *begins, float *to, long first, long count, long group, long steps) {
  (void)begins;
  if (count == 16) {
    for (long k = 0; k < steps; k++, to += 16) {
      const long x0 = (group + k);
      const float *const b = from + first * 1 + x0 * 70l;
      *(f32u_8 *)(to + 0) = *(const f32u_8 *)(b + 0);
      *(f32u_8 *)(to + 8) = *(const f32u_8 *)(b + 8);
    }
    return;
  }
  float *const begin = to;
  for (long i = 0; i < steps; i++, to += 16) {
    const long y0 = (group + i);
    const float *const line = from + y0 * 70l;
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

KERNEL s0_contraction_tile6x2(const float *a, const float *b, long next, float *c, long pitch, long steps, long add) {
  f32v_8 c0_0 = {0}, c0_1 = {0};
  f32v_8 c1_0 = {0}, c1_1 = {0};
  f32v_8 c2_0 = {0}, c2_1 = {0};
  f32v_8 c3_0 = {0}, c3_1 = {0};
  f32v_8 c4_0 = {0}, c4_1 = {0};
  f32v_8 c5_0 = {0}, c5_1 = {0};
  for (long k = 0; k < steps; k++, a += 1, b += next) {
    const f32v_8 b0 = *(const f32u_8 *)(b + 0);
    const f32v_8 b1 = *(const f32u_8 *)(b + 8);
    const f32v_8 a0 = splat_f32_8(a[0]);
    const f32v_8 p0 = a0 * b0;
    const f32v_8 p1 = a0 * b1;
    c0_0 += p0;
    const f32v_8 a1 = splat_f32_8(a[150]);
    const f32v_8 p2 = a1 * b0;
    c0_1 += p1;
    const f32v_8 p3 = a1 * b1;
    c1_0 += p2;
    const f32v_8 a2 = splat_f32_8(a[300]);
    const f32v_8 p4 = a2 * b0;
    c1_1 += p3;
    const f32v_8 p5 = a2 * b1;
    c2_0 += p4;
    const f32v_8 a3 = splat_f32_8(a[450]);
    const f32v_8 p6 = a3 * b0;
    c2_1 += p5;
    const f32v_8 p7 = a3 * b1;
    c3_0 += p6;
    const f32v_8 a4 = splat_f32_8(a[600]);
    const f32v_8 p8 = a4 * b0;
    c3_1 += p7;
    const f32v_8 p9 = a4 * b1;
    c4_0 += p8;
    const f32v_8 a5 = splat_f32_8(a[750]);
    const f32v_8 p10 = a5 * b0;
    c4_1 += p9;
    const f32v_8 p11 = a5 * b1;
    c5_0 += p10;
    c5_1 += p11;
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
    *(f32u_8 *)(c + 4 * pitch) += c4_0;
    *(f32u_8 *)(c + 4 * pitch + 8) += c4_1;
    *(f32u_8 *)(c + 5 * pitch) += c5_0;
    *(f32u_8 *)(c + 5 * pitch + 8) += c5_1;
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
    *(f32u_8 *)(c + 4 * pitch) = c4_0;
    *(f32u_8 *)(c + 4 * pitch + 8) = c4_1;
    *(f32u_8 *)(c + 5 * pitch) = c5_0;
    *(f32u_8 *)(c + 5 * pitch + 8) = c5_1;
  }
}

KERNEL s0_contraction_tile2x2(const float *a, const float *b, long next, float *c, long pitch, long steps, long add) {
  f32v_8 c0_0 = {0}, c0_1 = {0};
  f32v_8 c1_0 = {0}, c1_1 = {0};
  for (long k = 0; k < steps; k++, a += 1, b += next) {
    const f32v_8 b0 = *(const f32u_8 *)(b + 0);
    const f32v_8 b1 = *(const f32u_8 *)(b + 8);
    const f32v_8 a0 = splat_f32_8(a[0]);
    const f32v_8 p0 = a0 * b0;
    const f32v_8 p1 = a0 * b1;
    c0_0 += p0;
    const f32v_8 a1 = splat_f32_8(a[150]);
    const f32v_8 p2 = a1 * b0;
    c0_1 += p1;
    const f32v_8 p3 = a1 * b1;
    c1_0 += p2;
    c1_1 += p3;
  }
  if (add) {
    *(f32u_8 *)(c) += c0_0;
    *(f32u_8 *)(c + 8) += c0_1;
    *(f32u_8 *)(c + pitch) += c1_0;
    *(f32u_8 *)(c + pitch + 8) += c1_1;
  }
  else {
    *(f32u_8 *)(c) = c0_0;
    *(f32u_8 *)(c + 8) = c0_1;
    *(f32u_8 *)(c + pitch) = c1_0;
    *(f32u_8 *)(c + pitch + 8) = c1_1;
  }
}

KERNEL s0_contraction_epilogue(void *const *b, long outer, float *block, long row0, long row1, long column0, long column1) {
  float *const p0 = b[0];
  float *const p1 = b[1];
  float *const p2 = b[2];
  float *const p3 = b[3];
  float *const p4 = block - row0 * 16 - column0;
  const float v0 = 0.0f;
  const f32v_8 v1 = splat_f32_8(v0);
  for (long i0 = row0; i0 < row1; i0++) {
    const long end_i1 = column1;
    long i1 = column0;
    for (; i1 + 15 < end_i1; i1 += 16) {
      const f32v_8 v2 = *(const f32u_8 *)(p4 + 16 * i0 + i1);
      const f32v_8 v3 = *(const f32u_8 *)(p2 + i1);
      const f32v_8 v4 = v2 + v3;
      const i32v_8 v5 = v4 <= v1;
      const f32v_8 v6 = select_f32_8(v5, v1, v4);
      *(f32u_8 *)(p3 + 70 * i0 + i1) = v6;
      const f32v_8 v7 = *(const f32u_8 *)(p4 + 16 * i0 + i1 + 8);
      const f32v_8 v8 = *(const f32u_8 *)(p2 + i1 + 8);
      const f32v_8 v9 = v7 + v8;
      const i32v_8 v10 = v9 <= v1;
      const f32v_8 v11 = select_f32_8(v10, v1, v9);
      *(f32u_8 *)(p3 + 70 * i0 + i1 + 8) = v11;
    }
    for (; i1 + 7 < end_i1; i1 += 8) {
      const f32v_8 v2 = *(const f32u_8 *)(p4 + 16 * i0 + i1);
      const f32v_8 v3 = *(const f32u_8 *)(p2 + i1);
      const f32v_8 v4 = v2 + v3;
      const i32v_8 v5 = v4 <= v1;
      const f32v_8 v6 = select_f32_8(v5, v1, v4);
      *(f32u_8 *)(p3 + 70 * i0 + i1) = v6;
    }
    for (; i1 < end_i1; i1++) {
      const float v12 = p4[16 * i0 + i1];
      const float v13 = p2[i1];
      const float v14 = v12 + v13;
      const int v15 = v14 <= v0;
      const float v16 = v15 ? v0 : v14;
      p3[70 * i0 + i1] = v16;
    }
  }
}

KERNEL s0_contraction(void *context, long from, long to, long thread) {
  void *const *const b = context;
  float *const packed = (float *)((char *)b[4] + thread * 10752);
  float *const sums = packed + 2400;
  for (long task = from; task < to; task++) {
    const long outer = task / 1 / 5;
    const long row0 = task % 1 * 18, row1 = least(row0 + 18, 14);
    const long column0 = task / 1 % 5 * 16;
    const long columns = least(16, 70 - column0), rows = row1 - row0;
    const float *const left = (float *)b[0] + 0;
    const float *const right = (float *)b[1] + 0;
    const long begins_left[] = {0};
    const long begins_right[] = {0};
    float *const results = sums;
    const long pitch = 16;
    for (long group = 0; group < 150; group += 2048) {
      const long depth = least(2048, 150 - group);
      const long isPacked = columns != 16;
      if (isPacked) s0_contraction_pack_right(right, begins_right, packed, column0, columns, group, depth);
      const float *const at = isPacked ? packed : right + column0 * 1 + group * 70;
      const long next = isPacked ? 16 : 70;
      for (long k = 0; k < depth; k += 128) {
        for (long r = 0, own; r < rows; r += own) {
          own = rows - r >= 6 ? 6 : 2;
          if (own == 6) {
            s0_contraction_tile6x2(left + row0 * 150 + group * 1 + r * 150 + k * 1, at + k * next, next, results + r * pitch, pitch, least(128, depth - k), k > 0);
          }
          else {
            s0_contraction_tile2x2(left + row0 * 150 + group * 1 + r * 150 + k * 1, at + k * next, next, results + r * pitch, pitch, least(128, depth - k), k > 0);
          }
        }
      }
    }
    s0_contraction_epilogue(b, outer, sums, row0, row1, column0, column0 + columns);
  }
}

ENTRY lazuli_run(void *const *b, struct pool *pool) {
  // k0
  if (pool) pool->fork(pool, s0_contraction, (void *)(b + 0), 5);
  else s0_contraction((void *)(b + 0), 0, 5, 0);
}
