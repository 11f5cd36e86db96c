/**
 * One file for all that a run has to take up again: the Variables of a module, as `saveStates` writes them, and in the
 * file's metadata the place in the run and in its data, its history, and the state of the source of keys. Loaded on demand,
 * so that a page without checkpoints has none of it.
 */
import { CheckpointError } from '../core/errors.js';
import { quote } from '../io/array-file.js';
import { checkFolder } from '../io/atomic-file.js';
import { readCheckpoint, writeCheckpoint } from '../io/files.js';
import { seed, state } from '../nn/random.js';
import type { Module } from '../object/module.js';
import { stateNow } from '../object/state.js';
import { loadContents } from '../object/state-file.js';
import { variableAt, walkVars } from '../object/walk.js';
import { tensor } from '../trace/tensor.js';
import { type Place, readPlace, writePlace } from './place.js';

const PLACE_KEY = 'lazuli.fit';
const KEYS_KEY = 'lazuli.random';

/** Writes all of it, or on an error leaves the file that was there. */
export async function save(path: string, module: Module, place: Place): Promise<void> {
  const { values, metadata } = stateNow(module, undefined, 'relative');
  const told = new Map(metadata).set(PLACE_KEY, writePlace(place));
  told.set(KEYS_KEY, [...(await state().data())].join(' '));
  await writeCheckpoint(path, values, told);
}

const names = (keys: readonly string[]): string =>
  keys.length > 6 ? `${names(keys.slice(0, 5))} and ${keys.length - 5} more` : keys.map(quote).join(', ');

/**
 * Takes up what the file holds; undefined where there is none. On an error nothing is loaded.
 * @throws CheckpointError `CHECKPOINT_MISMATCH` for the file of another model, or one that `fit` did not write;
 * `CHECKPOINT_WRITE` where none can be written.
 */
export async function resume(path: string, module: Module): Promise<Place | undefined> {
  await checkFolder(path);
  const contents = await readCheckpoint(path).catch((error: unknown) => {
    if (error instanceof CheckpointError && error.code === 'CHECKPOINT_MISSING') return undefined;
    throw error;
  });
  if (contents === undefined) return undefined;
  const mismatch = (facts: string, remedy: string): CheckpointError =>
    new CheckpointError('CHECKPOINT_MISMATCH', `${quote(path)} ${facts}`, remedy);
  const { arrays, metadata } = contents;
  const place = readPlace(metadata.get(PLACE_KEY) ?? '');
  if (place === undefined)
    throw mismatch('is no checkpoint of fit', 'Give fit a path of its own; loadStates takes a file of weights alone.');
  const missing = [...walkVars(module, { method: 'path' }).unique().keys()].filter((key) => !arrays.has(key));
  const unknown = [...arrays.keys()].filter((key) => variableAt(module, key) === undefined);
  if (missing.length + unknown.length > 0)
    throw mismatch(
      [
        ...(unknown.length > 0 ? [`stores ${names(unknown)}, which ${module.name} has not`] : []),
        ...(missing.length > 0 ? [`has not ${names(missing)} of ${module.name}`] : []),
      ].join(', and '),
      'It is of another model or optimizer: pass another path to begin anew. Nothing was loaded.',
    );
  loadContents(module, path, contents, {});
  const words = metadata.get(KEYS_KEY)?.split(' ').map(Number);
  if (words?.length === 2) seed(tensor(Uint32Array.from(words)));
  return place;
}
