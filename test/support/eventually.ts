import { vi } from 'vitest';

/** Tries again until `check` does not throw. Only a hang meets the limit: on a busy machine it takes as long as it takes. */
export const eventually = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 240_000, interval: 20 });
