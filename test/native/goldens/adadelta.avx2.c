// Calls splat_f32, abs_vf32, sqrt_vf32.

KERNEL s0_map(void *const *b, long begin, long end) {
  float *const p0 = b[0];
  float *const p1 = b[1];
  float *const p2 = b[2];
  float *const p3 = b[3];
  float *const p4 = b[4];
  float *const p5 = b[5];
  float *const p6 = b[6];
  const float v0 = 0.949999988079071f;
  const f32v v1 = splat_f32(v0);
  const float v2 = 0.05000000074505806f;
  const f32v v3 = splat_f32(v2);
  const float v4 = 9.999999974752427e-7f;
  const f32v v5 = splat_f32(v4);
  const long end_i0 = end;
  long i0 = begin;
  for (; i0 + 15 < end_i0; i0 += 16) {
    const f32v v6 = *(const f32u *)(p0 + i0);
    const f32v v7 = abs_vf32(v6);
    const f32v v8 = v7 * v1;
    const f32v v9 = *(const f32u *)(p1 + i0);
    const f32v v10 = v9 * v3;
    const f32v v11 = v10 * v9;
    const f32v v12 = v8 + v11;
    const f32v v13 = *(const f32u *)(p3 + i0);
    const f32v v14 = *(const f32u *)(p4 + i0);
    const f32v v15 = abs_vf32(v14);
    const f32v v16 = v15 + v5;
    const f32v v17 = v12 + v5;
    const f32v v18 = v16 / v17;
    const f32v v19 = sqrt_vf32(v18);
    const f32v v20 = v19 * v9;
    const f32v v21 = v13 - v20;
    const f32v v22 = v14 * v1;
    const f32v v23 = v20 * v3;
    const f32v v24 = v23 * v20;
    const f32v v25 = v22 + v24;
    *(f32u *)(p2 + i0) = v12;
    *(f32u *)(p5 + i0) = v21;
    *(f32u *)(p6 + i0) = v25;
    const f32v v26 = *(const f32u *)(p0 + i0 + 8);
    const f32v v27 = abs_vf32(v26);
    const f32v v28 = v27 * v1;
    const f32v v29 = *(const f32u *)(p1 + i0 + 8);
    const f32v v30 = v29 * v3;
    const f32v v31 = v30 * v29;
    const f32v v32 = v28 + v31;
    const f32v v33 = *(const f32u *)(p3 + i0 + 8);
    const f32v v34 = *(const f32u *)(p4 + i0 + 8);
    const f32v v35 = abs_vf32(v34);
    const f32v v36 = v35 + v5;
    const f32v v37 = v32 + v5;
    const f32v v38 = v36 / v37;
    const f32v v39 = sqrt_vf32(v38);
    const f32v v40 = v39 * v29;
    const f32v v41 = v33 - v40;
    const f32v v42 = v34 * v1;
    const f32v v43 = v40 * v3;
    const f32v v44 = v43 * v40;
    const f32v v45 = v42 + v44;
    *(f32u *)(p2 + i0 + 8) = v32;
    *(f32u *)(p5 + i0 + 8) = v41;
    *(f32u *)(p6 + i0 + 8) = v45;
  }
  for (; i0 + 7 < end_i0; i0 += 8) {
    const f32v v6 = *(const f32u *)(p0 + i0);
    const f32v v7 = abs_vf32(v6);
    const f32v v8 = v7 * v1;
    const f32v v9 = *(const f32u *)(p1 + i0);
    const f32v v10 = v9 * v3;
    const f32v v11 = v10 * v9;
    const f32v v12 = v8 + v11;
    const f32v v13 = *(const f32u *)(p3 + i0);
    const f32v v14 = *(const f32u *)(p4 + i0);
    const f32v v15 = abs_vf32(v14);
    const f32v v16 = v15 + v5;
    const f32v v17 = v12 + v5;
    const f32v v18 = v16 / v17;
    const f32v v19 = sqrt_vf32(v18);
    const f32v v20 = v19 * v9;
    const f32v v21 = v13 - v20;
    const f32v v22 = v14 * v1;
    const f32v v23 = v20 * v3;
    const f32v v24 = v23 * v20;
    const f32v v25 = v22 + v24;
    *(f32u *)(p2 + i0) = v12;
    *(f32u *)(p5 + i0) = v21;
    *(f32u *)(p6 + i0) = v25;
  }
  for (; i0 < end_i0; i0++) {
    const float v46 = p0[i0];
    const float v47 = __builtin_fabsf(v46);
    const float v48 = v47 * v0;
    const float v49 = p1[i0];
    const float v50 = v49 * v2;
    const float v51 = v50 * v49;
    const float v52 = v48 + v51;
    const float v53 = p3[i0];
    const float v54 = p4[i0];
    const float v55 = __builtin_fabsf(v54);
    const float v56 = v55 + v4;
    const float v57 = v52 + v4;
    const float v58 = v56 / v57;
    const float v59 = __builtin_sqrtf(v58);
    const float v60 = v59 * v49;
    const float v61 = v53 - v60;
    const float v62 = v54 * v0;
    const float v63 = v60 * v2;
    const float v64 = v63 * v60;
    const float v65 = v62 + v64;
    p2[i0] = v52;
    p5[i0] = v61;
    p6[i0] = v65;
  }
}

ENTRY lazuli_run(void *const *b, struct pool *pool) {
  // k0
  s0_map(b + 0, 0, 37);
}
