// k0

@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read_write> slab0: array<u32>;
var<workgroup> local_words: array<u32, 256>;

fn s0_reduce_blocks(begin: i32, end: i32, thread: i32, record: u32) {
  let p0 = i32(table[record + 3u]);
  let p2 = i32(table[record + 5u]);
  let group_ = begin % 1;
  let block_ = begin % 73;
  var c0: f32 = 0f;
  let part_ = thread % 256;
  let a0 = -group_;
  if (group_ < 1) {
    let o_ = group_;
    {
      let end_r_ = min(4110 * block_ + 4110, 300000);
      var r_ = 4110 * block_ + part_;
      for (; r_ < end_r_; r_ += 256) {
        let v0: f32 = bitcast<f32>(slab0[p0 + r_]);
        c0 = c0 + v0;
      }
    }
  }
  local_words[thread] = bitcast<u32>(c0);
  workgroupBarrier();
  for (var t_ = thread; t_ < 128; t_ += 256) {
    let v2: f32 = bitcast<f32>(local_words[t_ + 128]);
    c0 = c0 + v2;
    local_words[t_] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__9 = thread; t__9 < 64; t__9 += 256) {
    let v4: f32 = bitcast<f32>(local_words[t__9 + 64]);
    c0 = c0 + v4;
    local_words[t__9] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__10 = thread; t__10 < 32; t__10 += 256) {
    let v6: f32 = bitcast<f32>(local_words[t__10 + 32]);
    c0 = c0 + v6;
    local_words[t__10] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__11 = thread; t__11 < 16; t__11 += 256) {
    let v8: f32 = bitcast<f32>(local_words[t__11 + 16]);
    c0 = c0 + v8;
    local_words[t__11] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__12 = thread; t__12 < 8; t__12 += 256) {
    let v10: f32 = bitcast<f32>(local_words[t__12 + 8]);
    c0 = c0 + v10;
    local_words[t__12] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__13 = thread; t__13 < 4; t__13 += 256) {
    let v12: f32 = bitcast<f32>(local_words[t__13 + 4]);
    c0 = c0 + v12;
    local_words[t__13] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__14 = thread; t__14 < 2; t__14 += 256) {
    let v14: f32 = bitcast<f32>(local_words[t__14 + 2]);
    c0 = c0 + v14;
    local_words[t__14] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__15 = thread; t__15 < 1; t__15 += 256) {
    let v16: f32 = bitcast<f32>(local_words[t__15 + 1]);
    c0 = c0 + v16;
    local_words[t__15] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  {
    let end_o__16 = min(group_ + 1, 1);
    var from_o__16 = group_;
    for (var o__16 = from_o__16 + thread; o__16 < end_o__16; o__16 += 256) {
      let v18: f32 = bitcast<f32>(local_words[a0 + o__16]);
      slab0[p2 + 73 * o__16 + block_] = bitcast<u32>(v18);
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
  s0_reduce_blocks(i32(begin), end, i32(index), record);
}

@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read_write> slab0: array<u32>;
var<workgroup> local_words: array<u32, 256>;

fn s0_reduce_join(begin: i32, end: i32, thread: i32, record: u32) {
  let p1 = i32(table[record + 4u]);
  let p2 = i32(table[record + 5u]);
  var c0: f32 = 0f;
  let column_ = thread % 4;
  let part_ = thread / 4 % 64;
  for (var o_ = begin + column_; o_ < end; o_ += 4) {
    let a0 = 73 * o_;
    for (var block_ = part_; block_ < 73; block_ += 64) {
      let v0: f32 = bitcast<f32>(slab0[p2 + a0 + block_]);
      c0 = c0 + v0;
    }
  }
  local_words[thread] = bitcast<u32>(c0);
  workgroupBarrier();
  for (var t_ = thread; t_ < 128; t_ += 256) {
    let v2: f32 = bitcast<f32>(local_words[t_ + 128]);
    c0 = c0 + v2;
    local_words[t_] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__8 = thread; t__8 < 64; t__8 += 256) {
    let v4: f32 = bitcast<f32>(local_words[t__8 + 64]);
    c0 = c0 + v4;
    local_words[t__8] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__9 = thread; t__9 < 32; t__9 += 256) {
    let v6: f32 = bitcast<f32>(local_words[t__9 + 32]);
    c0 = c0 + v6;
    local_words[t__9] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__10 = thread; t__10 < 16; t__10 += 256) {
    let v8: f32 = bitcast<f32>(local_words[t__10 + 16]);
    c0 = c0 + v8;
    local_words[t__10] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__11 = thread; t__11 < 8; t__11 += 256) {
    let v10: f32 = bitcast<f32>(local_words[t__11 + 8]);
    c0 = c0 + v10;
    local_words[t__11] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var t__12 = thread; t__12 < 4; t__12 += 256) {
    let v12: f32 = bitcast<f32>(local_words[t__12 + 4]);
    c0 = c0 + v12;
    local_words[t__12] = bitcast<u32>(c0);
  }
  workgroupBarrier();
  for (var o__13 = begin + thread; o__13 < end; o__13 += 256) {
    let v14: f32 = bitcast<f32>(local_words[o__13 - begin]);
    slab0[p1] = bitcast<u32>(v14);
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
  s0_reduce_join(i32(begin), end, i32(index), record);
}
