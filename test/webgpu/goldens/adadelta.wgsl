// k0

@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read_write> slab0: array<u32>;

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
  for (var i_ = begin + thread; i_ < end; i_ += 256) {
    let v3: f32 = bitcast<f32>(slab0[p0 + i_]);
    let v4: f32 = v3 * v0;
    let v5: f32 = bitcast<f32>(slab0[p1 + i_]);
    let v6: f32 = v5 * v1;
    let v7: f32 = opaque(v6) * v5;
    let v8: f32 = v4 + v7;
    let v9: f32 = bitcast<f32>(slab0[p3 + i_]);
    let v10: f32 = bitcast<f32>(slab0[p4 + i_]);
    let v11: f32 = v10 + v2;
    let v12: f32 = v8 + v2;
    let v13: f32 = v11 / v12;
    let v14: f32 = sqrt(v13);
    let v15: f32 = v14 * v5;
    let v16: f32 = v9 - v15;
    let v17: f32 = v10 * v0;
    let v18: f32 = v15 * v1;
    let v19: f32 = opaque(v18) * v15;
    let v20: f32 = v17 + v19;
    slab0[p2 + i_] = bitcast<u32>(v8);
    slab0[p5 + i_] = bitcast<u32>(v16);
    slab0[p6 + i_] = bitcast<u32>(v20);
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
