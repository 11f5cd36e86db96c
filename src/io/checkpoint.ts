/**
 * Checkpoints: dicts of tensors as files. The formats themselves are in safetensors.ts and npz.ts, over host arrays;
 * here elements come from tensors and go to memory of the default backend, each byte copied once.
 */
import { makeAval } from '../core/aval.js';
import { checkFlag, checkOptions } from '../core/options.js';
import { getDefaultBackend, resolveBackend } from '../runtime/registry.js';
import { Storage } from '../runtime/storage.js';
import { fromStorage, Tensor } from '../trace/tensor.js';
import { type HostArray, quote } from './array-file.js';
import { npzArrays } from './duplicates.js';
import { encodeNpz } from './npz.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';
import { type TensorDict, tensorsIn, valueOf } from './tensor-dict.js';

const hostArrays = (tensors: TensorDict): Map<string, HostArray> =>
  new Map(
    tensorsIn(tensors).map(([name, value]) => {
      const tensor = valueOf(name, value);
      return [name, { dtype: tensor.dtype, shape: tensor.shape, data: tensor.dataSync() }];
    }),
  );

function tensorsOf(arrays: ReadonlyMap<string, HostArray>): Record<string, Tensor> {
  const backend = resolveBackend(getDefaultBackend());
  // Names of one array share its memory: a small file may name an array a million times.
  const tensors = new Map<HostArray, Tensor>();
  return Object.fromEntries(
    [...arrays].map(([name, array]) => {
      const { dtype, shape, data } = array;
      const made = tensors.get(array);
      const tensor =
        made === undefined
          ? fromStorage(Storage.from(backend, dtype, data, 'input'), makeAval(shape, dtype))
          : new Tensor(made.expr);
      tensors.set(array, tensor);
      return [name, tensor];
    }),
  );
}

/**
 * The bytes of a safetensors file, bit for bit as the reference implementation writes it.
 * @param metadata text by name, kept as `__metadata__`
 * @example fromSafetensors(toSafetensors({ w: tensor([1, 2]) })).w?.arraySync(); // [1, 2]
 * @throws OptionError `OPTION_NAME`, `OPTION_TENSOR`, `UNKNOWN_OPTION`; CheckpointError `CHECKPOINT_LIMIT`
 */
export const toSafetensors = (
  tensors: TensorDict,
  metadata?: ReadonlyMap<string, string> | Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> => encodeSafetensors(hostArrays(tensors), metadata);

/**
 * The tensors of a safetensors file, by name. f16 and bf16 become f32, exactly; i8, u8, i16, u16, i64 and u64 become
 * i32 where every value fits.
 * @throws CheckpointError `CHECKPOINT_CORRUPT`, `CHECKPOINT_DTYPE`, `CHECKPOINT_LIMIT`
 * @example fromSafetensors(toSafetensors({ w: tensor([1, 2]) })).w!.arraySync(); // [1, 2]
 */
export const fromSafetensors = (bytes: Uint8Array): Record<string, Tensor> =>
  tensorsOf(decodeSafetensors(bytes).arrays);

/**
 * The bytes of a .npz file that `numpy.load` reads.
 * @param options `compress` deflates: smaller and slower
 * @throws OptionError `OPTION_NAME`, `OPTION_TENSOR`, `UNKNOWN_OPTION`; CheckpointError `CHECKPOINT_LIMIT`
 * @example toNpz({ w: tensor([1, 2]) }) instanceof Uint8Array; // true
 */
export function toNpz(tensors: TensorDict, options: { readonly compress?: boolean } = {}): Uint8Array<ArrayBuffer> {
  checkOptions('toNpz', options, ['compress']);
  if (options.compress !== undefined) checkFlag('toNpz', 'compress', options.compress);
  return encodeNpz(hostArrays(tensors), options);
}

/**
 * The tensors of a .npz file, by name; arrays of text, which no tensor holds, are left out with a warning, but that names
 * which BrainPy stored once for two keys (`duplicate_keys`, `duplicate_targets`) are there twice.
 * @throws CheckpointError `CHECKPOINT_CORRUPT`, `CHECKPOINT_DTYPE`, `CHECKPOINT_PICKLE`, `CHECKPOINT_LIMIT`
 * @example fromNpz(toNpz({ w: tensor([1, 2]) })).w!.arraySync(); // [1, 2]
 */
export function fromNpz(bytes: Uint8Array): Record<string, Tensor> {
  const { arrays, texts } = npzArrays(bytes);
  const tensors = tensorsOf(arrays);
  if (texts.length > 0)
    console.warn(`lazuli: fromNpz left out ${texts.map(quote).join(', ')}: text, which no tensor holds`);
  return tensors;
}
