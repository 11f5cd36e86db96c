/** The built-in backends, made known: what the entries export goes through `connected`, for the reason at `connectBackends`. */
import { jsBackend } from '../backends/js/backend.js';
import { referenceBackend } from '../backends/reference/backend.js';
import { supportsWasm, wasmBackend } from '../backends/wasm/backend.js';
import { connectBackends } from './runtime/registry.js';

export const connected = connectBackends(referenceBackend, jsBackend, ...(supportsWasm() ? [wasmBackend] : []));
