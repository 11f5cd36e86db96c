// Calls maximum_f32, splat_f32_8, splat_i32_8, select_f32_8, maximum_vf32_8, minimum_vf32_8, splat_f32_4.

KERNEL s0_reduce(void *const *b, long begin, long end) {
  float *const p0 = b[0];
  float *const p1 = b[1];
  for (long i0 = begin; i0 < end; i0++) {
    f32v_8 c0 = splat_f32_8((-__builtin_inff()));
    f32v_8 c1 = splat_f32_8((-__builtin_inff()));
    const long end_r0 = 37;
    long r0 = 0;
    for (; r0 + 15 < end_r0; r0 += 16) {
      const f32v_8 v0 = *(const f32u_8 *)(p0 + 37 * i0 + r0);
      c0 = maximum_vf32_8(c0, v0);
      const f32v_8 v1 = *(const f32u_8 *)(p0 + 37 * i0 + r0 + 8);
      c1 = maximum_vf32_8(c1, v1);
    }
    for (; r0 + 4 < end_r0; r0 += 5) {
      const f32v_8 v0 = (f32v_8){p0[37 * i0 + r0], p0[37 * i0 + r0 + 1], p0[37 * i0 + r0 + 2], p0[37 * i0 + r0 + 3], p0[37 * i0 + r0 + 4], 0.0f, 0.0f, 0.0f};
      c0 = select_f32_8((i32v_8){-1, -1, -1, -1, -1, 0, 0, 0}, maximum_vf32_8(c0, v0), c0);
    }
    const f32v_8 v2 = c0;
    const f32v_8 v3 = c1;
    const f32v_8 v4 = maximum_vf32_8(v2, v3);
    const float v5 = v4[0];
    const float v6 = v4[1];
    const float v7 = v4[2];
    const float v8 = v4[3];
    const float v9 = v4[4];
    const float v10 = v4[5];
    const float v11 = v4[6];
    const float v12 = v4[7];
    const float v13 = maximum_f32(v5, v9);
    const float v14 = maximum_f32(v6, v10);
    const float v15 = maximum_f32(v7, v11);
    const float v16 = maximum_f32(v8, v12);
    const float v17 = maximum_f32(v13, v15);
    const float v18 = maximum_f32(v14, v16);
    const float v19 = maximum_f32(v17, v18);
    p1[i0] = v19;
  }
}

KERNEL s1_reduce(void *const *b, long begin, long end) {
  float *const p0 = b[0];
  float *const p1 = b[1];
  float *const p2 = b[2];
  float *const p3 = b[3];
  const float v0 = (-104.0f);
  const f32v_8 v1 = splat_f32_8(v0);
  const float v2 = 89.0f;
  const f32v_8 v3 = splat_f32_8(v2);
  const float v4 = 1.4426950216293335f;
  const f32v_8 v5 = splat_f32_8(v4);
  const float v6 = 12583166.0f;
  const f32v_8 v7 = splat_f32_8(v6);
  const float v8 = 0.693145751953125f;
  const f32v_8 v9 = splat_f32_8(v8);
  const float v10 = 0.000001428606765330187f;
  const f32v_8 v11 = splat_f32_8(v10);
  const float v12 = 0.0013782504247501493f;
  const f32v_8 v13 = splat_f32_8(v12);
  const float v14 = 0.008368674665689468f;
  const f32v_8 v15 = splat_f32_8(v14);
  const float v16 = 0.04166896268725395f;
  const f32v_8 v17 = splat_f32_8(v16);
  const float v18 = 0.1666652113199234f;
  const f32v_8 v19 = splat_f32_8(v18);
  const float v20 = 0.49999991059303284f;
  const f32v_8 v21 = splat_f32_8(v20);
  const float v22 = 1.0f;
  const f32v_8 v23 = splat_f32_8(v22);
  const int32_t v24 = 1;
  const i32v_8 v25 = splat_i32_8(v24);
  const int32_t v26 = 23;
  const i32v_8 v27 = splat_i32_8(v26);
  for (long i0 = begin; i0 < end; i0++) {
    const float v28 = p1[i0];
    const f32v_8 v29 = splat_f32_8(v28);
    f32v_8 c0 = splat_f32_8(0.0f);
    f32v_8 c1 = splat_f32_8(0.0f);
    const long end_r0 = 37;
    long r0 = 0;
    for (; r0 + 15 < end_r0; r0 += 16) {
      const f32v_8 v30 = *(const f32u_8 *)(p0 + 37 * i0 + r0);
      const f32v_8 v31 = v30 - v29;
      const f32v_8 v32 = maximum_vf32_8(v31, v1);
      const f32v_8 v33 = minimum_vf32_8(v32, v3);
      const f32v_8 v34 = v33 * v5;
      const f32v_8 v35 = v34 + v7;
      const f32v_8 v36 = v35 - v7;
      const f32v_8 v37 = v36 * v9;
      const f32v_8 v38 = v33 - v37;
      const f32v_8 v39 = v36 * v11;
      const f32v_8 v40 = v38 - v39;
      const f32v_8 v41 = v40 * v40;
      const f32v_8 v42 = v13 * v40;
      const f32v_8 v43 = v42 + v15;
      const f32v_8 v44 = v43 * v40;
      const f32v_8 v45 = v44 + v17;
      const f32v_8 v46 = v45 * v40;
      const f32v_8 v47 = v46 + v19;
      const f32v_8 v48 = v47 * v40;
      const f32v_8 v49 = v48 + v21;
      const f32v_8 v50 = v41 * v49;
      const f32v_8 v51 = v40 + v50;
      const f32v_8 v52 = v51 + v23;
      const i32v_8 v53 = (i32v_8)v35;
      const i32v_8 v54 = v53 >> (v25 & 31);
      const i32v_8 v55 = v54 << (v27 & 31);
      const f32v_8 v56 = (f32v_8)v55;
      const f32v_8 v57 = v52 * v56;
      const i32v_8 v58 = v53 - v54;
      const i32v_8 v59 = v58 << (v27 & 31);
      const f32v_8 v60 = (f32v_8)v59;
      const f32v_8 v61 = v57 * v60;
      c0 = c0 + v61;
      *(f32u_8 *)(p2 + 37 * i0 + r0) = v61;
      const f32v_8 v62 = *(const f32u_8 *)(p0 + 37 * i0 + r0 + 8);
      const f32v_8 v63 = v62 - v29;
      const f32v_8 v64 = maximum_vf32_8(v63, v1);
      const f32v_8 v65 = minimum_vf32_8(v64, v3);
      const f32v_8 v66 = v65 * v5;
      const f32v_8 v67 = v66 + v7;
      const f32v_8 v68 = v67 - v7;
      const f32v_8 v69 = v68 * v9;
      const f32v_8 v70 = v65 - v69;
      const f32v_8 v71 = v68 * v11;
      const f32v_8 v72 = v70 - v71;
      const f32v_8 v73 = v72 * v72;
      const f32v_8 v74 = v13 * v72;
      const f32v_8 v75 = v74 + v15;
      const f32v_8 v76 = v75 * v72;
      const f32v_8 v77 = v76 + v17;
      const f32v_8 v78 = v77 * v72;
      const f32v_8 v79 = v78 + v19;
      const f32v_8 v80 = v79 * v72;
      const f32v_8 v81 = v80 + v21;
      const f32v_8 v82 = v73 * v81;
      const f32v_8 v83 = v72 + v82;
      const f32v_8 v84 = v83 + v23;
      const i32v_8 v85 = (i32v_8)v67;
      const i32v_8 v86 = v85 >> (v25 & 31);
      const i32v_8 v87 = v86 << (v27 & 31);
      const f32v_8 v88 = (f32v_8)v87;
      const f32v_8 v89 = v84 * v88;
      const i32v_8 v90 = v85 - v86;
      const i32v_8 v91 = v90 << (v27 & 31);
      const f32v_8 v92 = (f32v_8)v91;
      const f32v_8 v93 = v89 * v92;
      c1 = c1 + v93;
      *(f32u_8 *)(p2 + 37 * i0 + r0 + 8) = v93;
    }
    for (; r0 + 4 < end_r0; r0 += 5) {
      const f32v_8 v30 = (f32v_8){p0[37 * i0 + r0], p0[37 * i0 + r0 + 1], p0[37 * i0 + r0 + 2], p0[37 * i0 + r0 + 3], p0[37 * i0 + r0 + 4], 0.0f, 0.0f, 0.0f};
      const f32v_8 v31 = v30 - v29;
      const f32v_8 v32 = maximum_vf32_8(v31, v1);
      const f32v_8 v33 = minimum_vf32_8(v32, v3);
      const f32v_8 v34 = v33 * v5;
      const f32v_8 v35 = v34 + v7;
      const f32v_8 v36 = v35 - v7;
      const f32v_8 v37 = v36 * v9;
      const f32v_8 v38 = v33 - v37;
      const f32v_8 v39 = v36 * v11;
      const f32v_8 v40 = v38 - v39;
      const f32v_8 v41 = v40 * v40;
      const f32v_8 v42 = v13 * v40;
      const f32v_8 v43 = v42 + v15;
      const f32v_8 v44 = v43 * v40;
      const f32v_8 v45 = v44 + v17;
      const f32v_8 v46 = v45 * v40;
      const f32v_8 v47 = v46 + v19;
      const f32v_8 v48 = v47 * v40;
      const f32v_8 v49 = v48 + v21;
      const f32v_8 v50 = v41 * v49;
      const f32v_8 v51 = v40 + v50;
      const f32v_8 v52 = v51 + v23;
      const i32v_8 v53 = (i32v_8)v35;
      const i32v_8 v54 = v53 >> (v25 & 31);
      const i32v_8 v55 = v54 << (v27 & 31);
      const f32v_8 v56 = (f32v_8)v55;
      const f32v_8 v57 = v52 * v56;
      const i32v_8 v58 = v53 - v54;
      const i32v_8 v59 = v58 << (v27 & 31);
      const f32v_8 v60 = (f32v_8)v59;
      const f32v_8 v61 = v57 * v60;
      c0 = select_f32_8((i32v_8){-1, -1, -1, -1, -1, 0, 0, 0}, c0 + v61, c0);
      p2[37 * i0 + r0] = v61[0];
      p2[37 * i0 + r0 + 1] = v61[1];
      p2[37 * i0 + r0 + 2] = v61[2];
      p2[37 * i0 + r0 + 3] = v61[3];
      p2[37 * i0 + r0 + 4] = v61[4];
    }
    const f32v_8 v94 = c0;
    const f32v_8 v95 = c1;
    const f32v_8 v96 = v94 + v95;
    const float v97 = v96[0];
    const float v98 = v96[1];
    const float v99 = v96[2];
    const float v100 = v96[3];
    const float v101 = v96[4];
    const float v102 = v96[5];
    const float v103 = v96[6];
    const float v104 = v96[7];
    const float v105 = v97 + v101;
    const float v106 = v98 + v102;
    const float v107 = v99 + v103;
    const float v108 = v100 + v104;
    const float v109 = v105 + v107;
    const float v110 = v106 + v108;
    const float v111 = v109 + v110;
    p3[i0] = v111;
  }
}

KERNEL s2_map(void *const *b, long begin, long end) {
  float *const p0 = b[0];
  float *const p1 = b[1];
  float *const p2 = b[2];
  for (long i0 = begin; i0 < end; i0++) {
    const float v0 = p1[i0];
    const f32v_8 v1 = splat_f32_8(v0);
    const f32v_4 v2 = splat_f32_4(v0);
    const long end_i1 = 37;
    long i1 = 0;
    for (; i1 + 15 < end_i1; i1 += 16) {
      const f32v_8 v3 = *(const f32u_8 *)(p0 + 37 * i0 + i1);
      const f32v_8 v4 = v3 / v1;
      *(f32u_8 *)(p2 + 37 * i0 + i1) = v4;
      const f32v_8 v5 = *(const f32u_8 *)(p0 + 37 * i0 + i1 + 8);
      const f32v_8 v6 = v5 / v1;
      *(f32u_8 *)(p2 + 37 * i0 + i1 + 8) = v6;
    }
    for (; i1 + 3 < end_i1; i1 += 4) {
      const f32v_4 v7 = *(const f32u_4 *)(p0 + 37 * i0 + i1);
      const f32v_4 v8 = v7 / v2;
      *(f32u_4 *)(p2 + 37 * i0 + i1) = v8;
    }
    for (; i1 < end_i1; i1++) {
      const float v9 = p0[37 * i0 + i1];
      const float v10 = v9 / v0;
      p2[37 * i0 + i1] = v10;
    }
  }
}

ENTRY lazuli_run(void *const *b, struct pool *pool) {
  // k0
  s0_reduce(b + 0, 0, 3);
  // k1
  s1_reduce(b + 2, 0, 3);
  // k2
  s2_map(b + 6, 0, 3);
}
