#!/usr/bin/env node
/** The command `lazuli`: what a file's step compiles to, how long its kernels take, whether backends agree. */
import process from 'node:process';
import { main } from './main.js';

process.exitCode = await main(process.argv.slice(2));
