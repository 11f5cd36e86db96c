/** Where a module's Variables live. */
import { OptionError, UnsupportedError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { Backend } from '../runtime/backend.js';
import { type BackendChoice, getDefaultBackend, openDevice, resolveBackend } from '../runtime/registry.js';
import type { Variable } from '../trace/variable.js';

/** A backend, or a kind of device: the CPU's default backend, the GPU that `lazuli/webgpu` opens. */
export type Device = BackendChoice | 'cpu' | 'gpu' | 'cuda' | 'tpu';

/** @throws BackendUnavailableError, UnsupportedError `NO_TPU`, OptionError `UNKNOWN_BACKEND` */
async function backendOf(device: Device): Promise<Backend> {
  if (typeof device === 'object') return resolveBackend(device);
  switch (device) {
    case 'cpu': {
      const backend = resolveBackend(getDefaultBackend());
      return backend.synchronous ? backend : resolveBackend('js');
    }
    case 'gpu':
    case 'cuda':
      return openDevice('gpu');
    case 'tpu':
      throw new UnsupportedError(
        'NO_TPU',
        'no JavaScript runtime reaches a TPU',
        'Save the weights with saveStates("model.safetensors") and go on in JAX or PyTorch/XLA, which read them.',
      );
    case 'js':
    case 'reference':
    case 'wasm':
    default:
      if (typeof device !== 'string')
        throw new OptionError(
          'UNKNOWN_BACKEND',
          `the device is ${describeValue(device)}`,
          `Devices are 'cpu', 'gpu', or a backend.`,
        );
      return resolveBackend(device);
  }
}

/** Moves the Variables' values to the device. Numbers stay where they are if it has no f64. */
export async function moveVariables(variables: Iterable<Variable>, device: Device): Promise<void> {
  const backend = await backendOf(device);
  const { dtypes } = backend.target;
  const moving = [...new Set(variables)].filter((variable) => !variable.aval.weak || dtypes.includes('f64'));
  for (const variable of moving)
    if (!dtypes.includes(variable.dtype))
      throw new UnsupportedError(
        'DTYPE_UNSUPPORTED',
        `the backend ${backend.name} has no ${variable.dtype}, which ${variable.name ?? 'a Variable'} holds`,
        `Keep it on the CPU, or make it one of ${dtypes.join(', ')}.`,
      );
  for (const variable of moving) await variable.storage.moveTo(backend, 'variable');
}
