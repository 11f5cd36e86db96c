/** The entry `lazuli/webgpu`: opens a GPU, in a page, a worker or Node. */
import { BackendUnavailableError, OptionError } from '../../src/core/errors.js';
import { checkOptions, describeValue } from '../../src/core/options.js';
import { registerDevice, registerEmitter } from '../../src/runtime/registry.js';
import { createWebGpuBackend, emitProgram, type WebGpuBackend } from './backend.js';
import { WEBGPU_TARGET } from './target.js';
import { tilesOf } from './tuner.js';

export type { WebGpuBackend } from './backend.js';

/** Which adapter and device are used. */
export interface WebGpuOptions {
  /** What `navigator.gpu.requestAdapter()` gave; its device is opened with the limits that it has. */
  readonly adapter?: GPUAdapter;
  /** A device that is open; it becomes the backend's own. */
  readonly device?: GPUDevice;
  /** Which of several adapters is asked for: the fast one, unless given. */
  readonly powerPreference?: GPUPowerPreference;
  /**
   * Whether the tiles of matrix products are chosen by timing some, beside the first steps; `false` takes the default ones.
   * `inspect` tells which they are.
   */
  readonly tune?: boolean;
}

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
] as const;

/** What is asked for where the adapter has it. */
const FEATURES = ['timestamp-query'] as const;

/** The place on `globalThis` where Node's GPU is kept: collected in mid-run, it would take the process with it. */
const KEPT = Symbol.for('lazuli.webgpu.gpu');

const unavailable = (tried: string, cause?: unknown): BackendUnavailableError =>
  new BackendUnavailableError(
    'NO_WEBGPU',
    `there is no WebGPU adapter: ${tried}`,
    'In a page, look at chrome://gpu or about:support; in Node, install webgpu and a Vulkan driver; or run on wasm.',
    { cause },
  );

/** `navigator.gpu`, or that of the npm package `webgpu`. */
async function findGpu(): Promise<{ gpu: GPU; where: string }> {
  const { navigator, process } = globalThis as Partial<typeof globalThis>;
  if (navigator?.gpu !== undefined) return { gpu: navigator.gpu, where: 'navigator.gpu' };
  if (typeof process?.versions?.node !== 'string')
    throw unavailable('this browser, or this page (it must be https or localhost), has no navigator.gpu');
  const kept = globalThis as { [KEPT]?: GPU };
  // Not for bundlers: in a page there is no such module.
  const name = 'webgpu';
  try {
    const { create } = (await import(/* @vite-ignore */ name)) as { create: (flags: string[]) => GPU };
    // Tiles are told apart by microseconds: without this the device's clock has steps of 33.
    const flags = ['disable-dawn-features=timestamp_quantization'];
    kept[KEPT] ??= create(process.platform === 'linux' ? ['backend=vulkan', ...flags] : flags);
  } catch (cause) {
    throw unavailable('the npm package webgpu could not be loaded', cause);
  }
  return { gpu: kept[KEPT], where: 'the npm package webgpu' };
}

const describe = ({ vendor, architecture, device, description }: GPUAdapterInfo): string =>
  [...new Set([vendor, architecture, device, description])].filter((part) => part !== '').join(' ');

/**
 * Opens a GPU as a backend. `destroy()` ends it; a finished process does not wait for it.
 * @throws BackendUnavailableError `NO_WEBGPU` where there is no adapter, with what was tried
 * @example setDefaultBackend(await webgpu());
 */
export async function webgpu(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
  checkOptions('webgpu', options, ['adapter', 'device', 'powerPreference', 'tune']);
  const { device, powerPreference = 'high-performance', tune = true } = options;
  const backendOf = (on: GPUDevice, info: GPUAdapterInfo): WebGpuBackend => {
    const backend = createWebGpuBackend(on, describe(info), { tune });
    if (current?.isUsable !== true) current = backend;
    return backend;
  };
  if (device !== undefined) return backendOf(device, device.adapterInfo);
  const adapter = options.adapter ?? (await requestAdapter(powerPreference));
  const requiredLimits = Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]]));
  try {
    const requiredFeatures = FEATURES.filter((feature) => adapter.features.has(feature));
    const opened = await adapter.requestDevice({ requiredLimits, requiredFeatures });
    return backendOf(opened, adapter.info);
  } catch (cause) {
    throw unavailable(`the adapter ${describe(adapter.info)} opens no device`, cause);
  }
}

async function requestAdapter(powerPreference: GPUPowerPreference): Promise<GPUAdapter> {
  if (powerPreference !== 'high-performance' && powerPreference !== 'low-power')
    throw new OptionError(
      'BAD_OPTION',
      `webgpu got powerPreference = ${describeValue(powerPreference)}`,
      `It is 'high-performance' or 'low-power'.`,
    );
  const { gpu, where } = await findGpu();
  const adapter = await gpu.requestAdapter({ powerPreference });
  if (adapter === null) throw unavailable(`${where} gives none for ${powerPreference}`);
  return adapter;
}

/** The device of `model.gpu()`: the first that was opened, another when that is gone. */
let current: WebGpuBackend | undefined;
let opening: Promise<WebGpuBackend> | undefined;
registerDevice('gpu', async () =>
  current?.isUsable === true ? current : (opening ??= webgpu().finally(() => (opening = undefined))),
);
registerEmitter({
  name: 'webgpu',
  target: WEBGPU_TARGET,
  emit: emitProgram,
  tiles: (program, kernel) => tilesOf(program, kernel),
  threads: () => ({ count: 1, reason: 'webgpu runs workgroups on the device' }),
});
