/** The system's compiler: which one, for which processor, and how it is called. */
import { cpus } from 'node:os';
import process from 'node:process';
import { BackendUnavailableError, OptionError, UnsupportedError } from '../../src/core/errors.js';
import { askMacros, type AskMacros, type Outcome } from './compiler.js';
import type { MachineName } from './machines.js';

export interface Toolchain {
  /** As it is called. */
  readonly compiler: string;
  /** As it calls itself: `gcc 12.2.0`. */
  readonly version: string;
  readonly machine: MachineName;
  readonly processor: string;
  /** Arguments of every compilation, but for the files. */
  readonly flags: readonly string[];
}

const INSTALL =
  'Install gcc or clang (apt install gcc, dnf install gcc, xcode-select --install), or name one with { compiler }.';
/** What is tried where no compiler is named. */
const COMPILERS = ['gcc', 'clang', 'cc'];

/** What makes the bits of every backend, whatever else is asked for; -fno-fast-math asks for errno again, so it comes first. */
export const SEMANTICS = [
  '-fwrapv',
  '-fno-strict-aliasing',
  '-fno-fast-math',
  '-fno-math-errno',
  '-fno-single-precision-constant',
];

const unavailable = (facts: string, remedy = INSTALL): BackendUnavailableError =>
  new BackendUnavailableError('NO_COMPILER', facts, remedy);

/** Whose libraries must come before all others. */
const SANITIZERS = /^-fsanitize=.*(address|thread|memory|leak)/;

/** Arguments that define macros, undefine them or include files with some, and those that hand on others which may. */
const PREPROCESSING =
  /^(-D|-U|-i(nclude|macros)|--(define-macro|undefine-macro|include|imacros)|-Wp,|-X(preprocessor|clang)|@)/;

/** Macros that a compiler defines under names which it does not reserve. */
const USUAL_NAMES = /^(_(?!_builtin)|linux$|unix$|i386$|OBJC_|TARGET_)/;

/** @throws OptionError `COMPILER_FLAG` for flags by which words of the source would mean something else. */
function checkMacros(flags: readonly string[], text: string): void {
  const names = [...text.matchAll(/^#define (\w+)/gm)].map(([, name]) => name!);
  const own = names.filter((name) => !USUAL_NAMES.test(name));
  if (own.length > 0) throw macroFlag(flags.join(' '), `defines ${own.join(', ')}`);
}
const macroFlag = (flag: string, what: string): OptionError =>
  new OptionError(
    'COMPILER_FLAG',
    `native got flags with ${flag}, which ${what}: what the backend prints would mean something else`,
    'Leave it out; flags are for the optimiser, as -O3.',
  );

/** Macros of instruction sets that a processor may lack. */
const INSTRUCTIONS = /^__(SSE|SSSE|AVX|FMA|F16C|BMI|LZCNT|ADX|SHA|VAES|VPCLMUL|GFNI|AMX|ARM_FEATURE)/;

/** The macros that a compiler defines. */
function macrosOf(text: string): Map<string, string> {
  const macros = new Map<string, string>();
  for (const [, name, value] of text.matchAll(/^#define (\w+) (.*)$/gm)) macros.set(name!, value!);
  return macros;
}

/** The version that a C compiler tells of itself; undefined for anything else. */
const versionOf = (macros: ReadonlyMap<string, string>): string | undefined =>
  macros.has('__STDC__') ? macros.get('__VERSION__')?.replaceAll('"', '') : undefined;
const failureOf = ({ failure, stdout }: Outcome): string | undefined =>
  failure ?? (versionOf(macrosOf(stdout)) === undefined ? 'says nothing that a C compiler says' : undefined);

function machineOf(macros: ReadonlyMap<string, string>, compiler: string): MachineName {
  if (macros.has('__x86_64__')) {
    if (
      macros.has('__AVX512F__') &&
      macros.has('__AVX512VL__') &&
      macros.has('__AVX512DQ__') &&
      macros.has('__AVX512BW__')
    )
      return 'avx512';
    if (macros.has('__AVX2__')) return 'avx2';
    throw new UnsupportedError(
      'NATIVE_PROCESSOR',
      `${compiler} compiles for an x86-64 processor without AVX2`,
      `Run it on 'wasm', whose vectors every processor has.`,
    );
  }
  if (macros.has('__aarch64__')) return 'neon';
  throw new UnsupportedError(
    'NATIVE_PROCESSOR',
    `${compiler} compiles for a processor that is neither x86-64 nor arm64`,
    `Run it on 'wasm'.`,
  );
}

/** @throws OptionError `COMPILER_FLAG` for flags that make what this processor cannot run. */
function checkInstructions(
  flags: readonly string[],
  macros: ReadonlyMap<string, string>,
  usual: ReadonlyMap<string, string>,
): void {
  const foreign = [...macros.keys()].filter((macro) => INSTRUCTIONS.test(macro) && !usual.has(macro));
  if (foreign.length > 0)
    throw new OptionError(
      'COMPILER_FLAG',
      `the flags ${flags.join(' ')} ask for instructions that this processor lacks: ${foreign.join(', ')}`,
      'Leave them out; what this processor has is used unasked.',
    );
}

/** All arguments but for the files; the user's stand before what makes the bits. */
function flagsOf(
  macros: ReadonlyMap<string, string>,
  own: readonly string[],
  flags: readonly string[],
  fma: boolean,
): string[] {
  // Expressions stay where they are written: additions come late after their multiplications.
  const order = macros.has('__clang__') ? [] : ['-fno-tree-ter', '-fno-tree-vectorize'];
  // With -Ofast, compilers link a beginning that flushes subnormals, of all JavaScript in the process too.
  const begin = process.platform === 'linux' ? ['-nostartfiles'] : [];
  const registers = macros.has('__x86_64__') ? ['-mfpmath=sse'] : [];
  return [
    ...['-x', 'c', '-std=gnu11', '-O2', ...own, ...order, ...flags, '-w', '-shared', '-fPIC', '-fvisibility=hidden'],
    ...[...begin, ...SEMANTICS, ...registers, `-ffp-contract=${fma ? 'fast' : 'off'}`],
  ];
}

export interface ToolchainOptions {
  readonly compiler: string | undefined;
  readonly flags: readonly string[];
  readonly fma: boolean;
}

/**
 * @throws UnsupportedError `NATIVE_PLATFORM`
 * @throws OptionError `COMPILER_FLAG` for flags that are refused whatever the compiler
 */
export function checkSystem(flags: readonly string[]): void {
  if (process.platform === 'win32')
    throw new UnsupportedError(
      'NATIVE_PLATFORM',
      'the backend native does not know Windows',
      `Run it on 'wasm', or in WSL.`,
    );
  const sanitizer = flags.find((flag) => SANITIZERS.test(flag));
  if (sanitizer !== undefined)
    throw new OptionError(
      'COMPILER_FLAG',
      `the flag ${sanitizer} asks for a library that ends a process which did not begin with it`,
      'Leave it out.',
    );
  const preprocessing = flags.find((flag) => PREPROCESSING.test(flag));
  if (preprocessing !== undefined) throw macroFlag(preprocessing, 'is an argument of the preprocessor');
}

/**
 * The compiler, asked what it compiles for.
 * @throws BackendUnavailableError `NO_COMPILER` with what was tried
 * @throws OptionError `COMPILER_FLAG` where it works but for the user's flags
 * @throws UnsupportedError `NATIVE_PROCESSOR`
 */
export function findToolchain({ compiler, flags, fma }: ToolchainOptions, ask: AskMacros = askMacros): Toolchain {
  const tried: string[] = [];
  const own = process.arch === 'arm64' ? ['-mcpu=native'] : ['-march=native'];
  for (const name of compiler === undefined ? COMPILERS : [compiler]) {
    const found = ask(name, [...own, ...flags]);
    const failure = failureOf(found);
    if (failure !== undefined) {
      if (!found.isMissing && flags.length > 0 && failureOf(ask(name, own)) === undefined)
        throw new OptionError(
          'COMPILER_FLAG',
          `${name} does not take the flags ${flags.join(' ')}: with them it ${failure}`,
          'Leave out or correct what does not belong there.',
        );
      tried.push(`${name} ${failure}`);
      continue;
    }
    const macros = macrosOf(found.stdout);
    const version = versionOf(macros)!;
    if (flags.length > 0) checkMacros(flags, found.stdout);
    if (flags.some((flag) => flag.startsWith('-m'))) checkInstructions(flags, macros, macrosOf(ask(name, own).stdout));
    const isClang = macros.has('__clang__');
    if (!isClang && Number(macros.get('__GNUC__')) < 12) {
      tried.push(`${name} is gcc ${version}, and gcc 12 is the oldest that knows __builtin_shufflevector`);
      continue;
    }
    return {
      compiler: name,
      version: isClang ? version : `gcc ${version}`,
      machine: machineOf(macros, name),
      processor: cpus()[0]?.model ?? process.arch,
      flags: flagsOf(macros, own, flags, fma),
    };
  }
  throw unavailable(`no C compiler works: ${tried.join('; ')}`);
}
