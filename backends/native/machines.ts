/** The processors that the backend prints for, as data. */

/** Instruction sets by what their vectors hold: 32-bit elements of one register, and registers. */
export const MACHINES = {
  avx512: { width: 16, registers: 32 },
  avx2: { width: 8, registers: 16 },
  neon: { width: 4, registers: 32 },
} as const;
export type MachineName = keyof typeof MACHINES;
