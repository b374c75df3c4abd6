#!/usr/bin/env node
// What prebuildify calls in place of node-gyp: builds the addon of PREBUILD_TARGET by CMake into build/Release of the
// current folder.
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { configure, make } from './cmake.mjs'
import { targets } from './targets.mjs'
import { root, zig } from './tools.mjs'

const target = targets.find(({ name }) => name === process.env.PREBUILD_TARGET)
const headers = createRequire(join(root, 'package.json'))('node-api-headers')
const folder = process.cwd()
const definitions = {
  CMAKE_JS_INC: headers.include_dir,
  CMAKE_LIBRARY_OUTPUT_DIRECTORY: join(folder, 'build', 'Release'),
  CMAKE_RUNTIME_OUTPUT_DIRECTORY: join(folder, 'build', 'Release'),
}
if (target.platform === 'win32') {
  // What node.exe exports, as a library to link with.
  const library = join(folder, 'node.lib')
  execFileSync(zig(), ['dlltool', '-m', 'i386:x86-64', '-d', headers.def_paths.node_api_def, '-l', library])
  definitions.CMAKE_JS_LIB = library
}
configure(target, folder, definitions)
make(folder, ['rst-native'])
