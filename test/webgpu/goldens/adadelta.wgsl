// k0

@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read_write> slab0: array<vec4<u32>>;

// x; the compiler cannot know that either, and so not merge what gave x with what is done to it.
fn opaque(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ table[0]); }

fn s0_map(begin: i32, end: i32, thread: i32, record: u32) {
  let p0 = i32(table[record + 3u]);
  let p1 = i32(table[record + 4u]);
  let p2 = i32(table[record + 5u]);
  let p3 = i32(table[record + 6u]);
  let p4 = i32(table[record + 7u]);
  let p5 = i32(table[record + 8u]);
  let p6 = i32(table[record + 9u]);
  let v0: f32 = 0.949999988079071f;
  let v1: f32 = 0.05000000074505806f;
  let v2: f32 = 9.999999974752427e-7f;
  for (var i_ = begin + 4 * thread; i_ < end; i_ += 1024) {
    let v3: vec4<f32> = bitcast<vec4<f32>>(slab0[(p0 + i_) >> 2u]);
    let v4: f32 = v3[0];
    let v5: f32 = v3[1];
    let v6: f32 = v3[2];
    let v7: f32 = v3[3];
    let v8: vec4<f32> = bitcast<vec4<f32>>(slab0[(p1 + i_) >> 2u]);
    let v9: f32 = v8[0];
    let v10: f32 = v8[1];
    let v11: f32 = v8[2];
    let v12: f32 = v8[3];
    let v13: vec4<f32> = bitcast<vec4<f32>>(slab0[(p3 + i_) >> 2u]);
    let v14: f32 = v13[0];
    let v15: f32 = v13[1];
    let v16: f32 = v13[2];
    let v17: f32 = v13[3];
    let v18: vec4<f32> = bitcast<vec4<f32>>(slab0[(p4 + i_) >> 2u]);
    let v19: f32 = v18[0];
    let v20: f32 = v18[1];
    let v21: f32 = v18[2];
    let v22: f32 = v18[3];
    let v23: f32 = v4 * v0;
    let v24: f32 = v9 * v1;
    let v25: f32 = opaque(v24) * v9;
    let v26: f32 = v23 + v25;
    let v27: f32 = v19 + v2;
    let v28: f32 = v26 + v2;
    let v29: f32 = v27 / v28;
    let v30: f32 = sqrt(v29);
    let v31: f32 = v30 * v9;
    let v32: f32 = v14 - v31;
    let v33: f32 = v19 * v0;
    let v34: f32 = v31 * v1;
    let v35: f32 = opaque(v34) * v31;
    let v36: f32 = v33 + v35;
    let v37: f32 = v5 * v0;
    let v38: f32 = v10 * v1;
    let v39: f32 = opaque(v38) * v10;
    let v40: f32 = v37 + v39;
    let v41: f32 = v20 + v2;
    let v42: f32 = v40 + v2;
    let v43: f32 = v41 / v42;
    let v44: f32 = sqrt(v43);
    let v45: f32 = v44 * v10;
    let v46: f32 = v15 - v45;
    let v47: f32 = v20 * v0;
    let v48: f32 = v45 * v1;
    let v49: f32 = opaque(v48) * v45;
    let v50: f32 = v47 + v49;
    let v51: f32 = v6 * v0;
    let v52: f32 = v11 * v1;
    let v53: f32 = opaque(v52) * v11;
    let v54: f32 = v51 + v53;
    let v55: f32 = v21 + v2;
    let v56: f32 = v54 + v2;
    let v57: f32 = v55 / v56;
    let v58: f32 = sqrt(v57);
    let v59: f32 = v58 * v11;
    let v60: f32 = v16 - v59;
    let v61: f32 = v21 * v0;
    let v62: f32 = v59 * v1;
    let v63: f32 = opaque(v62) * v59;
    let v64: f32 = v61 + v63;
    let v65: f32 = v7 * v0;
    let v66: f32 = v12 * v1;
    let v67: f32 = opaque(v66) * v12;
    let v68: f32 = v65 + v67;
    let v69: f32 = v22 + v2;
    let v70: f32 = v68 + v2;
    let v71: f32 = v69 / v70;
    let v72: f32 = sqrt(v71);
    let v73: f32 = v72 * v12;
    let v74: f32 = v17 - v73;
    let v75: f32 = v22 * v0;
    let v76: f32 = v73 * v1;
    let v77: f32 = opaque(v76) * v73;
    let v78: f32 = v75 + v77;
    let v79: vec4<f32> = vec4<f32>(v26, v40, v54, v68);
    slab0[(p2 + i_) >> 2u] = bitcast<vec4<u32>>(v79);
    let v80: vec4<f32> = vec4<f32>(v32, v46, v60, v74);
    slab0[(p5 + i_) >> 2u] = bitcast<vec4<u32>>(v80);
    let v81: vec4<f32> = vec4<f32>(v36, v50, v64, v78);
    slab0[(p6 + i_) >> 2u] = bitcast<vec4<u32>>(v81);
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
  s0_map(i32(begin), end, i32(index), record);
}
