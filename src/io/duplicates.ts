/** BrainPy stores an array that two keys share once, and lists the other keys beside it. */
import { CheckpointError } from '../core/errors.js';
import { type FileContents, quote } from './array-file.js';
import { decodeNpz } from './npz.js';

const KEYS = 'duplicate_keys';
const TARGETS = 'duplicate_targets';

/**
 * The arrays of a .npz file, duplicates included (each is the very array that it duplicates), and the names of its other
 * arrays of text.
 * @throws CheckpointError `CHECKPOINT_CORRUPT`
 */
export function npzArrays(bytes: Uint8Array): FileContents {
  const { arrays, strings, metadata } = decodeNpz(bytes);
  const keys = strings.get(KEYS) ?? [];
  const targets = strings.get(TARGETS) ?? [];
  if (keys.length !== targets.length)
    throw new CheckpointError(
      'CHECKPOINT_CORRUPT',
      `the file has ${keys.length} duplicate_keys and ${targets.length} duplicate_targets`,
      'Save it again.',
    );
  // NumPy saves an empty list as an array of floats.
  for (const name of [KEYS, TARGETS]) if (arrays.get(name)?.data.length === 0) arrays.delete(name);
  keys.forEach((key, i) => {
    const target = arrays.get(targets[i]!);
    if (target === undefined)
      throw new CheckpointError(
        'CHECKPOINT_CORRUPT',
        `the file stores ${quote(key)} as a duplicate of ${quote(targets[i]!)}, which is not in it`,
        'Save it again.',
      );
    if (arrays.has(key))
      throw new CheckpointError(
        'CHECKPOINT_CORRUPT',
        `the file stores ${quote(key)}, and again as a duplicate of ${quote(targets[i]!)}`,
        'Save it again.',
      );
    arrays.set(key, target);
  });
  return { arrays, texts: [...strings.keys()].filter((name) => name !== KEYS && name !== TARGETS), metadata };
}
