/** Checkpoints on disk: the file's extension says in which format. */
import { CheckpointError } from '../core/errors.js';
import { type FileContents, type FileFormat, formatOf, type HostArray, quote } from './array-file.js';
import { readFileBytes, writeFileAtomically } from './atomic-file.js';
import { npzArrays } from './duplicates.js';
import { encodeNpz } from './npz.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';
import { type TensorDict, tensorsIn, valueOf } from './tensor-dict.js';

type Metadata = ReadonlyMap<string, string>;

const DECODERS: Readonly<Record<FileFormat, (bytes: Uint8Array) => FileContents>> = {
  safetensors: (bytes) => ({ ...decodeSafetensors(bytes), texts: [] }),
  npz: npzArrays,
};
const ENCODERS: Readonly<Record<FileFormat, (arrays: Map<string, HostArray>, metadata: Metadata) => Uint8Array>> = {
  safetensors: encodeSafetensors,
  npz: (arrays, metadata) => encodeNpz(arrays, { metadata }),
};

/** Writes the tensors as the file's extension says, all or nothing. Waits for devices that answer later. */
export async function writeCheckpoint(filename: string, tensors: TensorDict, metadata: Metadata): Promise<void> {
  const format = formatOf(filename, 'save');
  const arrays = new Map<string, HostArray>();
  // All of them before the first wait: what changes while a device answers is not in the file.
  const values = tensorsIn(tensors).map(([name, value]) => [name, valueOf(name, value)] as const);
  for (const [name, value] of values)
    arrays.set(name, { dtype: value.dtype, shape: value.shape, data: await value.data() });
  await writeFileAtomically(filename, ENCODERS[format](arrays, metadata));
}

/** What a file holds, as its extension says. Elements may be views on the file's bytes, which nobody else has. */
export async function readCheckpoint(filename: string): Promise<FileContents> {
  const decode = DECODERS[formatOf(filename, 'load')];
  const bytes = await readFileBytes(filename);
  try {
    return decode(bytes);
  } catch (cause) {
    if (!(cause instanceof CheckpointError)) throw cause;
    throw new CheckpointError(cause.code, `${quote(filename)}: ${cause.facts}`, cause.remedy, { cause });
  }
}
