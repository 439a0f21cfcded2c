import path from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../../../..');

it('the public types are what programs outside are written against', () => {
  const read = ts.readConfigFile(path.join(root, 'tsconfig.base.json'), (file) => ts.sys.readFile(file));
  const { options } = ts.parseJsonConfigFileContent({ ...read.config, files: [] }, ts.sys, root);
  const file = path.join(import.meta.dirname, 'types.test-d.ts');
  const program = ts.createProgram([file], {
    ...options,
    composite: false,
    declaration: false,
    declarationMap: false,
    noEmit: true,
    customConditions: ['@coterie/source'],
    rootDir: root,
  });
  const source = program.getSourceFile(file);
  const faults = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  expect(faults.map((fault) => ts.flattenDiagnosticMessageText(fault.messageText, '\n'))).toEqual([]);
  expect(source?.statements.length).toBeGreaterThan(20);
});
