// k0

@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read_write> slab0: array<u32>;
var<workgroup> local_words: array<u32, 800>;

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
  let tile_row_ = begin / 5 % 4;
  let tx_ = thread % 16;
  let ty_ = thread / 16 % 16;
  let a0 = 16 * tile_row_;
  let a1 = 16 * tile_column_;
  var c0: f32 = 0f;
  for (var slab_ = 0; slab_ < 150; slab_ += 16) {
    for (var e_ = thread; e_ < 256; e_ += 256) {
      let step_ = e_ % 16;
      let index_ = e_ / 16 % 16;
      let a2 = a0 + index_;
      let a3 = slab_ + step_;
      var c1: f32 = 0f;
      if (a2 < 60) {
        let s_ = a2;
        let a4 = 150 * s_;
        if (a3 < 150) {
          let k_ = a3;
          let v19: f32 = bitcast<f32>(slab0[p0 + a4 + k_]);
          c1 = v19;
        }
      }
      local_words[17 * step_ + index_] = bitcast<u32>(c1);
    }
    for (var e__13 = thread; e__13 < 256; e__13 += 256) {
      let step__14 = e__13 / 16 % 16;
      let index__15 = e__13 % 16;
      let a5 = a1 + index__15;
      let a6 = slab_ + step__14;
      var c2: f32 = 0f;
      if (a5 < 70) {
        let s__16 = a5;
        if (a6 < 150) {
          let k__17 = a6;
          let v21: f32 = bitcast<f32>(slab0[p1 + s__16 + 70 * k__17]);
          c2 = v21;
        }
      }
      local_words[17 * step__14 + index__15 + 272] = bitcast<u32>(c2);
    }
    workgroupBarrier();
    for (var k__18 = 0; k__18 < 16; k__18++) {
      let v23: f32 = bitcast<f32>(local_words[17 * k__18 + ty_]);
      let v24: f32 = bitcast<f32>(local_words[17 * k__18 + tx_ + 272]);
      let v25: f32 = v23 * v24;
      c0 = c0 + v25;
    }
    workgroupBarrier();
  }
  local_words[544 + 16 * ty_ + tx_] = bitcast<u32>(c0);
  workgroupBarrier();
  for (var e__19 = thread; e__19 < 256; e__19 += 256) {
    let row_ = e__19 / 16 % 16;
    let column_ = e__19 % 16;
    let a7 = a0 + row_;
    let a8 = a1 + column_;
    if (a7 < 60) {
      let i_ = a7;
      let a9 = 70 * i_;
      if (a8 < 70) {
        let j_ = a8;
        let v27: f32 = bitcast<f32>(local_words[544 + e__19]);
        let v28: f32 = bitcast<f32>(slab0[p2 + j_]);
        let v29: f32 = v27 + v28;
        let v30: f32 = abs(v29);
        let v31: bool = v30 < v0;
        let v32: f32 = v29 * v29;
        let v33: f32 = v30 * v32;
        let v34: f32 = v1 * v32;
        let v35: f32 = v34 + v2;
        let v36: f32 = v35 * v32;
        let v37: f32 = v36 + v3;
        let v38: f32 = v37 * v32;
        let v39: f32 = v38 + v4;
        let v40: f32 = v39 * v32;
        let v41: f32 = v40 + v5;
        let v42: f32 = v33 * v41;
        let v43: f32 = v30 + v42;
        let v44: f32 = minimum_f32(v30, v8);
        let v45: f32 = v44 * v9;
        let v46: f32 = v45 + v10;
        let v47: i32 = bitcast<i32>(v46);
        let v48: i32 = v47 << (u32(v11) & 31u);
        let v49: f32 = bitcast<f32>(v48);
        let v50: f32 = v49 + v6;
        let v51: f32 = opaque(v46) - v10;
        let v52: f32 = v45 - opaque(v51);
        let v53: f32 = v12 * v52;
        let v54: f32 = v53 + v13;
        let v55: f32 = v54 * v52;
        let v56: f32 = v55 + v14;
        let v57: f32 = v56 * v52;
        let v58: f32 = v57 + v15;
        let v59: f32 = v58 * v52;
        let v60: f32 = v59 + v16;
        let v61: f32 = v60 * v52;
        let v62: f32 = v61 + v17;
        let v63: f32 = v52 * v62;
        let v64: f32 = v49 * v63;
        let v65: f32 = opaque(v50) + v64;
        let v66: f32 = v7 / v65;
        let v67: f32 = v6 - v66;
        let v68: f32 = select(v67, v43, v31);
        let v69: i32 = bitcast<i32>(v68);
        let v70: i32 = bitcast<i32>(v29);
        let v71: i32 = v70 & v18;
        let v72: i32 = v69 ^ v71;
        let v73: f32 = bitcast<f32>(v72);
        slab0[p3 + a9 + j_] = bitcast<u32>(v73);
      }
    }
  }
  workgroupBarrier();
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
