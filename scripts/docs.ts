// `npm run docs`: the pages of docs/ and the reference of every public name, as a site in .cache/site, by TypeDoc. Warnings fail: a
// name without a docstring, a link that leads nowhere.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  Application,
  Converter,
  type DocumentReflection,
  LogLevel,
  type ProjectReflection,
  type Reflection,
  ReflectionKind,
} from 'typedoc';

const root = fileURLToPath(new URL('..', import.meta.url));
const ENTRIES = join(root, '.cache/docs');
const OUT = join(root, '.cache/site');
const GUIDES = [
  'docs/tensors.md',
  'docs/tracing.md',
  'docs/transformations.md',
  'docs/loops.md',
  'docs/lift.md',
  'docs/state.md',
  'docs/layers.md',
  'docs/random.md',
  'docs/optimizers.md',
  'docs/training.md',
  'docs/own.md',
  'docs/inspect.md',
  'docs/performance.md',
  'docs/browser.md',
  'docs/webgpu.md',
  'docs/backends.md',
  'docs/coming-from.md',
  'ARCHITECTURE.md',
];

/** What package.json's `exports` name, by the name that is imported. */
const MODULES: Readonly<Record<string, string>> = {
  lazuli: 'src/index.ts',
  'lazuli/nn': 'src/nn/nn.ts',
  'lazuli/data': 'src/data/data.ts',
  'lazuli/train': 'src/train/train.ts',
  'lazuli/report': 'src/report/html.ts',
  'lazuli/webgpu': 'backends/webgpu/webgpu.ts',
  'lazuli/gpujs': 'backends/gpujs/gpujs.ts',
  'lazuli/native': 'backends/native/native.ts',
};

/**
 * An entry whose names are those of the files that define them. `export const jit = connected(compiler.jit)` is a constant
 * without a docstring to every tool, so it becomes `export { jit } from './trace/jit.js'`.
 */
function entryOf(name: string, path: string): string {
  const text = readFileSync(join(root, path), 'utf8');
  if (!text.includes('connected('))
    return `/**\n * @module ${name}\n */\nexport * from '../../${path.replace(/ts$/, 'js')}';\n`;
  const modules = new Map(
    [...text.matchAll(/^import \* as (\w+) from '(.*)';$/gm)].map(([, local, from]) => [local!, from!] as const),
  );
  return text
    .replace(/^export type (\w+) = \w+\.\1;$/gm, '')
    .replace(
      /^export const (\w+) = \/\* @__PURE__ \*\/ connected\((\w+)(?:\.(\w+))?\);$/gm,
      (_, as: string, of: string, member?: string) => {
        const from = modules.get(of);
        if (from === undefined) throw new Error(`${path}: where is ${of} from?`);
        return member === undefined
          ? `export * as ${as} from '${from}';`
          : `export { ${member} as ${as} } from '${from}';`;
      },
    )
    .replace(
      /(\bfrom ')(\.[^']*)'/g,
      (_, before: string, from: string) => `${before}../../${posix.join(dirname(path), from)}'`,
    )
    .replace(
      /^(?:\/\*\*[\s\S]*?\*\/\n)?/,
      (comment) => `${comment.replace(/\*\/\n$/, '') || '/** '}\n * @module ${name}\n */\n`,
    );
}

const NEED =
  ReflectionKind.Variable |
  ReflectionKind.CallSignature |
  ReflectionKind.GetSignature |
  ReflectionKind.ClassOrInterface |
  ReflectionKind.TypeAlias;

/** What has no docstring: exported names, and methods and accessors that a class has not from another. */
function undocumented(project: ProjectReflection): string[] {
  const isOwn = (each: Reflection): boolean =>
    !('inheritedFrom' in each && each.inheritedFrom !== undefined) && !/^(\[|__)/.test(each.name);
  const isNamed = (each: Reflection): boolean =>
    each.isProject() ||
    (isOwn(each) && each.parent !== undefined && isNamed(each.parent) && !each.kindOf(ReflectionKind.TypeParameter));
  return project
    .getReflectionsByKind(NEED)
    .filter((each) => isNamed(each) && !each.hasComment() && each.parent?.hasComment() !== true)
    .map((each) => each.getFullName());
}

mkdirSync(ENTRIES, { recursive: true });
const entryPoints = Object.entries(MODULES).map(([name, path]) => {
  const file = join(ENTRIES, `${name.replace('/', '-')}.ts`);
  writeFileSync(file, entryOf(name, path));
  return file;
});
const tsconfig = join(ENTRIES, 'tsconfig.json');
writeFileSync(
  tsconfig,
  JSON.stringify({ extends: '../../tsconfig.json', compilerOptions: { noUnusedLocals: false }, include: ['*.ts'] }),
);
const left = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md') && !GUIDES.includes(`docs/${name}`));
if (left.length > 0) throw new Error(`scripts/docs.ts does not place ${left.join(', ')}`);

const app = await Application.bootstrap({
  name: 'Lazuli',
  entryPoints,
  tsconfig,
  out: OUT,
  readme: join(root, 'README.md'),
  projectDocuments: GUIDES.map((page) => join(root, page)),
  basePath: root,
  disableSources: true,
  excludePrivate: true,
  excludeProtected: true,
  excludeInternal: true,
  highlightLanguages: ['typescript', 'javascript', 'python', 'sh', 'html', 'json', 'wasm', 'text'],
  sort: ['documents-first', 'source-order'],
  validation: { notExported: false, invalidLink: true, notDocumented: false },
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
  logLevel: LogLevel.Warn,
});
// A page is called by its first heading, not by its file.
app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document: DocumentReflection) => {
  const [heading] = document.content;
  const title = heading?.kind === 'text' ? /^# (.*)$/m.exec(heading.text)?.[1] : undefined;
  if (title !== undefined) document.name = title;
});
const project = await app.convert();
if (project === undefined) process.exit(1);
app.validate(project);
for (const name of undocumented(project)) app.logger.warn(`${name} has no docstring`);
await app.generateOutputs(project);
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exit(1);
console.log(`the site is in ${OUT}/index.html`);
