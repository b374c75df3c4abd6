// Editors show the sentences of the option tables where options are written: in declarations, after the build.
import { resolve } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { count } from '../../src/inputs/kinds.ts'
import { computed, defaultText, option, type Row, requiredOption } from '../../src/inputs/rows.ts'

const script = resolve('scripts/document-types.mjs')
const { documented } = (await import(script)) as {
  documented: (declarations: string, module: object, text: (row: Row) => string) => string
}

const sampleRows = {
  eps: requiredOption(count(), 'radius of the ball'),
  steps: option(count(), 20, 'gradient steps', { more: 'Ends with */ or not.' }),
  size: option(
    count(),
    computed('eps/4', ({ eps }: { eps: number }) => eps / 4),
    'step size',
  ),
  own: option(count(), 1, 'a sentence that gives way'),
}
const declarations = `import { type DefaultRow, type OptionsOf, type RequiredRow } from '../inputs/rows.ts';
export declare const sampleRows: {
    eps: RequiredRow<number>;
    steps: DefaultRow<number>;
    size: DefaultRow<number>;
    /** Its own comment. */
    own: DefaultRow<number>;
};
export type SampleOptions = OptionsOf<typeof sampleRows>;
export interface Other {
    steps: number;
}
`

it('comments stand above the options of exported tables, and nowhere else', () => {
  const text = documented(declarations, { sampleRows }, defaultText)
  expect(text).toBe(
    declarations
      .replace('    eps: R', '    /** Radius of the ball. */\n    eps: R')
      .replace('    steps: D', '    /** Gradient steps. Ends with * or not. Default: 20. */\n    steps: D')
      .replace('    size: D', '    /** Step size. Default: eps/4. */\n    size: D'),
  )
  expect(documented(text, { sampleRows }, defaultText)).toBe(text)
})

it('comments stand above the options of tables in a table', () => {
  const text = `export declare const kindRows: {
    a: {
        eps: RequiredRow<number>;
        accepts: string;
    };
    eps: {
        required: true;
    };
};
export interface Other {
    a: {
        eps: number;
    };
}
`
  const rows = { kindRows: { a: { eps: sampleRows.eps }, eps: sampleRows.eps } }
  expect(documented(text, rows, defaultText)).toBe(
    text
      .replace('        eps: R', '        /** Radius of the ball. */\n        eps: R')
      .replace('    eps: {', '    /** Radius of the ball. */\n    eps: {'),
  )
})

it('an editor shows them on options that are written', { timeout: 60_000 }, () => {
  const user = `import type { SampleOptions } from './sample.ts'\nexport const options: SampleOptions = { eps: 1, steps: 3, size: 2 }\n`
  const files = new Map([
    [resolve('src/attacks/sample.ts'), documented(declarations, { sampleRows }, defaultText)],
    [resolve('src/attacks/user.ts'), user],
  ])
  const host: ts.LanguageServiceHost = {
    getCompilationSettings: () => ({
      strict: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      types: [],
    }),
    getScriptFileNames: () => [...files.keys()],
    getScriptVersion: () => '1',
    getScriptSnapshot: path => {
      const text = files.get(path) ?? ts.sys.readFile(path)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getCurrentDirectory: () => resolve('.'),
    getDefaultLibFileName: options => ts.getDefaultLibFilePath(options),
    fileExists: path => files.has(path) || ts.sys.fileExists(path),
    readFile: path => files.get(path) ?? ts.sys.readFile(path),
    directoryExists: ts.sys.directoryExists,
  }
  const service = ts.createLanguageService(host)
  const [path] = [...files.keys()].slice(1)
  const shown = (option: string) =>
    ts.displayPartsToString(service.getQuickInfoAtPosition(path, user.indexOf(`${option}:`))?.documentation)
  expect(shown('eps')).toBe('Radius of the ball.')
  expect(shown('steps')).toBe('Gradient steps. Ends with * or not. Default: 20.')
  expect(shown('size')).toBe('Step size. Default: eps/4.')
})
