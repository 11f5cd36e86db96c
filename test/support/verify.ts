/** Run before every test file: each pass checks what the one before it gave. */
import { setVerification } from '../../src/lower/pipeline.js';
import { verifier } from '../../src/lower/verify.js';

setVerification(verifier);
