import { beforeAll, describe, expect, it } from 'vitest'
import { house } from '../../oxlint.config.ts'
import { lintPlanted, type Reports } from './planted.ts'

const IMPORTS = 'eslint(no-restricted-imports)'
const GLOBALS = 'eslint(no-restricted-globals)'
const PROPERTIES = 'eslint(no-restricted-properties)'

/** [what, in which room, the line, the rule that must report it] */
const sins: readonly (readonly [string, string, string, string])[] = [
  // Reaching where the room may not reach, in every form an import has.
  ['a module of Node', 'domain', `import 'node:fs'`, IMPORTS],
  ['a module of Node without its scheme', 'domain', `import 'fs'`, IMPORTS],
  ['another room', 'domain', `import '#store/port.ts'`, IMPORTS],
  ['the composition root', 'domain', `import '#boot/system.ts'`, IMPORTS],
  ['an unlisted package', 'domain', `import 'zod'`, IMPORTS],
  [
    'a type only',
    'domain',
    `import type { Store } from '#store/port.ts'\nexport type S = Store`,
    IMPORTS,
  ],
  [
    'an inline type',
    'domain',
    `import { type Store } from '#store/port.ts'\nexport type S = Store`,
    IMPORTS,
  ],
  ['a re-export', 'domain', `export { open } from '#store/port.ts'`, IMPORTS],
  ['a re-export of everything', 'domain', `export * from '#store/port.ts'`, IMPORTS],
  ['a re-export of types', 'domain', `export type { Store } from '#store/port.ts'`, IMPORTS],
  ['a dynamic import', 'domain', `export const s = () => import('#store/port.ts')`, IMPORTS],
  [
    'an import in a type position',
    'domain',
    `export type S = import('#store/port.ts').Store`,
    'typescript(consistent-type-imports)',
  ],
  [
    'a template',
    'domain',
    'const room = "store"\nexport const s = () => import(`#${room}/port.ts`)',
    'import(no-dynamic-require)',
  ],
  [
    'a variable',
    'domain',
    `const path: string = '#store/port.ts'\nexport const s = () => import(path)`,
    'import(no-dynamic-require)',
  ],
  [
    'a sum',
    'domain',
    `export const s = () => import('#store' + '/port.ts')`,
    'import(no-dynamic-require)',
  ],
  [
    'a constant',
    'domain',
    `const path = '#store/port.ts'\nexport const s = () => import(path)`,
    'import(no-dynamic-require)',
  ],
  ['parentheses', 'domain', `export const s = () => import(('#store/port.ts'))`, 'import'],
  [
    'import =',
    'domain',
    `import fs = require('node:fs')\nexport const s = fs`,
    'typescript(no-require-imports)',
  ],
  ['require', 'domain', `export const s = require('node:fs')`, GLOBALS],
  ['code out of text', 'domain', `export const s = Function('return process')`, GLOBALS],
  [
    'code out of text by new',
    'domain',
    `export const s = new Function('return process')`,
    'no-new-func',
  ],
  ['eval', 'domain', `export const s = eval('process')`, 'no-eval'],
  [
    'the constructor of functions',
    'domain',
    `export const s = Reflect.construct(Function, ['return process'])`,
    GLOBALS,
  ],
  ['a path on the disk', 'domain', `import '/etc/passwd.ts'`, IMPORTS],
  ['an address', 'domain', `import 'https://example.com/x.js'`, IMPORTS],
  ['a data URL', 'domain', `import 'data:text/javascript,1'`, IMPORTS],

  // Going up.
  ['../', 'domain', `import '../store/port.ts'`, IMPORTS],
  ['./../', 'domain', `import './../store/port.ts'`, IMPORTS],
  ['a detour', 'domain', `import './a/../../store/port.ts'`, IMPORTS],
  ['a detour through a room', 'domain', `import '#kernel/../store/port.ts'`, IMPORTS],
  ['an escaped ../', 'domain', `import './%2e%2e/store/port.ts'`, IMPORTS],
  ['../ in the composition root', 'boot', `import '../store/port.ts'`, IMPORTS],
  [
    '../ in a type of the composition root',
    'boot',
    `import type { S } from './../store/port.ts'\nexport type T = S`,
    IMPORTS,
  ],

  // Past a port, and look-alikes of what is allowed.
  ['past a port', 'app', `import '#store/sqlite/store.ts'`, IMPORTS],
  ['a file whose name begins like the port', 'app', `import '#store/port.ts.ts'`, IMPORTS],
  ['a room whose name begins like an allowed one', 'app', `import '#domains/x.ts'`, IMPORTS],
  ['a scoped look-alike', 'store', `import '@evil/pg'`, IMPORTS],
  ['a longer look-alike', 'store', `import 'pg-native'`, IMPORTS],
  ['a look-alike of a module', 'store', `import 'node:sqlite-evil'`, IMPORTS],
  ['the store from the client', 'client', `import '#store/port.ts'`, IMPORTS],
  ['the domain from the CLI', 'cli', `import '#domain/client/client.ts'`, IMPORTS],
  ['the server from the CLI', 'cli', `import '#server/dispatch.ts'`, IMPORTS],
  ['the store from the server', 'server', `import '#store/port.ts'`, IMPORTS],
  ['anything from the kernel', 'kernel', `import '#domain/client/client.ts'`, IMPORTS],

  // What belongs to the world.
  ['the time', 'domain', `export const now = () => Date.now()`, GLOBALS],
  ['a Date', 'kernel', `export const now = () => new Date()`, GLOBALS],
  ['the time by another name', 'domain', `export const now = () => globalThis.Date.now()`, GLOBALS],
  ['a stop-watch', 'domain', `export const now = () => performance.now()`, GLOBALS],
  [
    'the time out of a formatter',
    'domain',
    `export const now = () => new Intl.DateTimeFormat().format()`,
    PROPERTIES,
  ],
  [
    'the time out of a formatter, called',
    'domain',
    `export const now = () => Intl.DateTimeFormat().format()`,
    PROPERTIES,
  ],
  ['a timer', 'app', `export const t = () => setTimeout(() => {}, 1)`, GLOBALS],
  ['a signal that waits', 'client', `export const s = () => AbortSignal.timeout(5)`, PROPERTIES],
  ['chance', 'domain', `export const r = () => Math.random()`, PROPERTIES],
  ['chance, unpacked', 'domain', `export const { random } = Math`, PROPERTIES],
  ['chance, by index', 'domain', `export const r = () => Math['random']()`, PROPERTIES],
  ['keys of chance', 'domain', `export const r = () => crypto.randomUUID()`, GLOBALS],
  ['the network', 'domain', `export const f = () => fetch('https://example.com')`, GLOBALS],
  ['the process', 'domain', `export const e = () => process.env`, GLOBALS],
  ['the process, from the CLI', 'cli', `export const e = () => process.argv`, GLOBALS],
  ['the terminal', 'cli', `export const e = () => console.log('x')`, GLOBALS],

  // How code here looks.
  ['a default export', 'domain', `const x = 1\nexport default x`, 'import(no-default-export)'],
  ['any', 'domain', `export const x = (y: any): unknown => y`, 'typescript(no-explicit-any)'],
  [
    'a promise let go',
    'app',
    `export function f(p: Promise<void>): void {\n  p\n}`,
    'typescript(no-floating-promises)',
  ],
  [
    'a case left out',
    'domain',
    `export function f(k: 'a' | 'b'): number {\n  switch (k) {\n    case 'a':\n      return 1\n  }\n  return 0\n}`,
    'typescript(switch-exhaustiveness-check)',
  ],
  ['a file of 401 lines', 'domain', `${'export {}\n'.repeat(401)}`, 'eslint(max-lines)'],
  [
    'a function of 71 lines',
    'domain',
    `export function f(): number {\n  let n = 0\n${'  n++\n'.repeat(68)}  return n\n}`,
    'eslint(max-lines-per-function)',
  ],
  [
    'a disable that disables nothing',
    'domain',
    `// oxlint-disable-next-line no-eval -- never was\nexport const x = 1`,
    'Unused oxlint-disable directive',
  ],
]

/** What the law must let pass, so that it cannot pass these tests by refusing everything. */
const virtues: readonly (readonly [string, string, string])[] = [
  ['a neighbour', 'domain', `export { x } from './x.ts'`],
  ['a neighbour in a folder', 'domain', `export { x } from './a/x.ts'`],
  ['an allowed room', 'domain', `export { refuse } from '#kernel/problem.ts'`],
  ['its own room', 'domain', `export { x } from '#domain/x.ts'`],
  ['a file of a listed package', 'domain', `export { sha256 } from '@noble/hashes/sha2.js'`],
  ['a port', 'app', `export type { Store } from '#store/port.ts'`],
  ['a listed module', 'store', `export { DatabaseSync } from 'node:sqlite'`],
  ['a package of a listed scope', 'server', `export { default as helmet } from '@fastify/helmet'`],
  ['a lazy import', 'boot', `export const s = () => import('#store/sqlite/store.ts')`],
  ['the world, in the composition root', 'boot', `export const now = () => Date.now()`],
]

const nameOf = (kind: string, index: number, room: string) => `src/${room}/${kind}-${index}.ts`

describe('the house law', () => {
  let reports: Reports

  beforeAll(async () => {
    reports = await lintPlanted({
      ...Object.fromEntries(sins.map(([, room, line], i) => [nameOf('sin', i, room), `${line}\n`])),
      ...Object.fromEntries(
        virtues.map(([, room, line], i) => [nameOf('virtue', i, room), `${line}\n`]),
      ),
      'src/kernel/instant.ts': `export const parse = (text: string): number => Date.parse(text)\n`,
      ...cycle,
      ...Object.fromEntries(
        Object.keys(house).map((room) => [`src/${room}/reach.ts`, `import 'node:child_process'\n`]),
      ),
    })
  })

  it.for(sins.map(([what, room, , rule], i) => ({ what, room, rule, i })))(
    'reports $what in $room',
    ({ room, rule, i }) => {
      expect(reports[nameOf('sin', i, room)]).toContainEqual(expect.stringContaining(rule))
    },
  )

  it.for(virtues.map(([what, room], i) => ({ what, room, i })))(
    'lets $room use $what',
    ({ room, i }) => {
      expect(reports[nameOf('virtue', i, room)]).toEqual([])
    },
  )

  it.for(Object.keys(house))('stands over %s', (room) => {
    expect(reports[`src/${room}/reach.ts`]).toContain(IMPORTS)
  })

  it('lets kernel/instant.ts name Date, and nothing else', () => {
    expect(reports['src/kernel/instant.ts']).toEqual([])
  })

  it('reports a cycle', () => {
    expect(reports['src/domain/egg.ts']).toContain('import(no-cycle)')
  })
})

const cycle = {
  'src/domain/egg.ts': `import { hen } from './hen.ts'\nexport const egg = (): string => hen()\n`,
  'src/domain/hen.ts': `import { egg } from './egg.ts'\nexport const hen = (): string => egg()\n`,
}
