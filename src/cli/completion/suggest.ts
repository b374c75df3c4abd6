// What may stand where the cursor is, from the commands and options as they are declared.
import type { Argument, Command, Option } from 'commander'

export interface Suggestion {
  readonly value: string
  readonly description?: string
}

export interface Suggestions {
  readonly values: readonly Suggestion[]
  /** What else the shell itself may offer, where there are no values. */
  readonly rest: 'files' | 'folders' | 'none'
}

const nothing: Suggestions = { values: [], rest: 'none' }

/** What the words before the cursor have come to. */
interface Place {
  readonly command: Command
  /** Whose value stands at the cursor. */
  readonly pending?: Option
  /** Words without a flag since the command. */
  readonly positional: number
  readonly given: ReadonlySet<Option>
  /** Whether flags may still come. */
  readonly open: boolean
}

/** @param words those behind the program's name up to the cursor; the last one, perhaps empty, is to be completed */
export function suggest(program: Command, words: readonly string[]): Suggestions {
  const current = words.at(-1) ?? ''
  if (words[0] === 'help' && words.length > 1) return ofHelp(suggest(program, words.slice(1)))
  const place = placeAfter(program, words.slice(0, -1))
  const found = suggestionsAt(place, current)
  return { ...found, values: found.values.filter(({ value }) => value.startsWith(current)) }
}

function placeAfter(program: Command, words: readonly string[]): Place {
  let command = program
  let pending: Option | undefined
  let positional = 0
  let open = true
  const given = new Set<Option>()
  for (const word of words) {
    if (pending !== undefined) pending = undefined
    else if (open && word === '--') open = false
    else if (open && word.startsWith('-')) {
      const option = optionOf(command, word.replace(/=.*/s, ''))
      if (option === undefined) continue
      given.add(option)
      if (option.required && !word.includes('=')) pending = option
    } else {
      const child = positional === 0 ? command.commands.find(one => one.name() === word) : undefined
      if (child !== undefined) command = child
      else positional++
    }
  }
  return { command, pending, positional, given, open }
}

function suggestionsAt({ command, pending, positional, given, open }: Place, current: string): Suggestions {
  if (pending !== undefined) return valuesOf(pending, current)
  if (open && current.startsWith('-')) {
    const [, flag] = /^(--[^=]+)=/.exec(current) ?? []
    if (flag === undefined) return flagsOf(command, given)
    const option = optionOf(command, flag)
    if (option === undefined) return nothing
    const { values, rest } = valuesOf(option, current.slice(flag.length + 1))
    return { values: values.map(({ value }) => ({ value: `${flag}=${value}` })), rest }
  }
  const children = command.createHelp().visibleCommands(command)
  if (children.length > 0) {
    if (positional > 0) return nothing
    return {
      values: children.map(child => ({
        value: child.name(),
        description: child.summary() || child.description(),
      })),
      rest: 'none',
    }
  }
  const arguments_ = command.registeredArguments
  const last = arguments_.at(-1)
  const argument = arguments_[positional] ?? (last?.variadic ? last : undefined)
  if (argument !== undefined) return ofArgument(argument)
  return current === '' ? flagsOf(command, given) : nothing
}

const optionOf = (command: Command, flag: string) =>
  command.options.find(({ long, short }) => flag === long || flag === short)

function flagsOf(command: Command, given: ReadonlySet<Option>): Suggestions {
  const options = command.createHelp().visibleOptions(command)
  const open = options.filter(option => !given.has(option))
  return { values: open.map(({ long, description }) => ({ value: long!, description })), rest: 'none' }
}

/** The names of commands stand behind help, and nothing else. */
function ofHelp({ values }: Suggestions): Suggestions {
  return { values: values.filter(({ value }) => !value.startsWith('-')), rest: 'none' }
}

/** Of an option that takes names separated by commas, what is there already stays before each. */
function valuesOf({ argChoices = [], flags }: Option, current: string): Suggestions {
  const [, what = ''] = /<(\w+)>/.exec(flags) ?? []
  const isList = what.endsWith('s') && argChoices.length > 0
  const done = isList ? current.slice(0, current.lastIndexOf(',') + 1) : ''
  const taken = done.split(',')
  const names = argChoices.filter(name => !taken.includes(name))
  return { values: names.map(name => ({ value: `${done}${name}` })), rest: placeOf(what, names) }
}

function ofArgument(argument: Argument): Suggestions {
  const names = argument.argChoices ?? []
  return { values: names.map(value => ({ value })), rest: placeOf(argument.name(), names) }
}

/** Files or folders, by how a value is called in the help. */
function placeOf(what: string, names: readonly string[]): Suggestions['rest'] {
  if (names.length > 0) return 'none'
  if (what === 'dir') return 'folders'
  return /^(file|ticket)s?$/.test(what) ? 'files' : 'none'
}
