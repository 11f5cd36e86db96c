/**
 * One dispatch: calls that may run at once, as one WGSL module and one table of words. The module depends on the functions
 * and on which slab each operand lies in; sizes, offsets and numbers are in the table.
 *
 *   table   0, workgroups, calls n, for each branch around it (the index that chooses, which one this is, the last one), then
 *           for each call (first workgroup, position of its record)
 *   record  variant, extent, grain, then for each operand its first word in its slab, or the number itself; then the number of
 *           rows of a batch, if the function asks for it
 */
import type { LoopFunction } from '../../src/lower/loops.js';
import { localSize, type OperandPlace, printFunction, storesVectors } from './function.js';
import { helpersOf } from './scalar.js';
import { WORKGROUP_SIZE } from './target.js';
import { Writer } from '../../src/lower/writer.js';

/** Words before the gates, and of each gate: a branch around the dispatch. */
const TABLE_HEAD = 3;
const GATE = 3;
/** The first word of the gate number `gate`; of the list of calls, where there are so many gates. */
export const gateAt = (gate: number): number => TABLE_HEAD + GATE * gate;

/** A function with its operands in these places. */
export interface Variant {
  readonly code: LoopFunction;
  readonly places: readonly OperandPlace[];
}

/** Variants have names of their own, also where they are one function with operands in other slabs. */
function variantNames(variants: readonly Variant[]): string[] {
  const taken = new Map<string, number>();
  return variants.map(({ code: { name } }) => {
    const count = taken.get(name) ?? 0;
    taken.set(name, count + 1);
    return count === 0 ? name : `${name}_in${count}`;
  });
}

/** The entry: which call this workgroup belongs to, and which part of it. All of that is uniform: barriers may follow. */
function printEntry(names: readonly string[], isSingle: boolean, gates: number): string {
  const writer = new Writer();
  const calls = gateAt(gates);
  writer.line(`@compute @workgroup_size(${WORKGROUP_SIZE})`);
  const parameters = [
    '@builtin(workgroup_id) group: vec3<u32>',
    '@builtin(num_workgroups) groups: vec3<u32>',
    '@builtin(local_invocation_index) index: u32',
  ];
  writer.block(`fn main(${parameters.join(', ')})`, () => {
    writer.line('let number = group.x + group.y * groups.x;');
    writer.line('if (number >= table[1]) { return; }');
    for (let i = 0; i < gates; i++) {
      const [index, own, last] = [0, 1, 2].map((word) => `i32(table[${gateAt(i) + word}])`);
      writer.line(`if (min(max(${index}, 0), ${last}) != ${own}) { return; }`);
    }
    if (!isSingle) {
      writer.line('var call = 0u;');
      writer.line('var above = table[2];');
      writer.block('while (above - call > 1u)', () => {
        writer.line('let middle = (call + above) / 2u;');
        writer.line(`if (table[${calls}u + 2u * middle] <= number) { call = middle; } else { above = middle; }`);
      });
    } else writer.line('let call = 0u;');
    writer.line(`let record = table[${calls + 1}u + 2u * call];`);
    writer.line('let grain = table[record + 2u];');
    writer.line(`let begin = (number - table[${calls}u + 2u * call]) * grain;`);
    writer.line('let end = i32(min(begin + grain, table[record + 1u]));');
    const run = (name: string): string => `${name}(i32(begin), end, i32(index), record);`;
    if (names.length === 1) writer.line(run(names[0]!));
    else
      writer.block('switch table[record]', () => {
        names.forEach((name, i) => {
          writer.line(`${i + 1 === names.length ? 'default:' : `case ${i}u:`} { ${run(name)} }`);
        });
      });
  });
  return writer.toString();
}

/** The module of a dispatch, of one call if `isSingle`, with `slabs` slabs bound, in so many branches. */
export function printModule(variants: readonly Variant[], slabs: number, isSingle: boolean, gates: number): string {
  const names = variantNames(variants);
  const ofVectors = variants.every(({ code }) => storesVectors(code));
  const functions = variants
    .map(({ code, places }, i) => printFunction(code, names[i]!, places, ofVectors))
    .join('\n\n');
  const local = (width: number): number => Math.max(0, ...variants.map(({ code }) => localSize(code, width)));
  const [words, vectors] = [local(1), local(4)];
  return [
    [
      '@group(0) @binding(0) var<storage, read> table: array<u32>;',
      ...Array.from(
        { length: slabs },
        (_, i) =>
          `@group(0) @binding(${i + 1}) var<storage, read_write> slab${i}: array<${ofVectors ? 'vec4<u32>' : 'u32'}>;`,
      ),
      ...(words === 0 ? [] : [`var<workgroup> local_words: array<u32, ${words}>;`]),
      ...(vectors === 0 ? [] : [`var<workgroup> local_vectors: array<vec4<u32>, ${vectors}>;`]),
    ].join('\n'),
    ...helpersOf(functions),
    functions,
    printEntry(names, isSingle, gates),
  ].join('\n\n');
}
