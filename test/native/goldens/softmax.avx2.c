// Calls maximum_f32, splat_f32, splat_i32, select_f32, maximum_vf32, minimum_vf32.

KERNEL s0_reduce(void *const *b, long begin, long end) {
  float *const p0 = b[0];
  float *const p1 = b[1];
  for (long i0 = begin; i0 < end; i0++) {
    f32v c0 = splat_f32((-__builtin_inff()));
    f32v c1 = splat_f32((-__builtin_inff()));
    const long end_r0 = 37;
    long r0 = 0;
    for (; r0 + 15 < end_r0; r0 += 16) {
      const f32v v0 = *(const f32u *)(p0 + 37 * i0 + r0);
      c0 = maximum_vf32(c0, v0);
      const f32v v1 = *(const f32u *)(p0 + 37 * i0 + r0 + 8);
      c1 = maximum_vf32(c1, v1);
    }
    for (; r0 + 4 < end_r0; r0 += 5) {
      const f32v v0 = (f32v){p0[37 * i0 + r0], p0[37 * i0 + r0 + 1], p0[37 * i0 + r0 + 2], p0[37 * i0 + r0 + 3], p0[37 * i0 + r0 + 4], 0.0f, 0.0f, 0.0f};
      c0 = select_f32((i32v){-1, -1, -1, -1, -1, 0, 0, 0}, maximum_vf32(c0, v0), c0);
    }
    const f32v v2 = c0;
    const f32v v3 = c1;
    const f32v v4 = maximum_vf32(v2, v3);
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
  const f32v v1 = splat_f32(v0);
  const float v2 = 89.0f;
  const f32v v3 = splat_f32(v2);
  const float v4 = 1.4426950216293335f;
  const f32v v5 = splat_f32(v4);
  const float v6 = 0.0f;
  const f32v v7 = splat_f32(v6);
  const float v8 = 12583103.0f;
  const f32v v9 = splat_f32(v8);
  const float v10 = 12582975.0f;
  const f32v v11 = splat_f32(v10);
  const float v12 = 0.693145751953125f;
  const f32v v13 = splat_f32(v12);
  const float v14 = 0.000001428606765330187f;
  const f32v v15 = splat_f32(v14);
  const float v16 = 0.0013782504247501493f;
  const f32v v17 = splat_f32(v16);
  const float v18 = 0.008368674665689468f;
  const f32v v19 = splat_f32(v18);
  const float v20 = 0.04166896268725395f;
  const f32v v21 = splat_f32(v20);
  const float v22 = 0.1666652113199234f;
  const f32v v23 = splat_f32(v22);
  const float v24 = 0.49999991059303284f;
  const f32v v25 = splat_f32(v24);
  const float v26 = 1.0f;
  const f32v v27 = splat_f32(v26);
  const int32_t v28 = 23;
  const i32v v29 = splat_i32(v28);
  const float v30 = 5.421010862427522e-20f;
  const f32v v31 = splat_f32(v30);
  const float v32 = 18446744073709552000.0f;
  const f32v v33 = splat_f32(v32);
  for (long i0 = begin; i0 < end; i0++) {
    const float v34 = p1[i0];
    const f32v v35 = splat_f32(v34);
    f32v c0 = splat_f32(0.0f);
    f32v c1 = splat_f32(0.0f);
    const long end_r0 = 37;
    long r0 = 0;
    for (; r0 + 15 < end_r0; r0 += 16) {
      const f32v v36 = *(const f32u *)(p0 + 37 * i0 + r0);
      const f32v v37 = v36 - v35;
      const f32v v38 = maximum_vf32(v37, v1);
      const f32v v39 = minimum_vf32(v38, v3);
      const f32v v40 = v39 * v5;
      const i32v v41 = v39 < v7;
      const f32v v42 = select_f32(v41, v9, v11);
      const f32v v43 = v40 + v42;
      const f32v v44 = v43 - v42;
      const f32v v45 = v44 * v13;
      const f32v v46 = v39 - v45;
      const f32v v47 = v44 * v15;
      const f32v v48 = v46 - v47;
      const f32v v49 = v48 * v48;
      const f32v v50 = v17 * v48;
      const f32v v51 = v50 + v19;
      const f32v v52 = v51 * v48;
      const f32v v53 = v52 + v21;
      const f32v v54 = v53 * v48;
      const f32v v55 = v54 + v23;
      const f32v v56 = v55 * v48;
      const f32v v57 = v56 + v25;
      const f32v v58 = v49 * v57;
      const f32v v59 = v48 + v58;
      const f32v v60 = v59 + v27;
      const i32v v61 = (i32v)v43;
      const i32v v62 = v61 << (v29 & 31);
      const f32v v63 = (f32v)v62;
      const f32v v64 = v60 * v63;
      const f32v v65 = select_f32(v41, v31, v33);
      const f32v v66 = v64 * v65;
      c0 = c0 + v66;
      *(f32u *)(p2 + 37 * i0 + r0) = v66;
      const f32v v67 = *(const f32u *)(p0 + 37 * i0 + r0 + 8);
      const f32v v68 = v67 - v35;
      const f32v v69 = maximum_vf32(v68, v1);
      const f32v v70 = minimum_vf32(v69, v3);
      const f32v v71 = v70 * v5;
      const i32v v72 = v70 < v7;
      const f32v v73 = select_f32(v72, v9, v11);
      const f32v v74 = v71 + v73;
      const f32v v75 = v74 - v73;
      const f32v v76 = v75 * v13;
      const f32v v77 = v70 - v76;
      const f32v v78 = v75 * v15;
      const f32v v79 = v77 - v78;
      const f32v v80 = v79 * v79;
      const f32v v81 = v17 * v79;
      const f32v v82 = v81 + v19;
      const f32v v83 = v82 * v79;
      const f32v v84 = v83 + v21;
      const f32v v85 = v84 * v79;
      const f32v v86 = v85 + v23;
      const f32v v87 = v86 * v79;
      const f32v v88 = v87 + v25;
      const f32v v89 = v80 * v88;
      const f32v v90 = v79 + v89;
      const f32v v91 = v90 + v27;
      const i32v v92 = (i32v)v74;
      const i32v v93 = v92 << (v29 & 31);
      const f32v v94 = (f32v)v93;
      const f32v v95 = v91 * v94;
      const f32v v96 = select_f32(v72, v31, v33);
      const f32v v97 = v95 * v96;
      c1 = c1 + v97;
      *(f32u *)(p2 + 37 * i0 + r0 + 8) = v97;
    }
    for (; r0 + 4 < end_r0; r0 += 5) {
      const f32v v36 = (f32v){p0[37 * i0 + r0], p0[37 * i0 + r0 + 1], p0[37 * i0 + r0 + 2], p0[37 * i0 + r0 + 3], p0[37 * i0 + r0 + 4], 0.0f, 0.0f, 0.0f};
      const f32v v37 = v36 - v35;
      const f32v v38 = maximum_vf32(v37, v1);
      const f32v v39 = minimum_vf32(v38, v3);
      const f32v v40 = v39 * v5;
      const i32v v41 = v39 < v7;
      const f32v v42 = select_f32(v41, v9, v11);
      const f32v v43 = v40 + v42;
      const f32v v44 = v43 - v42;
      const f32v v45 = v44 * v13;
      const f32v v46 = v39 - v45;
      const f32v v47 = v44 * v15;
      const f32v v48 = v46 - v47;
      const f32v v49 = v48 * v48;
      const f32v v50 = v17 * v48;
      const f32v v51 = v50 + v19;
      const f32v v52 = v51 * v48;
      const f32v v53 = v52 + v21;
      const f32v v54 = v53 * v48;
      const f32v v55 = v54 + v23;
      const f32v v56 = v55 * v48;
      const f32v v57 = v56 + v25;
      const f32v v58 = v49 * v57;
      const f32v v59 = v48 + v58;
      const f32v v60 = v59 + v27;
      const i32v v61 = (i32v)v43;
      const i32v v62 = v61 << (v29 & 31);
      const f32v v63 = (f32v)v62;
      const f32v v64 = v60 * v63;
      const f32v v65 = select_f32(v41, v31, v33);
      const f32v v66 = v64 * v65;
      c0 = select_f32((i32v){-1, -1, -1, -1, -1, 0, 0, 0}, c0 + v66, c0);
      p2[37 * i0 + r0] = v66[0];
      p2[37 * i0 + r0 + 1] = v66[1];
      p2[37 * i0 + r0 + 2] = v66[2];
      p2[37 * i0 + r0 + 3] = v66[3];
      p2[37 * i0 + r0 + 4] = v66[4];
    }
    const f32v v98 = c0;
    const f32v v99 = c1;
    const f32v v100 = v98 + v99;
    const float v101 = v100[0];
    const float v102 = v100[1];
    const float v103 = v100[2];
    const float v104 = v100[3];
    const float v105 = v100[4];
    const float v106 = v100[5];
    const float v107 = v100[6];
    const float v108 = v100[7];
    const float v109 = v101 + v105;
    const float v110 = v102 + v106;
    const float v111 = v103 + v107;
    const float v112 = v104 + v108;
    const float v113 = v109 + v111;
    const float v114 = v110 + v112;
    const float v115 = v113 + v114;
    p3[i0] = v115;
  }
}

KERNEL s2_map(void *const *b, long begin, long end) {
  float *const p0 = b[0];
  float *const p1 = b[1];
  float *const p2 = b[2];
  for (long i0 = begin; i0 < end; i0++) {
    const float v0 = p1[i0];
    const f32v v1 = splat_f32(v0);
    const long end_i1 = 37;
    long i1 = 0;
    for (; i1 + 15 < end_i1; i1 += 16) {
      const f32v v2 = *(const f32u *)(p0 + 37 * i0 + i1);
      const f32v v3 = v2 / v1;
      *(f32u *)(p2 + 37 * i0 + i1) = v3;
      const f32v v4 = *(const f32u *)(p0 + 37 * i0 + i1 + 8);
      const f32v v5 = v4 / v1;
      *(f32u *)(p2 + 37 * i0 + i1 + 8) = v5;
    }
    for (; i1 < end_i1; i1++) {
      const float v6 = p0[37 * i0 + i1];
      const float v7 = v6 / v0;
      p2[37 * i0 + i1] = v7;
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
