/**
 * Bytes → an instance in the backend's memory, at full speed from the first call.
 */
import { InternalError } from '../../src/core/errors.js';

interface V8 {
  setFlagsFromString(flags: string): void;
}

/** Node's `v8` module, where this is Node and it gives its modules synchronously (from 20.16 and 22.3 on). */
function nodeV8(): V8 | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  return process?.getBuiltinModule?.('node:v8') as V8 | undefined;
}

/**
 * Compiles in the top tier at once where the host lets us: V8 would begin with its baseline compiler, 2–3 times slower,
 * and does not replace a call that is running. The flags are process-wide, so they are set around this one synchronous
 * call and set back; nothing else can compile in between.
 */
export function compileModule(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  const v8 = nodeV8();
  v8?.setFlagsFromString('--no-liftoff');
  v8?.setFlagsFromString('--no-wasm-lazy-compilation');
  try {
    return new WebAssembly.Module(bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw Object.assign(new InternalError(`the emitted module is not valid: ${reason}`), { cause });
  } finally {
    v8?.setFlagsFromString('--liftoff');
    v8?.setFlagsFromString('--wasm-lazy-compilation');
  }
}

/** Whether this host compiles WebAssembly with 128-bit vectors. */
export function supportsWasm(): boolean {
  // A function that makes a vector: (func (result v128) i32.const 0 i8x16.splat).
  const probe = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];
  return typeof WebAssembly === 'object' && WebAssembly.validate(Uint8Array.from(probe));
}
