/**
 * Checkpoints: dicts of tensors as files. The formats themselves are in safetensors.ts and npz.ts, over host arrays;
 * here elements come from tensors and go to memory of the default backend, each byte copied once.
 */
import { CheckpointError, OptionError } from '../core/errors.js';
import { getDefaultBackend, resolveBackend } from '../runtime/registry.js';
import { Storage } from '../runtime/storage.js';
import { fromStorage, Tensor } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import { entriesOf, type FileFormat, formatOf, type HostArray, quote } from './array-file.js';
import { readFileBytes, writeFileAtomically } from './atomic-file.js';
import { decodeNpz, encodeNpz } from './npz.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';

/** Tensors (or Variables) by name. */
export type TensorDict = ReadonlyMap<string, Tensor | Variable> | Readonly<Record<string, Tensor | Variable>>;

const valueOf = (name: string, value: unknown): Tensor => {
  if (value instanceof Variable) return value.value;
  if (value instanceof Tensor) return value;
  throw new OptionError(
    'OPTION_TENSOR',
    `${quote(name)} holds no tensor but ${typeof value}`,
    'Pass tensors or Variables by name.',
  );
};

const hostArrays = (tensors: TensorDict): Map<string, HostArray> =>
  new Map(
    entriesOf(tensors).map(([name, value]) => {
      const tensor = valueOf(name, value);
      return [name, { dtype: tensor.dtype, shape: tensor.shape, data: tensor.dataSync() }];
    }),
  );

function tensorsOf(arrays: ReadonlyMap<string, HostArray>): Record<string, Tensor> {
  const backend = resolveBackend(getDefaultBackend());
  return Object.fromEntries(
    [...arrays].map(([name, { dtype, shape, data }]) => [
      name,
      fromStorage(Storage.from(backend, dtype, data, 'input'), shape, dtype),
    ]),
  );
}

/**
 * The bytes of a safetensors file, bit for bit as the reference implementation writes it.
 * @param metadata text by name, kept as `__metadata__`
 * @example fromSafetensors(toSafetensors({ w: tensor([1, 2]) })).w.arraySync(); // [1, 2]
 * @throws OptionError `OPTION_NAME`, `OPTION_TENSOR`; CheckpointError `CHECKPOINT_LIMIT`
 */
export const toSafetensors = (
  tensors: TensorDict,
  metadata?: ReadonlyMap<string, string> | Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> => encodeSafetensors(hostArrays(tensors), metadata);

/**
 * The tensors of a safetensors file, by name. f16 and bf16 become f32, exactly.
 * @throws CheckpointError `CHECKPOINT_CORRUPT`, `CHECKPOINT_DTYPE`, `CHECKPOINT_LIMIT`
 */
export const fromSafetensors = (bytes: Uint8Array): Record<string, Tensor> =>
  tensorsOf(decodeSafetensors(bytes).arrays);

/**
 * The bytes of a .npz file that `numpy.load` reads.
 * @param options `compress` deflates: smaller and slower
 * @throws OptionError `OPTION_NAME`, `OPTION_TENSOR`; CheckpointError `CHECKPOINT_LIMIT`
 */
export const toNpz = (tensors: TensorDict, options?: { readonly compress?: boolean }): Uint8Array<ArrayBuffer> =>
  encodeNpz(hostArrays(tensors), options);

/**
 * The tensors of a .npz file, by name; arrays of text are left out, but that names which BrainPy stored once for two keys
 * (`duplicate_keys`, `duplicate_targets`) are there twice.
 * @throws CheckpointError `CHECKPOINT_CORRUPT`, `CHECKPOINT_DTYPE`, `CHECKPOINT_PICKLE`, `CHECKPOINT_LIMIT`
 */
export const fromNpz = (bytes: Uint8Array): Record<string, Tensor> => tensorsOf(npzArrays(bytes));

function npzArrays(bytes: Uint8Array): Map<string, HostArray> {
  const { arrays, strings } = decodeNpz(bytes);
  const keys = strings.get('duplicate_keys') ?? [];
  const targets = strings.get('duplicate_targets') ?? [];
  if (keys.length !== targets.length)
    throw new CheckpointError(
      'CHECKPOINT_CORRUPT',
      `the file has ${keys.length} duplicate_keys and ${targets.length} duplicate_targets`,
      'Save it again.',
    );
  // NumPy saves an empty list as an array of floats.
  for (const name of ['duplicate_keys', 'duplicate_targets'])
    if (arrays.get(name)?.data.length === 0) arrays.delete(name);
  keys.forEach((key, i) => {
    const target = arrays.get(targets[i]!);
    if (target === undefined)
      throw new CheckpointError(
        'CHECKPOINT_CORRUPT',
        `the file stores ${quote(key)} as a duplicate of ${quote(targets[i]!)}, which is not in it`,
        'Save it again.',
      );
    arrays.set(key, target);
  });
  return arrays;
}

const DECODERS: Readonly<Record<FileFormat, (bytes: Uint8Array) => Map<string, HostArray>>> = {
  safetensors: (bytes) => decodeSafetensors(bytes).arrays,
  npz: npzArrays,
};
const ENCODERS: Readonly<Record<FileFormat, (arrays: Map<string, HostArray>) => Uint8Array>> = {
  safetensors: (arrays) => encodeSafetensors(arrays),
  npz: (arrays) => encodeNpz(arrays),
};

/** Writes the tensors as the file's extension says, all or nothing. Waits for devices that answer later. */
export async function writeCheckpoint(filename: string, tensors: TensorDict): Promise<void> {
  const format = formatOf(filename);
  const arrays = new Map<string, HostArray>();
  // A snapshot first: what changes while a device answers is not in the file.
  const values = entriesOf(tensors).map(([name, value]) => [name, valueOf(name, value)] as const);
  for (const [name, value] of values)
    arrays.set(name, { dtype: value.dtype, shape: value.shape, data: await value.data() });
  await writeFileAtomically(filename, ENCODERS[format](arrays));
}

/** The arrays of a file, as its extension says. Elements may be views on the file's bytes, which nobody else has. */
export async function readCheckpoint(filename: string): Promise<Map<string, HostArray>> {
  const format = formatOf(filename);
  return DECODERS[format](await readFileBytes(filename));
}
