// k0

@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read_write> slab0: array<vec4<u32>>;

// A value that no constant expression may have: the compiler cannot know it.
fn real(bits: u32) -> f32 { return bitcast<f32>(bits ^ table[0]); }

fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

// C's fmod: the significand of a, shifted left by the difference of the exponents, modulo that of b, eight bits at a time.
fn remainder_f32(a: f32, b: f32) -> f32 {
  let sign = bitcast<u32>(a) & 0x80000000u;
  let x = bitcast<u32>(a) & 0x7fffffffu;
  let y = bitcast<u32>(b) & 0x7fffffffu;
  if (y == 0u || x >= 0x7f800000u || y > 0x7f800000u) { return real(0x7fc00000u); }
  if (x < y) { return a; }
  let exponent = max(y >> 23u, 1u);
  var shift = max(x >> 23u, 1u) - exponent;
  let divisor = (y & 0x7fffffu) | select(0u, 0x800000u, (y >> 23u) > 0u);
  var rest = ((x & 0x7fffffu) | select(0u, 0x800000u, (x >> 23u) > 0u)) % divisor;
  while (shift > 0u) {
    let bits = min(shift, 8u);
    rest = (rest << bits) % divisor;
    shift -= bits;
  }
  if (rest == 0u) { return bitcast<f32>(sign); }
  let up = min(countLeadingZeros(rest) - 8u, exponent - 1u);
  let significand = rest << up;
  return bitcast<f32>(sign | select(significand, significand + ((exponent - up - 1u) << 23u), significand >= 0x800000u));
}

fn s0_map(begin: i32, end: i32, thread: i32, record: u32) {
  let p0 = i32(table[record + 3u]);
  let p1 = i32(table[record + 4u]);
  let v0: f32 = 1f;
  for (var i_ = begin + 4 * thread; i_ < end; i_ += 1024) {
    let v1: vec4<f32> = bitcast<vec4<f32>>(slab0[(p0 + i_) >> 2u]);
    let v2: f32 = v1[0];
    let v3: f32 = v1[1];
    let v4: f32 = v1[2];
    let v5: f32 = v1[3];
    let v6: f32 = v2 + v0;
    let v7: f32 = v3 + v0;
    let v8: f32 = v4 + v0;
    let v9: f32 = v5 + v0;
    let v10: vec4<f32> = vec4<f32>(v6, v7, v8, v9);
    slab0[(p1 + i_) >> 2u] = bitcast<vec4<u32>>(v10);
  }
}

fn s1_map(begin: i32, end: i32, thread: i32, record: u32) {
  let p0 = i32(table[record + 3u]);
  let p1 = i32(table[record + 4u]);
  let p2 = i32(table[record + 5u]);
  for (var i_ = begin + 4 * thread; i_ < end; i_ += 1024) {
    let v0: vec4<f32> = bitcast<vec4<f32>>(slab0[(p0 + i_) >> 2u]);
    let v1: f32 = v0[0];
    let v2: f32 = v0[1];
    let v3: f32 = v0[2];
    let v4: f32 = v0[3];
    let v5: vec4<f32> = bitcast<vec4<f32>>(slab0[(p1 + i_) >> 2u]);
    let v6: f32 = v5[0];
    let v7: f32 = v5[1];
    let v8: f32 = v5[2];
    let v9: f32 = v5[3];
    let v10: f32 = remainder_f32(v1, v6);
    let v11: bool = is_nan(v10);
    let v12: f32 = remainder_f32(v2, v7);
    let v13: bool = is_nan(v12);
    let v14: f32 = remainder_f32(v3, v8);
    let v15: bool = is_nan(v14);
    let v16: f32 = remainder_f32(v4, v9);
    let v17: bool = is_nan(v16);
    let v18: vec4<bool> = vec4<bool>(v11, v13, v15, v17);
    slab0[(p2 + i_) >> 2u] = vec4<u32>(v18);
  }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let number = group.x + group.y * groups.x;
  if (number >= table[1]) { return; }
  var call = 0u;
  var above = table[2];
  while (above - call > 1u) {
    let middle = (call + above) / 2u;
    if (table[3u + 2u * middle] <= number) { call = middle; } else { above = middle; }
  }
  let record = table[4u + 2u * call];
  let grain = table[record + 2u];
  let begin = (number - table[3u + 2u * call]) * grain;
  let end = i32(min(begin + grain, table[record + 1u]));
  switch table[record] {
    case 0u: { s0_map(i32(begin), end, i32(index), record); }
    default: { s1_map(i32(begin), end, i32(index), record); }
  }
}
