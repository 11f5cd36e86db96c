/** The entry `lazuli/gpujs`: runs kernels with gpu.js, as JavaScript, as WebAssembly or on WebGPU. */
import * as loaded from 'gpu.js';
import { BackendUnavailableError, OptionError } from '../../src/core/errors.js';
import { checkOptions, describeValue } from '../../src/core/options.js';
import { registerEmitter } from '../../src/runtime/registry.js';
import { createGpujsBackend, type GpujsBackend } from './backend.js';
import { emitProgram } from './emit.js';
import type { Gpu } from './executable.js';
import { GPUJS_TARGET, type Mode, MODES } from './target.js';

export type { GpujsBackend } from './backend.js';

/** How gpu.js runs the kernels. */
export interface GpujsOptions {
  /** How gpu.js runs kernels: in f64 on the calling thread, in f32 there, or in f32 on the GPU of `navigator.gpu`. */
  readonly mode: 'cpu' | 'webasm' | 'webgpu';
}

type Constructor = new (settings: { mode: Mode }) => Gpu;
/** A module of Node, or what a bundler or a page makes of it. */
const module = loaded as unknown as { readonly GPU?: Constructor; readonly default?: { readonly GPU: Constructor } };

/**
 * A backend that runs with gpu.js in `mode`, and in no other: what gpu.js would run elsewhere is an UnsupportedError.
 * @throws OptionError `BAD_OPTION` without a mode
 * @throws BackendUnavailableError `NO_GPUJS_MODE` where gpu.js cannot run in it here
 * @example setDefaultBackend(gpujs({ mode: 'webgpu' }));
 */
export function gpujs(options: GpujsOptions): GpujsBackend {
  checkOptions('gpujs', options, ['mode']);
  const { mode } = options ?? {};
  if (mode === undefined || !MODES.includes(mode))
    throw new OptionError(
      'BAD_OPTION',
      `gpujs got mode = ${describeValue(mode)}`,
      `It is 'cpu', 'webasm' or 'webgpu'.`,
    );
  const { GPU } = module.default ?? module;
  try {
    return createGpujsBackend(new GPU!({ mode }), mode);
  } catch (cause) {
    throw new BackendUnavailableError(
      'NO_GPUJS_MODE',
      `gpu.js cannot run in mode '${mode}' here: ${cause instanceof Error ? cause.message : String(cause)}`,
      `Mode 'webgpu' needs navigator.gpu, mode 'webasm' WebAssembly; 'cpu' runs everywhere.`,
      { cause },
    );
  }
}

registerEmitter({
  name: 'gpujs',
  target: GPUJS_TARGET,
  emit: (program) => emitProgram(program, 'cpu'),
  threads: () => ({ count: 1, reason: 'gpu.js runs it' }),
});
