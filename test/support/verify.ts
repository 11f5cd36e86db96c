/** Run before every test file: each pass checks what the one before it gave. */
import { setVerification } from '../../src/compile/pipeline.js';
import { verifier } from '../../src/compile/verify.js';

setVerification(verifier);
