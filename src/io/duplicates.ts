/** BrainPy stores an array that two keys share once, and lists the other keys beside it. */
import { CheckpointError } from '../core/errors.js';
import { type HostArray, quote } from './array-file.js';
import { decodeNpz } from './npz.js';

/** The arrays of a .npz file, duplicates included. @throws CheckpointError `CHECKPOINT_CORRUPT` */
export function npzArrays(bytes: Uint8Array): Map<string, HostArray> {
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
