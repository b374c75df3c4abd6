// One name in two spellings: camelCase in the API, kebab-case on the command line.

/** 'apgd-t' of 'apgdT'. */
export const kebabCase = (name: string): string =>
  name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)

/** 'apgdT' of 'apgd-t'. */
export const camelCase = (name: string): string =>
  name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
