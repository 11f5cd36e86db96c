/** `compare`: differences, the first differing node, times, on a snapshot. */
import { expect, test } from 'vitest';
import { jsBackend } from '../../backends/js/backend.js';
import {
  Adadelta,
  type Backend,
  compare,
  jit,
  meanSquaredError,
  Module,
  random,
  tensor,
  type Tensor,
  TrainVar,
  UnsupportedError,
  valueAndGrad,
  Variable,
} from '../../src/index.js';
import { differenceOf } from '../../src/runtime/difference.js';
import { asynchronous, tampered } from '../support/tampered.js';

class Layer extends Module {
  weight = new TrainVar(random.normal(random.key(3), [4, 3]));
  call(x: Tensor): Tensor {
    return x.matmul(this.weight.value).tanh();
  }
}
class Network extends Module {
  encoder = new Layer();
  call(x: Tensor): Tensor {
    return this.encoder.call(x).square().add(1).sqrt();
  }
}

function training(): { model: Network; step: (...args: [Tensor, Tensor]) => Tensor; args: [Tensor, Tensor] } {
  const model = new Network();
  const opt = new Adadelta({ lr: 1, trainVars: model.trainVars() });
  const step = jit(
    (x: Tensor, y: Tensor) => {
      const [loss, grads] = valueAndGrad(() => meanSquaredError(model.call(x), y), { vars: opt.varsToTrain })();
      opt.update(grads);
      return loss;
    },
    { name: 'step' },
  );
  const args: [Tensor, Tensor] = [random.normal(random.key(1), [5, 4]), random.normal(random.key(2), [5, 3])];
  return { model, step, args };
}

test('the CPU backends give the same bits; every field is there; state and stats stay as they were', async () => {
  const { model, step, args } = training();
  step(...args);
  const jitted = step as unknown as { stats: object };
  const stats = { ...jitted.stats };
  const weight = model.encoder.weight.value.dataSync();
  const comparison = await compare(step, args);
  expect(comparison.backends.map(({ name }) => name)).toEqual(['reference', 'js', 'wasm']);
  for (const row of comparison.backends) {
    expect(row.error).toBeUndefined();
    expect(row.where).toMatch(/^\d+ threads?$/);
    expect(row.firstMs).toBeGreaterThan(0);
    expect(row.medianMs).toBeGreaterThan(0);
    expect(row.launches).toBeGreaterThan(0);
    expect(row.bytesMoved).toBeGreaterThan(0);
    expect(row.maxUlp).toBe(0);
    expect(row.firstDiffering).toBeNull();
    expect(row.outputs.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['result', expect.stringMatching(/weight$/), expect.stringMatching(/weight_delta$/)]),
    );
    for (const { maxAbs, maxRel, maxUlp } of row.outputs) expect([maxAbs, maxRel, maxUlp]).toEqual([0, 0, 0]);
  }
  expect(jitted.stats).toEqual(stats);
  expect(model.encoder.weight.value.dataSync()).toEqual(weight);
});

test('a function that was never called, plain or jitted, is compared too, and counts nowhere', async () => {
  const f = jit((x: Tensor, n: Tensor) => x.mul(n).exp());
  expect((await compare(f, [tensor([1, 2]), 0.5])).backends.map(({ maxUlp }) => maxUlp)).toEqual([0, 0, 0]);
  expect(f.stats).toEqual({ traces: 0, compiles: 0, calls: 0 });
  const plain = await compare((x: Tensor) => ({ double: x.mul(2) }), [tensor([1, 2])], { backends: ['js'] });
  expect(plain.backends[0]!.outputs).toEqual([{ path: 'result.double', maxAbs: 0, maxRel: 0, maxUlp: 0 }]);
});

test('what parts is measured in ulp and named: op, module path, line; tolerance is its bound', async () => {
  const { step, args } = training();
  const broken = tampered('broken', 'fround(sqrt(', 'fround(1.000001 * sqrt(');
  const comparison = await compare(step, args, { backends: ['reference', broken, 'wasm'] });
  const [reference, row, wasm] = comparison.backends;
  expect([reference!.maxUlp, wasm!.maxUlp]).toEqual([0, 0]);
  expect(row!.maxUlp).toBeGreaterThan(0);
  expect(row!.firstDiffering).toMatchObject({ op: 'sqrt', path: '' });
  expect(row!.firstDiffering!.location).toMatch(/^compare\.test\.ts:\d+$/);
  expect(row!.firstDiffering!.ulp).toBeGreaterThan(4);
  expect(String(comparison)).toMatch(/broken parts from reference first at sqrt \(compare\.test\.ts:\d+\), by \d+ ulp/);

  const inLayer = tampered('broken', /(const v\d+ = fround\()(v\d+ \+ v\d+)/g, '$11.00001 * ($2)');
  const other = await compare(step, args, { backends: ['js', inLayer] });
  expect(other.backends[1]!.firstDiffering).toMatchObject({ op: 'tanh', path: 'encoder' });
  const bounded = await compare(step, args, { backends: ['js', inLayer], tolerance: 1e9 });
  expect(bounded.backends[1]!.maxUlp).toBeGreaterThan(0);
  expect(bounded.backends[1]!.firstDiffering).toBeNull();
});

test('a fault that only fused nodes show is found among the ancestors of the output', async () => {
  const wrong = tampered('fused', /(const v\d+ = fround\()(v\d+ \* v\d+)/g, '$11.5 * ($2)');
  // Right where nodes are outputs.
  const broken: Backend = {
    ...wrong,
    emit: (program) => (program.outputs.length === 1 ? wrong : jsBackend).emit(program),
  };
  const f = (x: Tensor): Tensor => x.add(1).mul(x).mul(x.add(2)).sub(1);
  const { backends } = await compare(f, [tensor([1, 2, 3])], { backends: ['js', broken] });
  expect(backends[1]!.firstDiffering).toMatchObject({ op: 'mul' });
});

test('a backend that cannot run is a row with an error; the next one is the yardstick', async () => {
  const dead: Backend = {
    ...jsBackend,
    name: 'dead',
    compile() {
      throw new UnsupportedError('NO_DEVICE', 'there is none', 'Buy one.');
    },
  };
  const comparison = await compare((x: Tensor) => x.mul(2), [tensor([1])], {
    backends: [dead, 'js', 'webgpu' as 'js'],
  });
  const [row, js, gpu] = comparison.backends;
  expect(row).toMatchObject({ name: 'dead', outputs: [], firstDiffering: null });
  expect(row!.error).toContain('NO_DEVICE: there is none');
  expect(js!.maxUlp).toBe(0);
  expect(gpu!.error).toContain('webgpu');
  expect(String(comparison)).toContain('did not run');
  expect(String(comparison)).toContain('differences from js');
});

test('a backend whose reading and running take time is waited for', async () => {
  const f = (x: Tensor): Tensor => x.mul(3);
  const { backends } = await compare(f, [tensor([1, 2])], { backends: ['js', asynchronous('slow')] });
  expect(backends[1]).toMatchObject({ name: 'slow', maxUlp: 0 });
});

test('forms: JSON with a version, a table, a chart', async () => {
  const comparison = await compare((x: Tensor) => x.mul(2), [tensor([1])], { repeats: 1 });
  const json = JSON.parse(JSON.stringify(comparison)) as ReturnType<typeof comparison.toJSON>;
  expect(json.version).toBe(1);
  expect(json.backends).toHaveLength(3);
  const [head, empty, columns, ...rows] = String(comparison).split('\n');
  expect(head).toContain('differences from reference, tolerance 0 ulp');
  expect(empty).toBe('');
  expect(columns!.split(/ {2,}/)).toEqual([
    'backend',
    'where',
    'first ms',
    'median ms',
    'launches',
    'moved',
    'max abs',
    'max rel',
    'max ulp',
  ]);
  expect(rows).toHaveLength(3);
  const svg = comparison.toSVG();
  expect(svg).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  for (const name of ['reference', 'js', 'wasm']) expect(svg).toContain(`>${name}</text>`);
  expect(svg).toContain('median time of a call, logarithmic axis</text>');
});

test.each<[object, RegExp]>([
  [{ backend: 'js' }, /UNKNOWN_OPTION: .*Did you mean backends/],
  [{ backends: [] }, /OPTION_RANGE/],
  [{ backends: ['opencl'] }, /UNKNOWN_BACKEND/],
  [{ tolerance: -1 }, /OPTION_RANGE: compare got tolerance = -1/],
  [{ bisect: 'yes' }, /OPTION_RANGE/],
  [{ repeats: 0 }, /OPTION_RANGE: compare got repeats = 0/],
])('the options %j are refused', async (options, message) => {
  await expect(compare((x: Tensor) => x, [tensor([1])], options)).rejects.toThrow(message);
});

test('arguments are an array; donated ones stay usable', async () => {
  await expect(compare((x: Tensor) => x, tensor([1]) as never)).rejects.toThrow(/ARGUMENTS/);
  const f = jit((x: Tensor) => x.mul(2), { donate: [0] });
  const x = tensor([1, 2]);
  expect((await compare(f, [x])).backends.map(({ maxUlp }) => maxUlp)).toEqual([0, 0, 0]);
  expect(x.arraySync()).toEqual([1, 2]);
});

test('what is compared is what was there at the call', async () => {
  const w = new Variable([1, 2]);
  const running = compare(() => w.value.log(), [], { backends: ['js', 'wasm'] });
  w.value = tensor([-1, -1]);
  const [, wasm] = (await running).backends;
  expect(wasm!.maxUlp).toBe(0);
});

test('distances count representable numbers; −0 is next to 0, NaN far from all but NaN', () => {
  const f32 = (want: number, got: number): number =>
    differenceOf('f32', Float32Array.of(want), Float32Array.of(got)).maxUlp;
  expect(f32(1, 1 + 2 ** -23)).toBe(1);
  expect(f32(1, 1 - 2 ** -24)).toBe(1);
  expect(f32(0, -0)).toBe(1);
  expect(f32(2 ** -149, -(2 ** -149))).toBe(3);
  expect(f32(Infinity, (2 - 2 ** -23) * 2 ** 127)).toBe(1);
  expect(f32(NaN, NaN)).toBe(0);
  expect(f32(NaN, 1)).toBe(Infinity);
  expect(differenceOf('f64', Float64Array.of(1), Float64Array.of(1 + 2 ** -52)).maxUlp).toBe(1);
  expect(differenceOf('i32', Int32Array.of(3, 5), Int32Array.of(3, 9))).toEqual({
    maxAbs: 4,
    maxRel: 4 / 5,
    maxUlp: 4,
    index: 1,
  });
});
