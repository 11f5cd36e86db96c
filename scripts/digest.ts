// The digest of all sources of the library: what one process keeps for later ones is good for the same code.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** What a build writes in the place of `LAZULI_SOURCES` (`backends/native/plans.ts`); `files` are the sources, under `root`. */
export function digestDefine(root: string, files: readonly string[]): { readonly LAZULI_SOURCES: string } {
  const hash = createHash('sha256');
  for (const file of files.toSorted()) hash.update(relative(root, file)).update('\0').update(readFileSync(file));
  return { LAZULI_SOURCES: JSON.stringify(hash.digest('hex')) };
}
