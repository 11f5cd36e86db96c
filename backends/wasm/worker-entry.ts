/**
 * The worker as a module, for pages whose security policy allows neither `blob:` nor `data:` workers: serve this file,
 * the package's `lazuli/wasm-worker`, and give its URL to `setThreads`.
 */
import { workerMain } from './worker.js';

// Here it is the scope of a worker, of which the types of Node know nothing.
workerMain(globalThis as unknown as Parameters<typeof workerMain>[0]);
