import path from 'node:path';
import ts from 'typescript';
import { exists, filesBelow, packageFolders, parse, read, type SourceText } from './source-tree.js';

/** Relative links of a page that lead nowhere. */
export function deadLinks({ file, text }: SourceText, isThere: (file: string) => boolean = exists): string[] {
  const prose = text.replace(/```[\s\S]*?```/g, '').replace(/`[^`]*`/g, '');
  return [...prose.matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => !isThere(path.posix.join(path.posix.dirname(file), target)))
    .map((target) => `${file} links to ${target}, which does not exist`);
}

/** The codes that the source knows: the members of `ErrorFields`. */
export function declaredCodes(): string[] {
  const tree = parse(read('packages/errors/src/codes.ts'));
  const fields = tree.statements.find((node) => ts.isInterfaceDeclaration(node) && node.name.text === 'ErrorFields');
  if (fields === undefined || !ts.isInterfaceDeclaration(fields)) throw new Error('codes.ts declares no ErrorFields');
  return fields.members.map((member) => member.name?.getText(tree) ?? '');
}

/** The codes that have an entry of their own: a heading with the code in it. */
export const describedCodes = (page: string): string[] =>
  [...page.matchAll(/^#{2,3} .*?\b(ERR_[A-Z_]+)/gm)].map((match) => match[1] ?? '');

/** What each entry of docs/errors.md says, in this order. */
const parts = ['Meaning', 'When', 'Outcome', 'Cure'];

export function errorPageFaults(page: string, codes: readonly string[]): string[] {
  const described = describedCodes(page);
  const sections = new Map(
    page.split(/^#{2,3} /m).map((section) => [/\bERR_[A-Z_]+/.exec(section)?.[0] ?? '', section]),
  );
  return [
    ...codes.filter((code) => !described.includes(code)).map((code) => `docs/errors.md has no entry for ${code}`),
    ...described
      .filter((code) => !codes.includes(code))
      .map((code) => `docs/errors.md describes ${code}, which does not exist`),
    ...described
      .filter((code, i) => described.indexOf(code) !== i)
      .map((code) => `docs/errors.md describes ${code} twice`),
    ...codes
      .filter((code) => described.includes(code))
      .flatMap((code) => {
        const missing = parts.filter((part) => !(sections.get(code) ?? '').includes(`**${part}**`));
        return missing.length === 0 ? [] : [`docs/errors.md: ${code} lacks ${missing.join(', ')}`];
      }),
  ];
}

/** Where limits and options with a number are declared. The page of limits has a row for each. */
const limitDeclarations: readonly (readonly [file: string, name: string])[] = [
  ['packages/mvcc/src/limits.ts', 'replicatedLimits'],
  ['packages/mvcc/src/limits.ts', 'MvccLimits'],
  ['packages/mvcc/src/kv/limits.ts', 'KvLimits'],
  ['packages/raft/src/node/options.ts', 'NodeOptions'],
  ['packages/transport-ws/src/options.ts', 'WsTransportLimits'],
];

/** The names of the members of an interface, or of the object that a constant is. */
export function memberNames(source: SourceText, name: string): string[] {
  const tree = parse(source);
  const names: string[] = [];
  const take = (members: readonly ts.NamedDeclaration[]): void =>
    void names.push(...members.map((member) => member.name?.getText(tree) ?? ''));
  const visit = (node: ts.Node): void => {
    if (ts.isInterfaceDeclaration(node) && node.name.text === name) take(node.members);
    else if (ts.isVariableDeclaration(node) && node.name.getText(tree) === name && node.initializer !== undefined) {
      const value = ts.isAsExpression(node.initializer) ? node.initializer.expression : node.initializer;
      if (ts.isObjectLiteralExpression(value)) take(value.properties);
    } else ts.forEachChild(node, visit);
  };
  visit(tree);
  return names;
}

/** Limits that the page of limits has no row for. */
export function limitPageFaults(page: string, declarations = limitDeclarations): string[] {
  return declarations.flatMap(([file, name]) => {
    const names = memberNames(read(file), name);
    if (names.length === 0) return [`${file} declares no ${name}`];
    return names
      .filter((limit) => !page.includes(`\n| \`${limit}\` `))
      .map((limit) => `docs/limits.md has no row for ${limit}`);
  });
}

/**
 * Codes in the text of the source that the errors package does not know: a typing mistake in a comment or a message.
 */
export function unknownCodes({ file, text }: SourceText, codes: readonly string[]): string[] {
  return (
    [...text.matchAll(/\bERR_[A-Z]+(?:_[A-Z]+)*\b/g)]
      .map((match) => match[0])
      // Node's own codes share the prefix.
      .filter(
        (code) =>
          !codes.includes(code) &&
          !/^ERR_(SOCKET|SERVER|STREAM|WORKER|OUT_OF|INVALID|UNHANDLED|MODULE|USE_AFTER|TLS|SSL|HTTP)_/.test(code),
      )
      .map((code) => `${file} names ${code}, which does not exist`)
  );
}

/** A package that can be used alone says how: a README with code in it. */
export function packagePageFaults(): string[] {
  return packageFolders()
    .filter((folder) => exists(`${folder}/src/index.ts`))
    .flatMap((folder) => {
      if (!exists(`${folder}/README.md`)) return [`${folder} has no README.md`];
      return read(`${folder}/README.md`).text.includes('```ts') ? [] : [`${folder}/README.md shows no TypeScript`];
    });
}

/** Decisions are numbered without a gap and listed in the index. */
export function decisionFaults(): string[] {
  const names = filesBelow('docs/adr', ['.md'])
    .map((file) => path.posix.basename(file))
    .filter((name) => name !== 'README.md');
  const index = read('docs/adr/README.md').text;
  return names.flatMap((name, i) => {
    const faults: string[] = [];
    if (!/^\d{4}-[a-z0-9-]+\.md$/.test(name)) faults.push(`docs/adr/${name} is not named 0000-what-was-decided.md`);
    else if (Number(name.slice(0, 4)) !== i + 1)
      faults.push(`docs/adr/${name} should be number ${i + 1}: no gap, no number twice`);
    if (!index.includes(`(${name})`)) faults.push(`docs/adr/README.md does not list ${name}`);
    return faults;
  });
}
