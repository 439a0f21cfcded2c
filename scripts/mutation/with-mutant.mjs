// Preload: `node --import '…/with-mutant.mjs?name=NAME' program`. The one module that the mutant changes is transpiled
// from its changed source when it is loaded; the build on disk has nothing of it.
import fs from 'node:fs';
import { register } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { applyChange } from './apply-change.mjs';
import { mutants } from './simulator-mutants.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const name = new URL(import.meta.url).searchParams.get('name');
const mutant = mutants.find((each) => each.name === name);
if (mutant === undefined) throw new Error(`there is no mutant '${name}'`);

const text = applyChange(fs.readFileSync(path.join(root, mutant.file), 'utf8'), mutant, mutant.file);
const { outputText } = ts.transpileModule(text, {
  compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true },
});
const built = path.join(root, mutant.file.replace('/src/', '/dist/').replace(/\.ts$/, '.js'));
if (!fs.existsSync(built)) throw new Error(`${built} is not built`);
register('./simulator-hooks.mjs', import.meta.url, {
  data: { url: pathToFileURL(fs.realpathSync(built)).href, source: outputText },
});
