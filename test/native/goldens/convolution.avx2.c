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

KERNEL s0_contraction_pack_left(const float *from, const long *begins, float *to, long first, long count, long group, long steps) {
  (void)begins;
  for (long i = 0; i < count; i++, to += 43) {
    const long y0 = (first + i) / 3 / 4;
    const long y1 = (first + i) / 4 % 3;
    const long y2 = (first + i) % 4;
    const float *const line = from + y0 * 126l + y1 * 42l + y2 * 6l;
    const long line0 = begins[0] + y1 * 2l;
    const long line1 = begins[1] + y2 * 2l;
    for (long j = 0, n; j < steps; j += n) {
      const long x0 = (group + j) / 3 / 3;
      const long x1 = (group + j) / 3 % 3;
      const long x2 = (group + j) % 3;
      n = least(3 - x2, steps - j);
      const float *const place = line + x0 * 21l + x1 * 3l + x2 * 1l;
      long low = 0, high = n;
      const long at0 = line0 + x0 * 1l;
      if ((unsigned long)at0 >= 6) high = 0;
      const long at1 = line1 + x1 * 1l;
      if ((unsigned long)at1 >= 7) high = 0;
      low = least(low, n);
      if (high < low) high = low;
      for (long l = 0; l < low; l++) to[j + l] = 0;
      for (long l = high; l < n; l++) to[j + l] = 0;
      for (long l = low; l < high; l++) to[j + l] = place[l];
    }
  }
}

KERNEL s0_contraction_tile6x2(const float *a, const float *b, float *c, long pitch, long steps, long add) {
  f32v_8 c0_0 = {0}, c0_1 = {0};
  f32v_8 c1_0 = {0}, c1_1 = {0};
  f32v_8 c2_0 = {0}, c2_1 = {0};
  f32v_8 c3_0 = {0}, c3_1 = {0};
  f32v_8 c4_0 = {0}, c4_1 = {0};
  f32v_8 c5_0 = {0}, c5_1 = {0};
  for (long k = 0; k < steps; k++, a += 1, b += 16) {
    const f32v_8 b0 = *(const f32u_8 *)(b + 0);
    const f32v_8 b1 = *(const f32u_8 *)(b + 8);
    const f32v_8 a0 = splat_f32_8(a[0]);
    const f32v_8 p0 = a0 * b0;
    const f32v_8 p1 = a0 * b1;
    c0_0 += p0;
    const f32v_8 a1 = splat_f32_8(a[43]);
    const f32v_8 p2 = a1 * b0;
    c0_1 += p1;
    const f32v_8 p3 = a1 * b1;
    c1_0 += p2;
    const f32v_8 a2 = splat_f32_8(a[86]);
    const f32v_8 p4 = a2 * b0;
    c1_1 += p3;
    const f32v_8 p5 = a2 * b1;
    c2_0 += p4;
    const f32v_8 a3 = splat_f32_8(a[129]);
    const f32v_8 p6 = a3 * b0;
    c2_1 += p5;
    const f32v_8 p7 = a3 * b1;
    c3_0 += p6;
    const f32v_8 a4 = splat_f32_8(a[172]);
    const f32v_8 p8 = a4 * b0;
    c3_1 += p7;
    const f32v_8 p9 = a4 * b1;
    c4_0 += p8;
    const f32v_8 a5 = splat_f32_8(a[215]);
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

KERNEL s0_contraction(void *context, long from, long to, long thread) {
  void *const *const b = context;
  float *const packed = (float *)((char *)b[3] + thread * 7424);
  float *const sums = packed + 432;
  float *const tiles = sums + 384;
  long panel = -1;
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
      if (task / 1 != panel)
      s0_contraction_pack_right(right, begins_right, packed, column0, columns, group, depth);
      panel = task / 1;
      s0_contraction_pack_left(left, begins_left, tiles, row0, rows, group, depth);
      for (long r = 0, own; r < rows; r += own) {
        own = 6;
        {
          for (long k = 0; k < depth; k += 128) {
            s0_contraction_tile6x2(tiles + r * 43 + k, packed + k * 16, results + r * pitch, pitch, least(128, depth - k), k > 0);
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
