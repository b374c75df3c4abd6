// Opens an addon where there is no Node.js for its platform: a program that exports what Node-API is made of, each of
// which does nothing, and asks the loader to resolve everything else.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { root, zig } from './tools.mjs'

const source = names => `#include <dlfcn.h>
#include <stdio.h>
${names.map(name => `int ${name}(void) { return 9; }`).join('\n')}
int main(int count, char** arguments) {
  void* addon = dlopen(arguments[1], RTLD_NOW);
  if (!addon || !dlsym(addon, "napi_register_module_v1")) {
    fprintf(stderr, "%s\\n", dlerror());
    return 1;
  }
  return 0;
}
`

/** @returns the path of the program, which takes the path of the addon */
export function buildProbe({ name }, folder) {
  const { v8 } = createRequire(join(root, 'package.json'))('node-api-headers/symbols.js')
  const program = join(folder, 'probe')
  writeFileSync(`${program}.c`, source([...v8.js_native_api_symbols, ...v8.node_api_symbols]))
  const [system, machine, libc] = name.split('-')
  const target = `${machine === 'x64' ? 'x86_64' : machine}-${system}-${libc}`
  execFileSync(zig(), ['cc', '-target', target, '-rdynamic', '-dynamic', `${program}.c`, '-o', program])
  return program
}
