/** Layers and what belongs to them, as `nn` has them: `import { nn } from 'lazuli'`, or this module, `lazuli/nn`. */
export * as init from './init.js';
