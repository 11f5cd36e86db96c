// `npm run docs`: the pages of docs/, the examples, the measurements and the reference of every public name, as a site in .cache/site,
// by TypeDoc. Warnings fail: a name without a docstring, a link that leads nowhere.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  Application,
  type CommentDisplayPart,
  Converter,
  type DocumentReflection,
  LogLevel,
  normalizePath,
  type ProjectReflection,
  type Reflection,
  ReflectionKind,
} from 'typedoc';
import { brokenLinks } from './site-links.js';

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
const MEASUREMENTS = ['bench/RESULTS.md', 'bench/LAYERS.md', 'bench/NATIVE.md'];
/** In the order in which README lists them. */
const EXAMPLES = [
  ...['mnist', 'digits-cnn', 'char-gpt', 'gru', 'vae', 'iris', 'own-layer', 'own-optimizer', 'compare'].map(
    (name) => `examples/${name}.ts`,
  ),
  ...['index.html', 'page.ts', 'train.ts', 'messages.ts', 'vite.config.ts'].map((name) => `examples/worker/${name}`),
  'examples/cdn/index.html',
];
/** TypeDoc wraps code, which breaks tables and pictures of characters, and lets wide tables cover what is beside them. */
const STYLE = `
.tsd-typography table { display: block; width: max-content; max-width: 100%; overflow-x: auto; }
.tsd-typography th, .tsd-typography td { padding: 6px 8px; overflow-wrap: normal; }
pre { white-space: pre; overflow-x: auto; }
.tsd-breadcrumb li:last-of-type::after { content: ''; }
`;

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

/** A page with other pages below it, which it lists, written → its path. */
function pageWith(title: string, text: string, children: ReadonlyMap<string, string>): string {
  const file = join(ENTRIES, `${title.toLowerCase()}.md`);
  const paths = [...children.keys()].map((path) => `  - ${path}\n`);
  const list = [...children].map(
    ([path, line]) => `- [${/^# (.*)$/m.exec(readFileSync(path, 'utf8'))![1]!}](${relative(ENTRIES, path)})${line}\n`,
  );
  writeFileSync(file, `---\nchildren:\n${paths.join('')}---\n# ${title}\n\n${text}\n\n${list.join('')}`);
  return file;
}

/** A page that shows a file of code, written → its path. */
function pageOf(path: string): string {
  const file = join(ENTRIES, `${path.replaceAll('/', '-')}.md`);
  const fence = path.endsWith('.html') ? '```html' : '```ts';
  writeFileSync(
    file,
    `# ${path.replace('examples/', '')}\n\n${fence}\n${readFileSync(join(root, path), 'utf8')}\`\`\`\n`,
  );
  return file;
}

/** What the comment at the head of a file says first. */
function headerOf(path: string): string {
  const [, text = ''] = /^\/\*\*[\s*]*([\s\S]*?)(?:\n \*\n|\*\/)/.exec(readFileSync(join(root, path), 'utf8')) ?? [];
  return text === '' ? '' : `: ${text.replace(/\s*\n \* /g, ' ').trim()}`;
}

/** TypeDoc takes a block without a language for TypeScript: formulas and pictures are text. */
function asText(parts: readonly CommentDisplayPart[]): void {
  for (const part of parts)
    if (part.kind === 'code' && part.text.startsWith('```\n')) part.text = part.text.replace('```', '```text');
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
const examples = new Map(EXAMPLES.map((path) => [pageOf(path), path]));

const style = join(ENTRIES, 'style.css');
writeFileSync(style, STYLE);

const app = await Application.bootstrap({
  name: 'Lazuli',
  entryPoints,
  tsconfig,
  out: OUT,
  readme: join(root, 'README.md'),
  projectDocuments: [
    ...GUIDES.map((page) => join(root, page)),
    pageWith(
      'Examples',
      'Each runs in a copy of the repository: `npx tsx examples/iris.ts`; `npx vite examples/worker` serves the page.',
      new Map([...examples].map(([page, path]) => [page, headerOf(path)])),
    ),
    pageWith(
      'Measurements',
      'As `npm run bench` wrote them.',
      new Map(MEASUREMENTS.map((page) => [join(root, page), ''])),
    ),
  ],
  basePath: root,
  disableSources: true,
  excludePrivate: true,
  excludeProtected: true,
  excludeInternal: true,
  highlightLanguages: ['typescript', 'javascript', 'python', 'sh', 'html', 'json', 'wasm', 'text'],
  sort: ['documents-first', 'kind', 'alphabetical-ignoring-documents'],
  navigation: { includeFolders: false },
  searchInDocuments: true,
  customCss: style,
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
  const example = examples.get(document.project.files.getReflectionPath(document) ?? '');
  if (example !== undefined)
    document.project.files.registerReflectionPath(normalizePath(join(root, example)), document);
});
app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
  // Members under symbols of the library's own are nobody's to call.
  for (const each of project.getReflectionsByKind(ReflectionKind.ClassMember))
    if (/^\[(?!iterator)/.test(each.name)) project.removeReflection(each);
});
app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
  // The page has its title above the text.
  const [first] = project.readme ?? [];
  if (first?.kind === 'text') first.text = first.text.replace(/^# .*\n/, '');
  asText(project.readme ?? []);
  for (const each of Object.values(project.reflections)) {
    if (each.isDocument()) asText(each.content);
    asText(each.comment?.summary ?? []);
    for (const tag of each.comment?.blockTags ?? []) asText(tag.content);
  }
});
const project = await app.convert();
if (project === undefined) process.exit(1);
app.validate(project);
for (const name of undocumented(project)) app.logger.warn(`${name} has no docstring`);
await app.generateOutputs(project);
for (const link of brokenLinks(OUT)) app.logger.warn(link);
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exit(1);
console.log(`the site is in ${OUT}/index.html`);
