// Calls splat_f32_8, abs_vf32_8, sqrt_vf32_8.

KERNEL s0_map(void *const *b, long begin, long end) {
  float *const p0 = b[0];
  float *const p1 = b[1];
  float *const p2 = b[2];
  float *const p3 = b[3];
  float *const p4 = b[4];
  float *const p5 = b[5];
  float *const p6 = b[6];
  const float v0 = 0.949999988079071f;
  const f32v_8 v1 = splat_f32_8(v0);
  const float v2 = 0.05000000074505806f;
  const f32v_8 v3 = splat_f32_8(v2);
  const float v4 = 9.999999974752427e-7f;
  const f32v_8 v5 = splat_f32_8(v4);
  const long end_i0 = end;
  long i0 = begin;
  for (; i0 + 15 < end_i0; i0 += 16) {
    const f32v_8 v6 = *(const f32u_8 *)(p0 + i0);
    const f32v_8 v7 = abs_vf32_8(v6);
    const f32v_8 v8 = v7 * v1;
    const f32v_8 v9 = *(const f32u_8 *)(p1 + i0);
    const f32v_8 v10 = v9 * v3;
    const f32v_8 v11 = v10 * v9;
    const f32v_8 v12 = v8 + v11;
    const f32v_8 v13 = *(const f32u_8 *)(p3 + i0);
    const f32v_8 v14 = *(const f32u_8 *)(p4 + i0);
    const f32v_8 v15 = abs_vf32_8(v14);
    const f32v_8 v16 = v15 + v5;
    const f32v_8 v17 = v12 + v5;
    const f32v_8 v18 = v16 / v17;
    const f32v_8 v19 = sqrt_vf32_8(v18);
    const f32v_8 v20 = v19 * v9;
    const f32v_8 v21 = v13 - v20;
    const f32v_8 v22 = v14 * v1;
    const f32v_8 v23 = v20 * v3;
    const f32v_8 v24 = v23 * v20;
    const f32v_8 v25 = v22 + v24;
    *(f32u_8 *)(p2 + i0) = v12;
    *(f32u_8 *)(p5 + i0) = v21;
    *(f32u_8 *)(p6 + i0) = v25;
    const f32v_8 v26 = *(const f32u_8 *)(p0 + i0 + 8);
    const f32v_8 v27 = abs_vf32_8(v26);
    const f32v_8 v28 = v27 * v1;
    const f32v_8 v29 = *(const f32u_8 *)(p1 + i0 + 8);
    const f32v_8 v30 = v29 * v3;
    const f32v_8 v31 = v30 * v29;
    const f32v_8 v32 = v28 + v31;
    const f32v_8 v33 = *(const f32u_8 *)(p3 + i0 + 8);
    const f32v_8 v34 = *(const f32u_8 *)(p4 + i0 + 8);
    const f32v_8 v35 = abs_vf32_8(v34);
    const f32v_8 v36 = v35 + v5;
    const f32v_8 v37 = v32 + v5;
    const f32v_8 v38 = v36 / v37;
    const f32v_8 v39 = sqrt_vf32_8(v38);
    const f32v_8 v40 = v39 * v29;
    const f32v_8 v41 = v33 - v40;
    const f32v_8 v42 = v34 * v1;
    const f32v_8 v43 = v40 * v3;
    const f32v_8 v44 = v43 * v40;
    const f32v_8 v45 = v42 + v44;
    *(f32u_8 *)(p2 + i0 + 8) = v32;
    *(f32u_8 *)(p5 + i0 + 8) = v41;
    *(f32u_8 *)(p6 + i0 + 8) = v45;
  }
  for (; i0 + 7 < end_i0; i0 += 8) {
    const f32v_8 v6 = *(const f32u_8 *)(p0 + i0);
    const f32v_8 v7 = abs_vf32_8(v6);
    const f32v_8 v8 = v7 * v1;
    const f32v_8 v9 = *(const f32u_8 *)(p1 + i0);
    const f32v_8 v10 = v9 * v3;
    const f32v_8 v11 = v10 * v9;
    const f32v_8 v12 = v8 + v11;
    const f32v_8 v13 = *(const f32u_8 *)(p3 + i0);
    const f32v_8 v14 = *(const f32u_8 *)(p4 + i0);
    const f32v_8 v15 = abs_vf32_8(v14);
    const f32v_8 v16 = v15 + v5;
    const f32v_8 v17 = v12 + v5;
    const f32v_8 v18 = v16 / v17;
    const f32v_8 v19 = sqrt_vf32_8(v18);
    const f32v_8 v20 = v19 * v9;
    const f32v_8 v21 = v13 - v20;
    const f32v_8 v22 = v14 * v1;
    const f32v_8 v23 = v20 * v3;
    const f32v_8 v24 = v23 * v20;
    const f32v_8 v25 = v22 + v24;
    *(f32u_8 *)(p2 + i0) = v12;
    *(f32u_8 *)(p5 + i0) = v21;
    *(f32u_8 *)(p6 + i0) = v25;
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
