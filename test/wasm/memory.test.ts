/** The allocator under random traffic, growth, and the error at the end of the address space. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ALIGNMENT, Allocator, type Block, classOf } from '../../src/runtime/allocator.js';
import { LinearMemory, PAGE } from '../../backends/wasm/memory.js';
import { UnsupportedError } from '../../src/core/errors.js';

/** Sizes in bytes: many small, some large. */
const sizes = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: 5000 }),
  fc.integer({ min: 0, max: 200_000 }),
);
/** A positive number allocates that many bytes, the rest frees one of the living blocks. */
const traffic = fc.array(
  fc.oneof(
    sizes.map((bytes) => ({ bytes })),
    fc.nat().map((index) => ({ index })),
  ),
  { maxLength: 300 },
);

/** Checks that blocks tile the range, that no two free ones touch, and that lists and bits agree. */
function verify(allocator: Allocator): void {
  const { last, heads, occupied, used } = allocator.records;
  let free = 0;
  let above: Block | undefined;
  for (let block = last; block !== undefined; above = block, block = block.below) {
    if (block.address + block.bytes !== (above?.address ?? allocator.end) || block.above !== above)
      throw new Error(`blocks do not meet at ${block.address}`);
    if (block.free && above?.free === true) throw new Error(`free blocks meet at ${above.address}`);
    if (block.free) free++;
    else if (used.get(block.address) !== block) throw new Error(`block ${block.address} is lost`);
  }
  heads.forEach((head, index) => {
    const bit = (occupied[index >> 5]! >>> (index & 31)) & 1;
    if ((head !== undefined) !== bit > 0) throw new Error(`class ${index} has a wrong bit`);
    for (let block = head; block !== undefined; block = block.next, free--)
      if (!block.free || classOf(block.bytes / ALIGNMENT) !== index)
        throw new Error(`class ${index} has a wrong block`);
  });
  if (free !== 0) throw new Error(`${free} free blocks are in no list`);
}

describe('allocator', () => {
  test('blocks are aligned, inside, disjoint, and all space comes back', () => {
    fc.assert(
      fc.property(traffic, (steps) => {
        const end = 1024 + 1_000_000 - (1_000_000 % ALIGNMENT);
        const allocator = new Allocator(1024, end);
        const living: { address: number; bytes: number }[] = [];
        for (const step of steps) {
          if ('bytes' in step) {
            const address = allocator.allocate(step.bytes);
            if (address === undefined) continue;
            expect(address % ALIGNMENT).toBe(0);
            expect(address).toBeGreaterThanOrEqual(1024);
            const bytes = Math.max(1, step.bytes);
            expect(address + bytes).toBeLessThanOrEqual(end);
            for (const other of living) {
              expect(address + bytes <= other.address || other.address + other.bytes <= address).toBe(true);
            }
            living.push({ address, bytes });
          } else if (living.length > 0) {
            allocator.free(living.splice(step.index % living.length, 1)[0]!.address);
          }
          verify(allocator);
        }
        for (const { address } of living) allocator.free(address);
        verify(allocator);
        expect(allocator.usedBytes).toBe(0);
        expect(allocator.allocate(end - 1024)).toBe(1024);
      }),
    );
  });

  test('a block is found whenever one is large enough', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (bytes) => {
        const exact = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
        expect(new Allocator(0, exact).allocate(bytes)).toBe(0);
      }),
    );
  });

  test('a block is freed once', () => {
    const allocator = new Allocator(0, 640);
    const address = allocator.allocate(1)!;
    allocator.free(address);
    expect(() => allocator.free(address)).toThrow(/not allocated/);
  });
});

describe('linear memory', () => {
  test.each([false, true])('grows and keeps its content (shared: %s)', (shared) => {
    const memory = new LinearMemory({ shared, maximumPages: 256 });
    const first = memory.allocate(400);
    memory.view('f32').fill(1.5, first / 4, first / 4 + 100);
    const before = memory.view('f32');
    const second = memory.allocate(100 * PAGE);
    expect(memory.view('f32') === before).toBe(false);
    expect([...memory.view('f32').subarray(first / 4, first / 4 + 100)]).toEqual(Array<number>(100).fill(1.5));
    memory.view('bool')[second + 100 * PAGE - 1] = 7;
    memory.free(first);
    memory.free(second);
    expect(memory.stats.usedBytes).toBe(0);
    expect(memory.view('f64').slice(0, 2).buffer).toBeInstanceOf(ArrayBuffer);
  });

  test('beyond the end: a typed error, and what there is still works', () => {
    const memory = new LinearMemory({ shared: false, maximumPages: 32 });
    const half = memory.allocate(16 * PAGE);
    const error = ((): unknown => {
      try {
        return memory.allocate(20 * PAGE);
      } catch (caught) {
        return caught;
      }
    })();
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({ code: 'OUT_OF_MEMORY' });
    expect(memory.allocate(8 * PAGE)).not.toBe(half);
  });

  test('reaches 4 GiB', () => {
    const memory = new LinearMemory({ shared: true });
    const high = memory.allocate(3_500_000_000);
    const last = high + 3_500_000_000 - 4;
    memory.view('f32')[Math.floor(last / 4)] = 2;
    expect(memory.view('f32')[Math.floor(last / 4)]).toBe(2);
    expect(() => memory.allocate(1_000_000_000)).toThrow(UnsupportedError);
  });
});
