/**
 * Checkpoints on disk, loaded on demand by `saveStates` and `loadStates`. Apart from checkpoint.ts, so that bundlers keep
 * the formats out of pages that only train.
 */
import { CheckpointError } from '../core/errors.js';
import { type FileFormat, formatOf, type HostArray, quote } from './array-file.js';
import { readFileBytes, writeFileAtomically } from './atomic-file.js';
import { npzArrays } from './duplicates.js';
import { encodeNpz } from './npz.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';
import { type TensorDict, tensorsIn, valueOf } from './tensor-dict.js';

const DECODERS: Readonly<Record<FileFormat, (bytes: Uint8Array) => Map<string, HostArray>>> = {
  safetensors: (bytes) => decodeSafetensors(bytes).arrays,
  npz: (bytes) => {
    const { arrays, texts } = npzArrays(bytes);
    if (texts.length === 0) return arrays;
    throw new CheckpointError(
      'CHECKPOINT_MISMATCH',
      `the file stores text as ${texts.map(quote).join(', ')}, which no Variable holds`,
      "Read it with fromNpz, which leaves text out, and load that with loadStateDict(…, { compatible: 'v1' }).",
    );
  },
};
const ENCODERS: Readonly<Record<FileFormat, (arrays: Map<string, HostArray>) => Uint8Array>> = {
  safetensors: (arrays) => encodeSafetensors(arrays),
  npz: (arrays) => encodeNpz(arrays),
};

/** Writes the tensors as the file's extension says, all or nothing. Waits for devices that answer later. */
export async function writeCheckpoint(filename: string, tensors: TensorDict): Promise<void> {
  const format = formatOf(filename);
  const arrays = new Map<string, HostArray>();
  // All of them before the first wait: what changes while a device answers is not in the file.
  const values = tensorsIn(tensors).map(([name, value]) => [name, valueOf(name, value)] as const);
  for (const [name, value] of values)
    arrays.set(name, { dtype: value.dtype, shape: value.shape, data: await value.data() });
  await writeFileAtomically(filename, ENCODERS[format](arrays));
}

/** The arrays of a file, as its extension says. Elements may be views on the file's bytes, which nobody else has. */
export async function readCheckpoint(filename: string): Promise<Map<string, HostArray>> {
  const format = formatOf(filename);
  return DECODERS[format](await readFileBytes(filename));
}
