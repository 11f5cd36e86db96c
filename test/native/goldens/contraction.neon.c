// Calls splat_f32_4, select_f32_4.

KERNEL s0_contraction_pack_right(const float *from, const long *begins, float *to, long first, long count, long group, long steps) {
  (void)begins;
  if (count == 8) {
    for (long k = 0; k < steps; k++, to += 8) {
      const long x0 = (group + k);
      const float *const b = from + first * 1 + x0 * 70l;
      *(f32u_4 *)(to + 0) = *(const f32u_4 *)(b + 0);
      *(f32u_4 *)(to + 4) = *(const f32u_4 *)(b + 4);
    }
    return;
  }
  float *const begin = to;
  for (long i = 0; i < steps; i++, to += 8) {
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
  for (long k = 0; k < steps; k++) for (long j = count; j < 8; j++) begin[k * 8 + j] = 0;
}

KERNEL s0_contraction_tile7x2(const float *a, const float *b, long next, float *c, long pitch, long steps, long add) {
  f32v_4 c0_0 = {0}, c0_1 = {0};
  f32v_4 c1_0 = {0}, c1_1 = {0};
  f32v_4 c2_0 = {0}, c2_1 = {0};
  f32v_4 c3_0 = {0}, c3_1 = {0};
  f32v_4 c4_0 = {0}, c4_1 = {0};
  f32v_4 c5_0 = {0}, c5_1 = {0};
  f32v_4 c6_0 = {0}, c6_1 = {0};
  for (long k = 0; k < steps; k++, a += 1, b += next) {
    const f32v_4 b0 = *(const f32u_4 *)(b + 0);
    const f32v_4 b1 = *(const f32u_4 *)(b + 4);
    const f32v_4 a0 = splat_f32_4(a[0]);
    const f32v_4 p0 = a0 * b0;
    const f32v_4 p1 = a0 * b1;
    const f32v_4 a1 = splat_f32_4(a[150]);
    const f32v_4 p2 = a1 * b0;
    const f32v_4 p3 = a1 * b1;
    const f32v_4 a2 = splat_f32_4(a[300]);
    const f32v_4 p4 = a2 * b0;
    c0_0 += p0;
    const f32v_4 p5 = a2 * b1;
    c0_1 += p1;
    const f32v_4 a3 = splat_f32_4(a[450]);
    const f32v_4 p6 = a3 * b0;
    c1_0 += p2;
    const f32v_4 p7 = a3 * b1;
    c1_1 += p3;
    const f32v_4 a4 = splat_f32_4(a[600]);
    const f32v_4 p8 = a4 * b0;
    c2_0 += p4;
    const f32v_4 p9 = a4 * b1;
    c2_1 += p5;
    const f32v_4 a5 = splat_f32_4(a[750]);
    const f32v_4 p10 = a5 * b0;
    c3_0 += p6;
    const f32v_4 p11 = a5 * b1;
    c3_1 += p7;
    const f32v_4 a6 = splat_f32_4(a[900]);
    const f32v_4 p12 = a6 * b0;
    c4_0 += p8;
    const f32v_4 p13 = a6 * b1;
    c4_1 += p9;
    c5_0 += p10;
    c5_1 += p11;
    c6_0 += p12;
    c6_1 += p13;
  }
  if (add) {
    *(f32u_4 *)(c) += c0_0;
    *(f32u_4 *)(c + 4) += c0_1;
    *(f32u_4 *)(c + pitch) += c1_0;
    *(f32u_4 *)(c + pitch + 4) += c1_1;
    *(f32u_4 *)(c + 2 * pitch) += c2_0;
    *(f32u_4 *)(c + 2 * pitch + 4) += c2_1;
    *(f32u_4 *)(c + 3 * pitch) += c3_0;
    *(f32u_4 *)(c + 3 * pitch + 4) += c3_1;
    *(f32u_4 *)(c + 4 * pitch) += c4_0;
    *(f32u_4 *)(c + 4 * pitch + 4) += c4_1;
    *(f32u_4 *)(c + 5 * pitch) += c5_0;
    *(f32u_4 *)(c + 5 * pitch + 4) += c5_1;
    *(f32u_4 *)(c + 6 * pitch) += c6_0;
    *(f32u_4 *)(c + 6 * pitch + 4) += c6_1;
  }
  else {
    *(f32u_4 *)(c) = c0_0;
    *(f32u_4 *)(c + 4) = c0_1;
    *(f32u_4 *)(c + pitch) = c1_0;
    *(f32u_4 *)(c + pitch + 4) = c1_1;
    *(f32u_4 *)(c + 2 * pitch) = c2_0;
    *(f32u_4 *)(c + 2 * pitch + 4) = c2_1;
    *(f32u_4 *)(c + 3 * pitch) = c3_0;
    *(f32u_4 *)(c + 3 * pitch + 4) = c3_1;
    *(f32u_4 *)(c + 4 * pitch) = c4_0;
    *(f32u_4 *)(c + 4 * pitch + 4) = c4_1;
    *(f32u_4 *)(c + 5 * pitch) = c5_0;
    *(f32u_4 *)(c + 5 * pitch + 4) = c5_1;
    *(f32u_4 *)(c + 6 * pitch) = c6_0;
    *(f32u_4 *)(c + 6 * pitch + 4) = c6_1;
  }
}

KERNEL s0_contraction_epilogue(void *const *b, long outer, float *block, long row0, long row1, long column0, long column1) {
  float *const p0 = b[0];
  float *const p1 = b[1];
  float *const p2 = b[2];
  float *const p3 = b[3];
  float *const p4 = block - row0 * 8 - column0;
  const float v0 = 0.0f;
  const f32v_4 v1 = splat_f32_4(v0);
  for (long i0 = row0; i0 < row1; i0++) {
    const long end_i1 = column1;
    long i1 = column0;
    for (; i1 + 7 < end_i1; i1 += 8) {
      const f32v_4 v2 = *(const f32u_4 *)(p4 + 8 * i0 + i1);
      const f32v_4 v3 = *(const f32u_4 *)(p2 + i1);
      const f32v_4 v4 = v2 + v3;
      const i32v_4 v5 = v4 <= v1;
      const f32v_4 v6 = select_f32_4(v5, v1, v4);
      *(f32u_4 *)(p3 + 70 * i0 + i1) = v6;
      const f32v_4 v7 = *(const f32u_4 *)(p4 + 8 * i0 + i1 + 4);
      const f32v_4 v8 = *(const f32u_4 *)(p2 + i1 + 4);
      const f32v_4 v9 = v7 + v8;
      const i32v_4 v10 = v9 <= v1;
      const f32v_4 v11 = select_f32_4(v10, v1, v9);
      *(f32u_4 *)(p3 + 70 * i0 + i1 + 4) = v11;
    }
    for (; i1 + 3 < end_i1; i1 += 4) {
      const f32v_4 v2 = *(const f32u_4 *)(p4 + 8 * i0 + i1);
      const f32v_4 v3 = *(const f32u_4 *)(p2 + i1);
      const f32v_4 v4 = v2 + v3;
      const i32v_4 v5 = v4 <= v1;
      const f32v_4 v6 = select_f32_4(v5, v1, v4);
      *(f32u_4 *)(p3 + 70 * i0 + i1) = v6;
    }
    for (; i1 < end_i1; i1++) {
      const float v12 = p4[8 * i0 + i1];
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
  float *const packed = (float *)((char *)b[4] + thread * 5248);
  float *const sums = packed + 1200;
  for (long task = from; task < to; task++) {
    const long outer = task / 1 / 9;
    const long row0 = task % 1 * 14, row1 = least(row0 + 14, 14);
    const long column0 = task / 1 % 9 * 8;
    const long columns = least(8, 70 - column0), rows = row1 - row0;
    const float *const left = (float *)b[0] + 0;
    const float *const right = (float *)b[1] + 0;
    const long begins_left[] = {0};
    const long begins_right[] = {0};
    float *const results = sums;
    const long pitch = 8;
    for (long group = 0; group < 150; group += 2048) {
      const long depth = least(2048, 150 - group);
      const long isPacked = columns != 8;
      if (isPacked) s0_contraction_pack_right(right, begins_right, packed, column0, columns, group, depth);
      const float *const at = isPacked ? packed : right + column0 * 1 + group * 70;
      const long next = isPacked ? 8 : 70;
      for (long k = 0; k < depth; k += 128) {
        for (long r = 0, own; r < rows; r += own) {
          own = 7;
          {
            s0_contraction_tile7x2(left + row0 * 150 + group * 1 + r * 150 + k * 1, at + k * next, next, results + r * pitch, pitch, least(128, depth - k), k > 0);
          }
        }
      }
    }
    s0_contraction_epilogue(b, outer, sums, row0, row1, column0, column0 + columns);
  }
}

ENTRY lazuli_run(void *const *b, struct pool *pool) {
  // k0
  if (pool) pool->fork(pool, s0_contraction, (void *)(b + 0), 9);
  else s0_contraction((void *)(b + 0), 0, 9, 0);
}
