/** Arrays in the IDX format of MNIST (http://yann.lecun.com/exdb/mnist/, "THE IDX FILE FORMAT"). */
import { sizeOf } from '../core/aval.js';
import { DataError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { Column } from './table.js';
import type { Tensor } from '../trace/tensor.js';
import { tensor } from '../trace/tensor.js';

interface Kind {
  readonly bytes: number;
  readonly make: (length: number) => Column;
  readonly read: (view: DataView, at: number) => number;
}
const KINDS: Readonly<Record<number, Kind>> = {
  0x08: { bytes: 1, make: (n) => new Uint8Array(n), read: (view, at) => view.getUint8(at) },
  0x09: { bytes: 1, make: (n) => new Int8Array(n), read: (view, at) => view.getInt8(at) },
  0x0b: { bytes: 2, make: (n) => new Int16Array(n), read: (view, at) => view.getInt16(at) },
  0x0c: { bytes: 4, make: (n) => new Int32Array(n), read: (view, at) => view.getInt32(at) },
  0x0d: { bytes: 4, make: (n) => new Float32Array(n), read: (view, at) => view.getFloat32(at) },
  0x0e: { bytes: 8, make: (n) => new Float64Array(n), read: (view, at) => view.getFloat64(at) },
};

/**
 * The array of an IDX file, unpacked: i32 of bytes and of integers of 16 and 32 bits, f32 or f64.
 * @example
 * // Two labels; a file is read by readFile or fetch.
 * readIdx(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 7, 3)).arraySync(); // [7, 3]
 * @throws DataError `IDX_FORMAT` for what is no such file, or not all of one.
 */
export function readIdx(bytes: Uint8Array | ArrayBuffer): Tensor {
  const wrong = (facts: string, remedy: string): DataError => new DataError('IDX_FORMAT', `readIdx ${facts}`, remedy);
  if (!(bytes instanceof ArrayBuffer) && !ArrayBuffer.isView(bytes))
    throw wrong(`got ${describeValue(bytes)}`, 'Pass the bytes of a file, a Uint8Array or an ArrayBuffer.');
  const all = ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
  if (all[0] === 0x1f && all[1] === 0x8b)
    throw wrong(
      'got a file that is packed by gzip',
      "Unpack it: new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer().",
    );
  const kind = KINDS[all[2] ?? -1];
  const rank = all[3] ?? 0;
  const start = 4 + 4 * rank;
  if (all[0] !== 0 || all[1] !== 0 || kind === undefined || all.length < start)
    throw wrong(
      `got ${all.length} bytes that begin with ${[...all.subarray(0, 4)].join(', ') || 'nothing'}`,
      'An IDX file begins with two zeros, a type from 8 to 14, and its number of axes.',
    );
  const view = new DataView(all.buffer, all.byteOffset, all.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = sizeOf(shape);
  if (all.length - start !== size * kind.bytes)
    throw wrong(
      `got ${all.length - start} bytes of elements for [${shape.join(', ')}], which are ${size * kind.bytes}`,
      'Fetch the file again: it is cut short, or not of this format.',
    );
  const data = kind.make(size);
  for (let i = 0; i < size; i++) data[i] = kind.read(view, start + i * kind.bytes);
  return tensor(data, { shape });
}
