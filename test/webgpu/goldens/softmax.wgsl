// k0

@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read_write> slab0: array<u32>;
var<workgroup> local_words: array<u32, 256>;

// A value that no constant expression may have: the compiler cannot know it.
fn real(bits: u32) -> f32 { return bitcast<f32>(bits ^ table[0]); }

fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

// Integers in the order of the numbers, -0 before 0.
fn ordinal(x: f32) -> i32 { let bits = bitcast<i32>(x); return bits ^ ((bits >> 31u) & 0x7fffffff); }

fn maximum_f32(a: f32, b: f32) -> f32 {
  if (is_nan(a)) { return a; }
  if (is_nan(b)) { return b; }
  return select(b, a, ordinal(a) > ordinal(b));
}

fn s0_reduce(begin: i32, end: i32, thread: i32, record: u32) {
  let p0 = i32(table[record + 3u]);
  let p1 = i32(table[record + 4u]);
  var c0: f32 = real(0xff800000u);
  let column_ = thread % 16;
  let part_ = thread / 16 % 16;
  for (var o_ = begin + column_; o_ < end; o_ += 16) {
    let a0 = 37 * o_;
    for (var r_ = part_; r_ < 37; r_ += 16) {
      let v0: f32 = bitcast<f32>(slab0[p0 + a0 + r_]);
      c0 = maximum_f32(c0, v0);
    }
  }
  local_words[thread] = bitcast<u32>(c0);
  workgroupBarrier();
  for (var t_ = thread; t_ < 128; t_ += 256) {
    let v2: f32 = bitcast<f32>(local_words[t_ + 128]);
    c0 = maximum_f32(c0, v2);
    local_words[t_] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__8 = thread; t__8 < 64; t__8 += 256) {
    let v4: f32 = bitcast<f32>(local_words[t__8 + 64]);
    c0 = maximum_f32(c0, v4);
    local_words[t__8] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__9 = thread; t__9 < 32; t__9 += 256) {
    let v6: f32 = bitcast<f32>(local_words[t__9 + 32]);
    c0 = maximum_f32(c0, v6);
    local_words[t__9] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__10 = thread; t__10 < 16; t__10 += 256) {
    let v8: f32 = bitcast<f32>(local_words[t__10 + 16]);
    c0 = maximum_f32(c0, v8);
    local_words[t__10] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var o__11 = begin + thread; o__11 < end; o__11 += 256) {
    let v10: f32 = bitcast<f32>(local_words[o__11 - begin]);
    slab0[p1 + o__11] = bitcast<u32>(v10);
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
  s0_reduce(i32(begin), end, i32(index), record);
}

// k1

@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read_write> slab0: array<u32>;
var<workgroup> local_words: array<u32, 256>;

// x; the compiler cannot know that either, and so not merge what gave x with what is done to it.
fn opaque(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ table[0]); }

fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

// Integers in the order of the numbers, -0 before 0.
fn ordinal(x: f32) -> i32 { let bits = bitcast<i32>(x); return bits ^ ((bits >> 31u) & 0x7fffffff); }

fn maximum_f32(a: f32, b: f32) -> f32 {
  if (is_nan(a)) { return a; }
  if (is_nan(b)) { return b; }
  return select(b, a, ordinal(a) > ordinal(b));
}

fn minimum_f32(a: f32, b: f32) -> f32 {
  if (is_nan(a)) { return a; }
  if (is_nan(b)) { return b; }
  return select(b, a, ordinal(a) < ordinal(b));
}

fn s1_reduce(begin: i32, end: i32, thread: i32, record: u32) {
  let p0 = i32(table[record + 3u]);
  let p1 = i32(table[record + 4u]);
  let p2 = i32(table[record + 5u]);
  let p3 = i32(table[record + 6u]);
  let v0: f32 = -104f;
  let v1: f32 = 89f;
  let v2: f32 = 1.4426950216293335f;
  let v3: f32 = 12583166f;
  let v4: f32 = 0.693145751953125f;
  let v5: f32 = 0.000001428606765330187f;
  let v6: f32 = 0.0013782504247501493f;
  let v7: f32 = 0.008368674665689468f;
  let v8: f32 = 0.04166896268725395f;
  let v9: f32 = 0.1666652113199234f;
  let v10: f32 = 0.49999991059303284f;
  let v11: f32 = 1f;
  let v12: i32 = 1i;
  let v13: i32 = 23i;
  var c0: f32 = 0f;
  let column_ = thread % 16;
  let part_ = thread / 16 % 16;
  for (var o_ = begin + column_; o_ < end; o_ += 16) {
    let a0 = 37 * o_;
    let v14: f32 = bitcast<f32>(slab0[p1 + o_]);
    for (var r_ = part_; r_ < 37; r_ += 16) {
      let a1 = a0 + r_;
      let v15: f32 = bitcast<f32>(slab0[p0 + a1]);
      let v16: f32 = v15 - v14;
      let v17: f32 = maximum_f32(v16, v0);
      let v18: f32 = minimum_f32(v17, v1);
      let v19: f32 = v18 * v2;
      let v20: f32 = v19 + v3;
      let v21: f32 = opaque(v20) - v3;
      let v22: f32 = v21 * v4;
      let v23: f32 = v18 - v22;
      let v24: f32 = v21 * v5;
      let v25: f32 = v23 - v24;
      let v26: f32 = v25 * v25;
      let v27: f32 = v6 * v25;
      let v28: f32 = v27 + v7;
      let v29: f32 = v28 * v25;
      let v30: f32 = v29 + v8;
      let v31: f32 = v30 * v25;
      let v32: f32 = v31 + v9;
      let v33: f32 = v32 * v25;
      let v34: f32 = v33 + v10;
      let v35: f32 = v26 * v34;
      let v36: f32 = v25 + v35;
      let v37: f32 = v36 + v11;
      let v38: i32 = bitcast<i32>(v20);
      let v39: i32 = v38 >> (u32(v12) & 31u);
      let v40: i32 = v39 << (u32(v13) & 31u);
      let v41: f32 = bitcast<f32>(v40);
      let v42: f32 = v37 * v41;
      let v43: i32 = v38 - v39;
      let v44: i32 = v43 << (u32(v13) & 31u);
      let v45: f32 = bitcast<f32>(v44);
      let v46: f32 = v42 * v45;
      c0 = c0 + v46;
      slab0[p2 + a1] = bitcast<u32>(v46);
    }
  }
  local_words[thread] = bitcast<u32>(c0);
  workgroupBarrier();
  for (var t_ = thread; t_ < 128; t_ += 256) {
    let v48: f32 = bitcast<f32>(local_words[t_ + 128]);
    c0 = c0 + v48;
    local_words[t_] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__8 = thread; t__8 < 64; t__8 += 256) {
    let v50: f32 = bitcast<f32>(local_words[t__8 + 64]);
    c0 = c0 + v50;
    local_words[t__8] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__9 = thread; t__9 < 32; t__9 += 256) {
    let v52: f32 = bitcast<f32>(local_words[t__9 + 32]);
    c0 = c0 + v52;
    local_words[t__9] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__10 = thread; t__10 < 16; t__10 += 256) {
    let v54: f32 = bitcast<f32>(local_words[t__10 + 16]);
    c0 = c0 + v54;
    local_words[t__10] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var o__11 = begin + thread; o__11 < end; o__11 += 256) {
    let v14: f32 = bitcast<f32>(slab0[p1 + o__11]);
    let v56: f32 = bitcast<f32>(local_words[o__11 - begin]);
    slab0[p3 + o__11] = bitcast<u32>(v56);
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
  s1_reduce(i32(begin), end, i32(index), record);
}

// k2

@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read_write> slab0: array<u32>;

fn s2_map(begin: i32, end: i32, thread: i32, record: u32) {
  let p0 = i32(table[record + 3u]);
  let p1 = i32(table[record + 4u]);
  let p2 = i32(table[record + 5u]);
  for (var i_ = begin + thread; i_ < end; i_ += 256) {
    let i1 = i_ % 37;
    let i0 = i_ / 37 % 3;
    let a0 = 37 * i0 + i1;
    let v0: f32 = bitcast<f32>(slab0[p0 + a0]);
    let v1: f32 = bitcast<f32>(slab0[p1 + i0]);
    let v2: f32 = v0 / v1;
    slab0[p2 + a0] = bitcast<u32>(v2);
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
  s2_map(i32(begin), end, i32(index), record);
}
