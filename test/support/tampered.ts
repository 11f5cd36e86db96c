/** Backends that are wrong or slow on purpose. */
import type { Backend } from 'lazuli';
import { jsBackend } from '../../backends/js/backend.js';

/** `js` whose source has `find` replaced. */
export const tampered = (name: string, find: string | RegExp, replacement: string): Backend => ({
  ...jsBackend,
  name,
  emit(program) {
    const { backend, kernels, text } = jsBackend.emit(program);
    return { backend, program, kernels, text: text.replaceAll(find, replacement) };
  },
});

/** `js` with memory of its own that is read in a later job, as a device's is. */
export const asynchronous = (name: string): Backend => ({
  ...jsBackend,
  name,
  memory: name,
  synchronous: false,
  read: (buffer) => new Promise((resolve) => setTimeout(() => resolve(jsBackend.read(buffer)), 1)),
});
