/** Comparing elements in tests. */
import { expect } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { difference } from './same-bits.js';

export { difference, sameBits, show } from './same-bits.js';

/** Fails with the first element that differs. */
export function expectSameBits(got: HostArray, want: HostArray, what = ''): void {
  const found = difference(got, want);
  if (found !== undefined) expect.fail(what === '' ? found : `${what}: ${found}`);
}
