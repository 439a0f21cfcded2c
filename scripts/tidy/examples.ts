import path from 'node:path';
import ts from 'typescript';
import { exists, filesBelow, packageFolders, pages, read, root, type SourceText } from './source-tree.js';

/** A program in the documentation. */
export interface Example {
  /** Where it stands: `README.md:12`. */
  readonly at: string;
  readonly code: string;
  /** What stands behind `ts` on the fence: `run`, `no-run`. */
  readonly words: readonly string[];
}

/** The TypeScript blocks of a page. */
export function examplesOfPage({ file, text }: SourceText): Example[] {
  return [...text.matchAll(/^```ts( [^\n]*)?\n([\s\S]*?)^```/gm)].map((match) => ({
    at: `${file}:${text.slice(0, match.index).split('\n').length}`,
    code: match[2] ?? '',
    words: (match[1] ?? '').split(' ').filter((word) => word !== ''),
  }));
}

/** The `@example` blocks of a source file: the page that its doc comments make, without their stars. */
export function examplesOfSource({ file, text }: SourceText): Example[] {
  // Lines outside of doc comments become empty, so that line numbers hold.
  let inside = false;
  const lines = text.split('\n').map((line) => {
    if (/^\s*\/\*\*/.test(line)) inside = true;
    const kept = inside && /^\s*\*( |$)/.test(line) ? line.replace(/^\s*\* ?/, '') : '';
    if (line.includes('*/')) inside = false;
    return kept;
  });
  return examplesOfPage({ file, text: lines.join('\n') });
}

export function allExamples(): Example[] {
  const sources = packageFolders().flatMap((folder) => filesBelow(`${folder}/src`, ['.ts']));
  return [...pages().flatMap(examplesOfPage), ...sources.map(read).flatMap(examplesOfSource)];
}

const options: ts.CompilerOptions = {
  ...ts.parseJsonConfigFileContent(
    ts.readConfigFile(path.join(root, 'tsconfig.base.json'), (file) => ts.sys.readFile(file)).config,
    ts.sys,
    root,
  ).options,
  composite: false,
  declaration: false,
  declarationMap: false,
  incremental: false,
  noEmit: true,
  noUnusedLocals: false,
  noUnusedParameters: false,
  moduleDetection: ts.ModuleDetectionKind.Force,
  customConditions: ['@coterie/source'],
};

/** Where an example would live: beside the programs in examples/, which see what an application sees. */
const placeOf = (i: number): string => path.posix.join(root, 'examples', 'src', `documentation-example-${i}.ts`);

// The programs below read the same files of the same packages, with equal options: each is parsed once.
const disk = ts.createCompilerHost(options, true);
const parsed = new Map<string, ts.SourceFile | undefined>();
function sourceFileOf(...args: Parameters<ts.CompilerHost['getSourceFile']>): ts.SourceFile | undefined {
  if (!parsed.has(args[0])) parsed.set(args[0], disk.getSourceFile(...args));
  return parsed.get(args[0]);
}

/** One program over the sources of all packages and these texts. */
function programOf(codes: readonly string[], more: readonly string[]): ts.Program {
  const texts = new Map(codes.map((code, i) => [placeOf(i), code]));
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (file) => texts.has(file) || disk.fileExists(file),
    readFile: (file) => texts.get(file) ?? disk.readFile(file),
    getSourceFile: (file, languageOptions, ...rest) => {
      const text = texts.get(file);
      return text === undefined
        ? sourceFileOf(file, languageOptions, ...rest)
        : ts.createSourceFile(file, text, languageOptions, true);
    },
  };
  return ts.createProgram([...texts.keys(), ...more], options, host);
}

const textOf = (diagnostic: ts.Diagnostic): string => ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ');

/** What the compiler says of each example, as a module of its own, against the sources of the packages. */
export function exampleFaults(examples: readonly Example[]): string[] {
  const program = programOf(
    examples.map((example) => example.code),
    [],
  );
  return examples.flatMap(({ at }, i) => {
    const file = program.getSourceFile(placeOf(i));
    if (file === undefined) return [`${at} was not compiled`];
    const faults = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return faults.map((fault) => {
      const line = file.getLineAndCharacterOfPosition(fault.start ?? 0).line + 1;
      return `${at} (line ${line} of the example) ${textOf(fault)}`;
    });
  });
}

/** Exported names of the packages' entries without a word about them. */
export function undocumentedExports(): string[] {
  const entries = packageFolders()
    .flatMap((folder) => [`${folder}/src/index.ts`, `${folder}/src/testing/index.ts`])
    .filter(exists);
  const program = programOf(
    [],
    entries.map((entry) => path.posix.join(root, entry)),
  );
  const checker = program.getTypeChecker();
  return entries.flatMap((entry) => {
    const file = program.getSourceFile(path.posix.join(root, entry));
    const module_ = file === undefined ? undefined : checker.getSymbolAtLocation(file);
    // A file that exports nothing is no module, so it has no symbol.
    return (module_ === undefined ? [] : checker.getExportsOfModule(module_)).flatMap((name) => {
      const target = name.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(name) : name;
      const place = target.declarations?.[0]?.getSourceFile().fileName;
      // Names of other packages are documented there.
      if (place === undefined || !place.startsWith(path.posix.join(root, path.posix.dirname(entry)))) return [];
      if (target.getDocumentationComment(checker).length > 0) return [];
      return [`${path.posix.relative(root, place)} exports ${name.name} without a doc comment`];
    });
  });
}

// transpileModule knows no package.json, which tells nodenext what a module is.
const emitted: ts.CompilerOptions = {
  ...options,
  noEmit: false,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: false,
};

/** What to run: JavaScript of the examples that say they can be, and of every `@example` of an index. */
export function runnableExamples(): { at: string; code: string }[] {
  return allExamples()
    .filter(({ at, words }) => words.includes('run') || (/\/index\.ts:\d+$/.test(at) && !words.includes('no-run')))
    .map(({ at, code }) => ({
      at,
      code: ts.transpileModule(code, { compilerOptions: emitted }).outputText,
    }));
}
