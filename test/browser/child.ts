/** A process that may make no code from strings: observes and prints what it saw. */
import { observe } from './observe.js';

console.log(JSON.stringify(await observe({ backends: ['reference', 'js', 'wasm'], threads: 2 })));
