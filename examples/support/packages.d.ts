/** Types of packages that bring none. */

/** For each digit its images, as flat arrays of 784 grey values in 0 … 1. */
declare module 'mnist' {
  interface DigitSet {
    readonly length: number;
    get(this: void, index: number): number[];
  }
  const digits: Readonly<Record<number, DigitSet>>;
  export default digits;
}

declare module 'asciichart' {
  export function plot(
    values: readonly number[],
    options?: { height?: number; format?: (x: number) => string },
  ): string;
}
