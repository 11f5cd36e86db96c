/** Tiles of contractions: any of them gives the same product; a search chooses one, which `inspect` tells. */
import { jit, type Tensor, tensor, zeros } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { WgslReflect } from 'wgsl_reflect';
import type { WebGpuBackend } from '../../backends/webgpu/backend.js';
import { modulesOf } from '../../backends/webgpu/plan.js';
import { SOFTWARE_TARGET, targetFor, WEBGPU_TARGET, WORKGROUPS } from '../../backends/webgpu/target.js';
import '../../backends/webgpu/webgpu.js';
import type { Graph } from '../../src/core/graph.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import { launchesOf } from '../../src/lower/program.js';
import { retile, tiledCodes } from '../../src/lower/retile.js';
import type { Target } from '../../src/lower/target.js';
import { defaultTile, shapeClass, tilesFor, tileText } from '../../src/lower/tiles.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import { noise } from '../support/arrays.js';
import { expectSameBits } from '../support/bits.js';
import { tracedGraph } from '../support/graphs.js';
import { casesOf } from '../support/runs.js';
import { runProgramAsync } from './run.js';
import { describeOnGpu, gpu, openCounted } from './support.js';

/** x·w with factors of 0s and ±1s, whose sums are exact in any order; `epilogue` has nodes after the sums. */
function product(
  m: number,
  k: number,
  n: number,
  epilogue: boolean,
): { graph: Graph; inputs: ReturnType<typeof noise>[] } {
  const whole = (shape: number[], seed: number): ReturnType<typeof noise> => {
    const { data, ...rest } = noise('f32', shape, seed);
    return { ...rest, data: Float32Array.from(data, (x) => Math.sign(Math.round(x))) };
  };
  const inputs = [whole([m, k], 1), whole([k, n], 2)];
  return { inputs, graph: tracedGraph(inputs, (x, w) => [epilogue ? x.matmul(w).add(1).relu() : x.matmul(w)]) };
}

describe('tiles', () => {
  const shapeOf = (m: number, k: number, n: number, epilogue = false): ReturnType<typeof tiledCodes>[number]['shape'] =>
    tiledCodes(compileGraph(product(m, k, n, epilogue).graph, WEBGPU_TARGET))[0]!.shape;

  test('the default is among those that are tried, and all fit in the memory of a group', () => {
    for (const shape of [shapeOf(2048, 64, 2048), shapeOf(100, 784, 500), shapeOf(20, 5, 2000, true)]) {
      const tiles = tilesFor(shape, WORKGROUPS);
      expect(tiles.map(tileText)).toContain(tileText(defaultTile(shape, WORKGROUPS)));
      expect(new Set(tiles.map(tileText)).size).toBe(tiles.length);
    }
  });

  test('a class of shapes is what lies between the same powers of two, with its layout', () => {
    expect(shapeClass(shapeOf(100, 784, 500))).toBe(shapeClass(shapeOf(128, 1000, 300)));
    const others = [shapeOf(100, 784, 500, true), shapeOf(100, 784, 513), shapeOf(65, 100, 500), shapeOf(64, 784, 500)];
    for (const other of others) expect(shapeClass(other)).not.toBe(shapeClass(shapeOf(100, 784, 500)));
  });

  test('every tile is WGSL within the limits of every device', () => {
    for (const epilogue of [false, true]) {
      const program = compileGraph(product(300, 40, 200, epilogue).graph, WEBGPU_TARGET);
      for (const tile of tilesFor(tiledCodes(program)[0]!.shape, WORKGROUPS)) {
        const [module] = modulesOf(retile(program, () => tile)).flat();
        expect(new WgslReflect(module).entry.compute.map((entry) => entry.name)).toEqual(['main']);
        const words = (pattern: RegExp, size: number): number => size * Number(pattern.exec(module!)?.[1] ?? 0);
        const bytes = words(/local_words: array<u32, (\d+)>/, 4) + words(/local_vectors: array<vec4<u32>, (\d+)>/, 16);
        expect(bytes, tileText(tile)).toBeLessThanOrEqual(16384);
        expect(bytes > 0, tileText(tile)).toBe(tile.depth > 0);
      }
    }
  });

  test('where threads take turns, all tiles are without shared memory, the default first', () => {
    const limits = { ...WORKGROUPS, enough: 8, inTurns: true };
    const plain = shapeOf(20, 5, 20);
    const text = (rows: number, steps: number, columns: number): string => {
      const shape = { ...plain, rows, steps, columns };
      const tiles = tilesFor(shape, limits);
      for (const { depth } of tiles) expect(depth).toBe(0);
      expect(defaultTile(shape, limits)).toBe(tiles[0]);
      return tileText(tiles[0]!);
    };
    expect(text(1024, 1024, 1024)).toBe('128 × 64, 8 × 4 a thread');
    expect(text(20, 30, 1000)).toBe('32 × 256, 8 × 4 a thread');
    expect(text(100, 300, 10)).toBe('16 × 16, 1 × 1 a thread');
  });

  test('where threads take turns, one has eight times the elements of a map', () => {
    const inputs = [noise('f32', [100000])];
    const graph = tracedGraph(inputs, (x) => [x.add(1)]);
    const grainOn = (target: Target): number => launchesOf(compileGraph(graph, target))[0]!.phases[0]![0]!.grid.grain;
    expect(grainOn(SOFTWARE_TARGET)).toBe(8 * grainOn(WEBGPU_TARGET));
  });

  test('what runs in turns is what calls itself so', () => {
    const info = { vendor: 'nvidia', architecture: 'ada', device: '', description: '' } as GPUAdapterInfo;
    expect(targetFor({ ...info, isFallbackAdapter: false })).toBe(WEBGPU_TARGET);
    expect(targetFor({ ...info, isFallbackAdapter: true })).toBe(SOFTWARE_TARGET);
    expect(targetFor({ ...info, description: 'llvmpipe (LLVM 15.0.6, 256 bits)' })).toBe(SOFTWARE_TARGET);
    // Some browsers do not say.
    const { isFallbackAdapter: _, ...older } = { ...info, architecture: 'swiftshader' };
    expect(targetFor(older as GPUAdapterInfo)).toBe(SOFTWARE_TARGET);
  });

  test('why a product has none', () => {
    const f = jit((x: Tensor, w: Tensor) => x.matmul(w));
    const untiled = (m: number, k: number, n: number): string | null =>
      f.inspectOn('webgpu', zeros([m, k]), zeros([k, n])).kernels[0]!.untiled;
    expect(untiled(1, 300, 100)).toBe('it has 1 row and 100 columns, and a tile takes more than 8 of both');
    expect(untiled(100, 300, 1)).toBe('it has 100 rows and 1 column, and a tile takes more than 8 of both');
    expect(untiled(100, 300, 100)).toBeNull();
    expect(f.inspectOn('webgpu', zeros([100, 30]), zeros([30, 100])).text()).toContain(
      'k0 multiplies by tiles of 16 × 16, 16 steps at a time (the default)',
    );
  });
});

describeOnGpu('tiles on the GPU', () => {
  // Of any size, on a product that is smaller than many of them and fills none.
  const program = compileGraph(product(300, 40, 200, true).graph, WEBGPU_TARGET);
  const tiles = tilesFor(tiledCodes(program)[0]!.shape, WORKGROUPS);
  test.each(
    casesOf(
      'tiles',
      tiles.map((tile) => [tileText(tile), tile] as const),
      3,
    ),
  )('%s', async (_, tile) => {
    const { graph, inputs } = product(70, 21, 45, true);
    const [got] = await runProgramAsync(
      gpu,
      retile(compileGraph(graph, WEBGPU_TARGET), () => tile),
      inputs,
    );
    expectSameBits(got!, evaluateGraph(graph, inputs)[0]!);
  });

  test('without shared memory: layouts, ends, and sums that begin anew', async () => {
    const tile = { height: 128, width: 64, depth: 0, rows: 8 };
    const cases: [number, number, number, (x: Tensor, w: Tensor) => Tensor][] = [
      [128, 16, 128, (x, w) => x.matmul(w)],
      [21, 70, 45, (x, w) => x.transpose().matmul(w.transpose()).relu()],
      [9, 5003, 10, (x, w) => x.matmul(w)],
    ];
    for (const [m, k, n, f] of cases) {
      const { inputs } = product(m, k, n, false);
      const [x, w] = inputs as [ReturnType<typeof noise>, ReturnType<typeof noise>];
      const given = m === 21 ? [x, { ...w, shape: [45, 21], data: w.data.slice(0, 45 * 21) }] : [x, w];
      const graph = tracedGraph(given, (a, b) => [f(a, b)]);
      const program = retile(compileGraph(graph, WEBGPU_TARGET), () => tile);
      expectSameBits((await runProgramAsync(gpu, program, given))[0]!, evaluateGraph(graph, given)[0]!, `${m} × ${k}`);
    }
  });

  test('a search finds one beside the steps; then nothing is made any more', async () => {
    const { backend, counts } = await openCounted({ tune: true });
    // Numbers of the host take part in this kernel and in another one.
    const f = jit((x: Tensor, w: Tensor, a: Tensor, b: Tensor) => [x.matmul(w).mul(a), x.sum().mul(b)] as const, {
      backend,
    });
    const { graph, inputs } = product(100, 110, 100, false);
    const [x, w] = inputs.map(({ data, shape }) => tensor(data, { shape })) as [Tensor, Tensor];
    const want = evaluateGraph(graph, inputs)[0]!;
    const run = async (): Promise<unknown> => {
      const [y, z] = f(x, w, 1, 2);
      const data = await y.data();
      for (const each of [y, z]) each.dispose();
      return data;
    };
    const tilesNow = (): string => f.inspect(x, w, 1, 2).kernels.find(({ tiles: own }) => own !== null)!.tiles!;
    expect(tilesNow()).toMatch(/\(the default\)$/);
    expect(await run()).toEqual(want.data);
    await backend.idle();
    expect(tilesNow()).toMatch(/\(the fastest of \d+ that were timed for f32 7 7 7 0 kn then more\)$/);
    const { usedBytes } = backend.memoryUsage;
    expect(await run()).toEqual(want.data);
    await backend.idle();
    const { pipelines, buffers } = counts;
    expect(await run()).toEqual(want.data);
    expect([counts.pipelines, counts.buffers]).toEqual([pipelines, buffers]);
    expect(backend.memoryUsage.usedBytes).toBeLessThanOrEqual(usedBytes);
    // Another device on this adapter knows it already; one that is not to tune takes the default.
    const other = await openCounted({ tune: true });
    const tilesOn = (backend: WebGpuBackend): string | null =>
      jit((a: Tensor, b: Tensor) => a.matmul(b).add(1), { backend }).inspect(x, w).kernels[0]!.tiles;
    expect(tilesOn(other.backend)).toBe(tilesNow());
    const untuned = await openCounted();
    expect(tilesOn(untuned.backend)).toMatch(/the default/);
    for (const each of [backend, other.backend, untuned.backend]) each.destroy();
  });

  test('kernels are timed by the clock of the device where it may be read', async () => {
    const f = jit((x: Tensor) => x.mul(2), { backend: gpu });
    const { kernels } = await f.profile(2, zeros([1000]));
    expect(kernels[0]!.medianMs).toBeGreaterThan(0);
    expect(gpu.timed).toBeDefined();
    expect(await gpu.timed!(() => undefined)).toBe(0);
  });
});
