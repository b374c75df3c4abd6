// A plugin of TypeDoc. Types of options come from tables (`OptionsOf`), of which their declaration shows nothing: their
// pages, and those of the factories that take them, get the tables of docs/options.md. `[Symbol.dispose]`, which `using`
// calls, is left out beside `dispose`, with which it would share a heading. What is in a namespace is called by it.
import { readFileSync } from 'node:fs'
import { Comment, CommentTag, Converter, PageEvent, ReflectionKind } from 'typedoc'

const reference = readFileSync(new URL('../options.md', import.meta.url), 'utf8')

/** The table that follows the line beginning so. */
function tableAfter(beginning) {
  const at = `\n${reference}`.indexOf(`\n${beginning}`)
  const table = at < 0 ? null : /(?:^\|.*\n)+/m.exec(reference.slice(at))
  if (!table) throw new Error(`docs/options.md has no table after "${beginning}": run npm run docs.`)
  return table[0]
}

const training = 'Shared by `searchRST`'
const ofTypes = {
  TrainingOptions: [training],
  SearchOptions: [training, '`searchRST` and `randomTicket` also:'],
  DenseOptions: [training, '`trainDense` also:'],
  FinetuneOptions: [training, '`finetune` also:'],
  Schedule: ['step', 'cosine', 'constant'].map(kind => `The schedule \`{ kind: '${kind}' }\`:`),
}

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    const describe = (reflection, beginnings) => {
      reflection.comment ??= new Comment()
      const text = beginnings.map(tableAfter).join('\n')
      reflection.comment.blockTags.push(new CommentTag('@options', [{ kind: 'text', text }]))
    }
    const described = new Set()
    for (const factory of project.getReflectionsByKind(ReflectionKind.Variable)) {
      if (factory.type?.name !== 'AttackFactory') continue
      const heading = `### ${factory.parent.name}.${factory.name}\n`
      describe(factory, [heading])
      const alias = factory.type.typeArguments[0].reflection
      // Several attacks may share a type: those have the same options.
      if (!alias || described.has(alias)) continue
      described.add(alias)
      describe(alias, [heading])
    }
    for (const alias of project.getReflectionsByKind(ReflectionKind.TypeAlias)) {
      if (alias.name in ofTypes) describe(alias, ofTypes[alias.name])
    }
    for (const method of project.getReflectionsByKind(ReflectionKind.Method)) {
      if (method.name === '[dispose]') project.removeReflection(method)
    }
  })
  app.renderer.on(PageEvent.END, page => {
    const { parent } = page.model
    if (!parent?.kindOf(ReflectionKind.Namespace)) return
    page.contents = page.contents.replace(/^# ([\w ]+): /m, `# $1: ${parent.name}.`)
  })
}
