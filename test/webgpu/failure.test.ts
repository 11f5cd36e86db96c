/** What goes wrong on a device: loss, destruction, no memory, a source that it refuses; and a process that ends by itself. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { createWebGpuBackend } from '../../backends/webgpu/backend.js';
import { webgpu } from '../../backends/webgpu/webgpu.js';
import { BackendUnavailableError, InternalError, OptionError, UnsupportedError } from '../../src/core/errors.js';
import { formOf, FunctionBuilder } from '../../src/lower/builder.js';
import { BEGIN, END, type LoopFunction } from '../../src/lower/loops.js';
import type { Backend, DeviceBuffer, Executable } from '../../src/runtime/backend.js';
import { jit, Module, TrainVar } from '../../src/index.js';
import { bundled } from '../support/processes.js';
import { programOf } from './loops.js';
import { describeOnGpu, gpu, openCounted, openDevice } from './support.js';

/** x ← x + 1. */
function increment(name = 'increment'): LoopFunction {
  const builder = new FunctionBuilder(['f32']);
  const one = builder.constant(1, 'f32');
  builder.loop('i', 'thread', formOf(BEGIN), formOf(END), (i) => {
    builder.store(0, formOf(i), builder.op('add', 'f32', 1, builder.load(0, formOf(i)), one));
  });
  return builder.finish(name);
}

interface Bound {
  readonly buffer: DeviceBuffer;
  readonly run: () => Promise<void>;
  readonly executable: Executable;
}
function bind(backend: Backend, code = increment(), size = 1000): Bound {
  const operands = [{ dtype: 'f32' as const, data: new Float32Array(size) }];
  const program = programOf(code, operands, size, 256);
  const executable = backend.compile(backend.emit(program));
  const buffer = backend.allocate('f32', size, 'variable');
  return { buffer, executable, run: async () => backend.run(executable, [buffer]) };
}

describeOnGpu('failure', () => {
  test('a lost device rejects what was under way and refuses what comes', async () => {
    const { backend, device } = await openCounted();
    const { buffer, run, executable } = bind(backend);
    await run();
    const running = run();
    const reading = Promise.resolve(backend.read(buffer));
    device.destroy();
    await expect(running).rejects.toThrow(/DEVICE_LOST/);
    await expect(reading).rejects.toThrow(BackendUnavailableError);
    await expect(run()).rejects.toThrow(/DEVICE_LOST/);
    await expect(Promise.resolve().then(async () => backend.read(buffer))).rejects.toThrow(/DEVICE_LOST/);
    expect(() => backend.allocate('f32', 1, 'input')).toThrow(/DEVICE_LOST/);
    expect(() => backend.write(buffer, new Float32Array(1000))).toThrow(/DEVICE_LOST/);
    backend.free(buffer);
    backend.release!(executable);
  });
  test('destroy ends the device; what comes after says so', async () => {
    const { backend } = await openCounted();
    const { buffer, run } = bind(backend);
    await run();
    const running = run();
    backend.destroy();
    await expect(running).rejects.toThrow(/DEVICE_DESTROYED/);
    await expect(run()).rejects.toThrow(/DEVICE_DESTROYED: this WebGPU backend was destroyed/);
    expect(() => backend.allocate('f32', 1, 'input')).toThrow(BackendUnavailableError);
    backend.free(buffer);
    backend.destroy();
  });
  test('two backends are independent of each other', async () => {
    const [first, second] = await Promise.all([openCounted(), openCounted()]);
    const [a, b] = [bind(first.backend), bind(second.backend)];
    await Promise.all([a.run(), b.run()]);
    first.backend.destroy();
    await b.run();
    expect((await second.backend.read(b.buffer))[999]).toBe(2);
    await expect(async () => second.backend.run(b.executable, [a.buffer])).rejects.toThrow(InternalError);
    second.backend.destroy();
  });
  test('model.gpu() and cuda() take the device that is open: its programs read what they moved', async () => {
    const held = { a: new TrainVar([1, 2]), b: new TrainVar([3, 4]) };
    class Holder extends Module {
      constructor(readonly w: TrainVar) {
        super();
      }
    }
    await Promise.all([new Holder(held.a).gpu(), new Holder(held.b).cuda()]);
    const sum = jit(() => held.a.value.add(held.b.value), { backend: gpu });
    expect(Array.from(await sum().data())).toEqual([4, 6]);
  });
  test('a source that the device refuses is an InternalError that names the kernel', async () => {
    const { backend } = await openCounted();
    const { run } = bind(backend, increment('fn'));
    const error: unknown = await run().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InternalError);
    expect(String(error)).toMatch(/the kernel k0/);
    // Neither what waited behind it nor what comes later is taken for done.
    const both = await Promise.allSettled([run(), run()]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(backend.isUsable).toBe(true);
    backend.destroy();
  });
  test('no memory for a slab: the run that needs it rejects, and later ones work', async () => {
    const device = await openDevice();
    let isFull = false;
    const scopes: string[] = [];
    const small = new Proxy(device, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (key === 'pushErrorScope') scopes.push(args[0] as string);
          if (key === 'popErrorScope' && scopes.pop() === 'out-of-memory' && isFull) {
            void Reflect.apply(value, target, args);
            return Promise.resolve({ message: 'no memory' });
          }
          return Reflect.apply(value, target, args);
        };
      },
    });
    const backend = createWebGpuBackend(small, 'small', { firstSlab: 4096 });
    isFull = true;
    const { run } = bind(backend);
    isFull = false;
    await expect(run()).rejects.toThrow(UnsupportedError);
    expect(backend.memoryUsage.slabs).toBe(0);
    const again = bind(backend);
    await again.run();
    expect((await backend.read(again.buffer))[0]).toBe(1);
    backend.destroy();
  });
  test('a run that follows another without waiting sees what that wrote', async () => {
    const { backend } = await openCounted();
    const { buffer, run } = bind(backend);
    // More than may be under way at once.
    const runs = Array.from({ length: 700 }, run);
    expect((await backend.read(buffer))[7]).toBe(700);
    await Promise.all(runs);
    backend.destroy();
  });
});

describeOnGpu('opening', () => {
  test('options that are none', async () => {
    await expect(webgpu({ powerPreferences: 'low-power' } as never)).rejects.toThrow(OptionError);
    await expect(webgpu({ powerPreference: 'fast' as never })).rejects.toThrow(OptionError);
  });
  test('on a device that is open', async () => {
    const backend = await webgpu({ device: await openDevice() });
    expect(backend.adapter).not.toBe('');
    expect(backend.synchronous).toBe(false);
    backend.destroy();
  });
  const script = bundled(`import './test/webgpu/exits.js';`);
  test('a finished process ends by itself', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8', timeout: 120_000 });
    expect(stderr).toBe('');
    expect(stdout).toBe('1\n');
    expect(status).toBe(0);
  });
});
