/**
 * A WebAssembly module in the making, and its bytes.
 * Imports come first, functions are declared before or while their bodies are written, and `toBytes` writes the
 * sections in the order of the specification (core 2.0 §5.5).
 */
import { InternalError } from '../../src/core/errors.js';
import { FunctionBody, type FunctionReference, type GlobalReference, type Local } from './body.js';
import { encodeInstruction } from './instruction.js';
import { type Signature, TYPE_BYTES, type ValueType } from './types.js';
import { ByteWriter } from './writer.js';

/** The limits of an imported memory. */
export interface MemoryImport {
  readonly module: string;
  readonly field: string;
  /** Pages of 64 KiB. */
  readonly minimum: number;
  readonly maximum: number;
  readonly shared: boolean;
}

interface FunctionImport {
  readonly module: string;
  readonly field: string;
  readonly reference: FunctionReference;
}

const signatureKey = (signature: Signature): string => `${signature.parameters.join()}:${signature.results.join()}`;

/** Collects the parts of a module. */
export class ModuleBuilder {
  readonly types: Signature[] = [];
  readonly #typeIndex = new Map<string, number>();
  readonly functionImports: FunctionImport[] = [];
  memory: MemoryImport | undefined;
  readonly functions: FunctionBody[] = [];
  readonly globals: GlobalReference[] = [];
  readonly exports: { readonly name: string; readonly reference: FunctionReference }[] = [];

  importMemory(memory: MemoryImport): void {
    this.memory = memory;
  }

  importFunction(
    module: string,
    field: string,
    parameters: readonly ValueType[],
    results: readonly ValueType[],
  ): FunctionReference {
    if (this.functions.length > 0) throw new InternalError('a function was imported after one was defined');
    const reference = { index: this.functionImports.length, name: field, parameters, results };
    this.typeIndex(reference);
    this.functionImports.push({ module, field, reference });
    return reference;
  }

  /** Declares a function whose body is written later; `parameters` in order, by name. */
  declare(
    name: string,
    parameters: Readonly<Record<string, ValueType>>,
    results: readonly ValueType[] = [],
  ): FunctionBody {
    const reference: FunctionReference = {
      index: this.functionImports.length + this.functions.length,
      name,
      parameters: Object.values(parameters),
      results,
    };
    this.typeIndex(reference);
    const body = new FunctionBody(reference, Object.keys(parameters));
    this.functions.push(body);
    return body;
  }

  /** Defines a function: `write` receives the builder of its body and its parameters by name. */
  function<P extends Record<string, ValueType>>(
    name: string,
    parameters: P,
    results: readonly ValueType[],
    write: (body: FunctionBody, parameters: { readonly [K in keyof P]: Local }) => void,
  ): FunctionReference {
    const body = this.declare(name, parameters, results);
    write(body, Object.fromEntries(body.locals.map((local) => [local.name, local])) as { [K in keyof P]: Local });
    return body.reference;
  }

  /** A mutable i32. */
  global(name: string, initial: number): GlobalReference {
    const global = { index: this.globals.length, name, initial };
    this.globals.push(global);
    return global;
  }

  export(name: string, reference: FunctionReference): void {
    this.exports.push({ name, reference });
  }

  /** The index of a function type; equal types share one. */
  typeIndex(signature: Signature): number {
    const key = signatureKey(signature);
    let index = this.#typeIndex.get(key);
    if (index === undefined) {
      index = this.types.length;
      this.#typeIndex.set(key, index);
      this.types.push(signature);
    }
    return index;
  }

  /** The module's bytes; with `names`, the functions' names for profilers and disassemblers. */
  toBytes(options: { readonly names?: boolean } = {}): Uint8Array<ArrayBuffer> {
    const w = new ByteWriter();
    w.bytes([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
    const section = (id: number, count: number, write: (s: ByteWriter) => void): void => {
      if (count > 0) w.byte(id).sized((s) => write(s.unsigned(count)));
    };
    section(1, this.types.length, (s) => {
      for (const type of this.types) {
        s.byte(0x60);
        s.list(type.parameters, (p) => s.byte(TYPE_BYTES[p]));
        s.list(type.results, (r) => s.byte(TYPE_BYTES[r]));
      }
    });
    section(2, this.functionImports.length + (this.memory ? 1 : 0), (s) => {
      for (const { module, field, reference } of this.functionImports)
        s.name(module).name(field).byte(0).unsigned(this.typeIndex(reference));
      if (this.memory) {
        const { module, field, minimum, maximum, shared } = this.memory;
        s.name(module)
          .name(field)
          .byte(2)
          .byte(shared ? 3 : 1)
          .unsigned(minimum)
          .unsigned(maximum);
      }
    });
    section(3, this.functions.length, (s) =>
      this.functions.forEach((body) => s.unsigned(this.typeIndex(body.reference))),
    );
    section(6, this.globals.length, (s) => {
      for (const { initial } of this.globals) s.byte(TYPE_BYTES.i32).byte(1).byte(0x41).signed(initial).byte(0x0b);
    });
    section(7, this.exports.length, (s) =>
      this.exports.forEach(({ name, reference }) => s.name(name).byte(0).unsigned(reference.index)),
    );
    section(10, this.functions.length, (s) =>
      this.functions.forEach((body) => s.sized((inner) => encodeBody(body, inner))),
    );
    if (options.names === true) {
      const named = [
        ...this.functionImports.map(({ reference }) => reference),
        ...this.functions.map((body) => body.reference),
      ];
      w.byte(0).sized((s) =>
        s
          .name('name')
          .byte(1)
          .sized((t) => t.list(named, ({ name }, index) => t.unsigned(index).name(name))),
      );
    }
    return w.toBytes().slice();
  }
}

/** Runs of equal types, as the binary declares locals. */
function encodeLocals(body: FunctionBody, w: ByteWriter): void {
  const runs: { count: number; type: ValueType }[] = [];
  for (const { type } of body.locals.slice(body.parameterCount)) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ count: 1, type });
  }
  w.list(runs, ({ count, type }) => w.unsigned(count).byte(TYPE_BYTES[type]));
}

function encodeBody(body: FunctionBody, w: ByteWriter): void {
  encodeLocals(body, w);
  body.instructions.forEach((instruction) => encodeInstruction(instruction, w));
  w.byte(0x0b);
}
