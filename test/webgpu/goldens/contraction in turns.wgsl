// k0

@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read_write> slab0: array<u32>;

// x; the compiler cannot know that either, and so not merge what gave x with what is done to it.
fn opaque(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ table[0]); }

fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

// Integers in the order of the numbers, -0 before 0.
fn ordinal(x: f32) -> i32 { let bits = bitcast<i32>(x); return bits ^ ((bits >> 31u) & 0x7fffffff); }

fn minimum_f32(a: f32, b: f32) -> f32 {
  if (is_nan(a)) { return a; }
  if (is_nan(b)) { return b; }
  return select(b, a, ordinal(a) < ordinal(b));
}

fn s0_contraction(begin: i32, end: i32, thread: i32, record: u32) {
  let p0 = i32(table[record + 3u]);
  let p1 = i32(table[record + 4u]);
  let p2 = i32(table[record + 5u]);
  let p3 = i32(table[record + 6u]);
  var own4: array<u32, 4>;
  let v0: f32 = 0.625f;
  let v1: f32 = -0.005700091831386089f;
  let v2: f32 = 0.02063411846756935f;
  let v3: f32 = -0.05373793840408325f;
  let v4: f32 = 0.13331416249275208f;
  let v5: f32 = -0.3333328068256378f;
  let v6: f32 = 1f;
  let v7: f32 = 2f;
  let v8: f32 = 10f;
  let v9: f32 = 2.885390043258667f;
  let v10: f32 = 12583039f;
  let v11: i32 = 23i;
  let v12: f32 = 0.00015241284563671798f;
  let v13: f32 = 0.001339130220003426f;
  let v14: f32 = 0.009618833661079407f;
  let v15: f32 = 0.055503588169813156f;
  let v16: f32 = 0.24022644758224487f;
  let v17: f32 = 0.6931471824645996f;
  let v18: i32 = i32(-2147483648);
  let tile_column_ = begin % 5;
  let tile_row_ = begin / 5 % 1;
  let tx_ = thread % 16;
  let ty_ = thread / 16 % 16;
  let a0 = 64 * tile_row_ + 4 * ty_;
  let a1 = 16 * tile_column_ + tx_;
  if (a0 < 60) {
    let row_ = a0;
    let a2 = 150 * row_;
    if (a1 < 70) {
      let column_ = a1;
      let i_ = min(row_ + 1, 59);
      let i__10 = min(row_ + 2, 59);
      let i__11 = min(row_ + 3, 59);
      let a3 = 150 * i_;
      let a4 = 150 * i__10;
      let a5 = 150 * i__11;
      var c0: f32 = 0f;
      var c1: f32 = 0f;
      var c2: f32 = 0f;
      var c3: f32 = 0f;
      {
        let end_k_ = 150;
        var k_ = 0;
        for (; k_ + 3 < end_k_; k_ += 4) {
          let a6 = column_ + 70 * k_;
          let a7 = a2 + k_;
          let a8 = a3 + k_;
          let a9 = a4 + k_;
          let a10 = a5 + k_;
          let v23: f32 = bitcast<f32>(slab0[p1 + a6]);
          let v24: f32 = bitcast<f32>(slab0[p0 + a7]);
          let v25: f32 = bitcast<f32>(slab0[p0 + a8]);
          let v26: f32 = bitcast<f32>(slab0[p0 + a9]);
          let v27: f32 = bitcast<f32>(slab0[p0 + a10]);
          let v28: f32 = v24 * v23;
          let v29: f32 = c0 + v28;
          let v30: f32 = v25 * v23;
          let v31: f32 = c1 + v30;
          let v32: f32 = v26 * v23;
          let v33: f32 = c2 + v32;
          let v34: f32 = v27 * v23;
          let v35: f32 = c3 + v34;
          let v36: f32 = bitcast<f32>(slab0[p1 + a6 + 70]);
          let v37: f32 = bitcast<f32>(slab0[p0 + a7 + 1]);
          let v38: f32 = bitcast<f32>(slab0[p0 + a8 + 1]);
          let v39: f32 = bitcast<f32>(slab0[p0 + a9 + 1]);
          let v40: f32 = bitcast<f32>(slab0[p0 + a10 + 1]);
          let v41: f32 = v37 * v36;
          let v42: f32 = v29 + v41;
          let v43: f32 = v38 * v36;
          let v44: f32 = v31 + v43;
          let v45: f32 = v39 * v36;
          let v46: f32 = v33 + v45;
          let v47: f32 = v40 * v36;
          let v48: f32 = v35 + v47;
          let v49: f32 = bitcast<f32>(slab0[p1 + a6 + 140]);
          let v50: f32 = bitcast<f32>(slab0[p0 + a7 + 2]);
          let v51: f32 = bitcast<f32>(slab0[p0 + a8 + 2]);
          let v52: f32 = bitcast<f32>(slab0[p0 + a9 + 2]);
          let v53: f32 = bitcast<f32>(slab0[p0 + a10 + 2]);
          let v54: f32 = v50 * v49;
          let v55: f32 = v42 + v54;
          let v56: f32 = v51 * v49;
          let v57: f32 = v44 + v56;
          let v58: f32 = v52 * v49;
          let v59: f32 = v46 + v58;
          let v60: f32 = v53 * v49;
          let v61: f32 = v48 + v60;
          let v62: f32 = bitcast<f32>(slab0[p1 + a6 + 210]);
          let v63: f32 = bitcast<f32>(slab0[p0 + a7 + 3]);
          let v64: f32 = bitcast<f32>(slab0[p0 + a8 + 3]);
          let v65: f32 = bitcast<f32>(slab0[p0 + a9 + 3]);
          let v66: f32 = bitcast<f32>(slab0[p0 + a10 + 3]);
          let v67: f32 = v63 * v62;
          let v68: f32 = v55 + v67;
          let v69: f32 = v64 * v62;
          let v70: f32 = v57 + v69;
          let v71: f32 = v65 * v62;
          let v72: f32 = v59 + v71;
          let v73: f32 = v66 * v62;
          let v74: f32 = v61 + v73;
          c0 = v68;
          c1 = v70;
          c2 = v72;
          c3 = v74;
        }
        for (; k_ < end_k_; k_++) {
          let v79: f32 = bitcast<f32>(slab0[p1 + column_ + 70 * k_]);
          let v80: f32 = bitcast<f32>(slab0[p0 + a2 + k_]);
          let v81: f32 = bitcast<f32>(slab0[p0 + a3 + k_]);
          let v82: f32 = bitcast<f32>(slab0[p0 + a4 + k_]);
          let v83: f32 = bitcast<f32>(slab0[p0 + a5 + k_]);
          let v84: f32 = v80 * v79;
          let v85: f32 = c0 + v84;
          let v86: f32 = v81 * v79;
          let v87: f32 = c1 + v86;
          let v88: f32 = v82 * v79;
          let v89: f32 = c2 + v88;
          let v90: f32 = v83 * v79;
          let v91: f32 = c3 + v90;
          c0 = v85;
          c1 = v87;
          c2 = v89;
          c3 = v91;
        }
      }
      own4[0] = bitcast<u32>(c0);
      own4[1] = bitcast<u32>(c1);
      own4[2] = bitcast<u32>(c2);
      own4[3] = bitcast<u32>(c3);
      for (var e_ = 0; e_ < 4; e_++) {
        let line_ = e_ % 4;
        let strip_ = e_ % 1;
        let a11 = row_ + line_;
        let a12 = column_ + 16 * strip_;
        if (a11 < 60) {
          let i__16 = a11;
          let a13 = 70 * i__16;
          if (a12 < 70) {
            let j_ = a12;
            let v96: f32 = bitcast<f32>(own4[e_]);
            let v97: f32 = bitcast<f32>(slab0[p2 + j_]);
            let v98: f32 = v96 + v97;
            let v99: f32 = abs(v98);
            let v100: bool = v99 < v0;
            let v101: f32 = v98 * v98;
            let v102: f32 = v99 * v101;
            let v103: f32 = v1 * v101;
            let v104: f32 = v103 + v2;
            let v105: f32 = v104 * v101;
            let v106: f32 = v105 + v3;
            let v107: f32 = v106 * v101;
            let v108: f32 = v107 + v4;
            let v109: f32 = v108 * v101;
            let v110: f32 = v109 + v5;
            let v111: f32 = v102 * v110;
            let v112: f32 = v99 + v111;
            let v113: f32 = minimum_f32(v99, v8);
            let v114: f32 = v113 * v9;
            let v115: f32 = v114 + v10;
            let v116: i32 = bitcast<i32>(v115);
            let v117: i32 = v116 << (u32(v11) & 31u);
            let v118: f32 = bitcast<f32>(v117);
            let v119: f32 = v118 + v6;
            let v120: f32 = opaque(v115) - v10;
            let v121: f32 = v114 - opaque(v120);
            let v122: f32 = v12 * v121;
            let v123: f32 = v122 + v13;
            let v124: f32 = v123 * v121;
            let v125: f32 = v124 + v14;
            let v126: f32 = v125 * v121;
            let v127: f32 = v126 + v15;
            let v128: f32 = v127 * v121;
            let v129: f32 = v128 + v16;
            let v130: f32 = v129 * v121;
            let v131: f32 = v130 + v17;
            let v132: f32 = v121 * v131;
            let v133: f32 = v118 * v132;
            let v134: f32 = opaque(v119) + v133;
            let v135: f32 = v7 / v134;
            let v136: f32 = v6 - v135;
            let v137: f32 = select(v136, v112, v100);
            let v138: i32 = bitcast<i32>(v137);
            let v139: i32 = bitcast<i32>(v98);
            let v140: i32 = v139 & v18;
            let v141: i32 = v138 ^ v140;
            let v142: f32 = bitcast<f32>(v141);
            slab0[p3 + a13 + j_] = bitcast<u32>(v142);
          }
        }
      }
    }
  }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let number = group.x + group.y * groups.x;
  if (number >= table[1]) { return; }
  let call = 0u;
  let record = table[4u + 2u * call];
  let grain = table[record + 2u];
  let begin = (number - table[3u + 2u * call]) * grain;
  let end = i32(min(begin + grain, table[record + 1u]));
  s0_contraction(i32(begin), end, i32(index), record);
}
