import { defineConfig, type OxlintOverride } from 'oxlint'

type Rules = NonNullable<OxlintOverride['rules']>

/**
 * The house law: what each room may use. `./` is always allowed, `../` never; all else is refused.
 *
 * `#room` opens a whole room and `#room/file.ts` one file of it; the rest are packages and modules of
 * Node. `boot` is absent: the composition root may use everything, and is the only one that may.
 * src/README.md shows the same table, and test/tidy holds the two together.
 */
export const house: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  domain: ['#kernel', '@noble/hashes'],
  contract: ['#kernel', '#domain', 'zod'],
  telemetry: ['#kernel'],
  store: ['#kernel', '#domain', 'node:sqlite', 'pg'],
  signer: ['#kernel', '#domain', 'node:crypto', 'jose'],
  federation: ['#kernel', '#domain', 'jose', '@marcbachmann/cel-js'],
  app: [
    '#kernel',
    '#domain',
    '#store/port.ts',
    '#signer/port.ts',
    '#federation/port.ts',
    '#telemetry/port.ts',
  ],
  server: [
    '#kernel',
    '#domain',
    '#contract',
    '#app',
    '#telemetry',
    'fastify',
    '@fastify/*',
    'zod',
    'zod-openapi',
  ],
  client: ['#kernel', '#contract'],
  verifier: ['#kernel', '#domain', '#contract', 'jose'],
  cli: ['#kernel', '#contract', '#client', 'commander', 'chalk', 'cli-table3', 'yaml'],
  web: ['#kernel', '#contract', '#client'],
  sim: [
    '#kernel',
    '#domain',
    '#contract',
    '#store',
    '#signer',
    '#app',
    '#server',
    '#client',
    '#verifier',
  ],
}

/**
 * What no room may reach for, because it is the world's and not ours: time, chance, network, process.
 * The second half are ways round the first.
 */
const ambient = [
  'Date',
  'Temporal',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'crypto',
  'fetch',
  'WebSocket',
  'EventSource',
  'XMLHttpRequest',
  'BroadcastChannel',
  'Worker',
  'navigator',
  'localStorage',
  'sessionStorage',
  'process',
  'console',
  'globalThis',
  'global',
  'self',
  'window',
  'require',
  'module',
  'eval',
  'Function',
]

/** Members of otherwise harmless globals that read the clock, wait, or draw lots. */
const ambientMembers = [
  ['Math', 'random', 'Take an Entropy.'],
  ['AbortSignal', 'timeout', 'Take a Clock.'],
  ['Atomics', 'wait', 'Take a Clock.'],
  ['Atomics', 'waitAsync', 'Take a Clock.'],
  ['Intl', 'DateTimeFormat', 'Its format() reads the clock. Take a Clock, and kernel/instant.ts.'],
] as const

const refuseGlobals = (names: readonly string[]): NonNullable<Rules['no-restricted-globals']> => [
  'error',
  ...names.map((name) => ({
    name,
    message: 'Ambient. Take a Clock, Entropy, Transport, Io or Telemetry.',
  })),
]

/** No way up, however it is spelt: `../`, `./../`, and what Node's URL parser reads as such. */
const upwards = ['..', '../**', '**/../**', '**/..', '**/*%*', '**/*%*/**']

/**
 * Refuses every specifier but these. The patterns are gitignore's, where the last that matches wins and
 * a name without a slash matches at any depth: `!pg` alone would admit `@any/pg`. So the bare names
 * come first, then whatever has a slash is refused again, then come the exceptions that have one.
 * (A regular expression would say it shorter, but one with a lookahead is dropped without a word.)
 */
const allBut = (uses: readonly string[]) => [
  '**',
  ...uses.filter((use) => !use.startsWith('#')).map((use) => `!${use}`),
  '*/**',
  '!./**',
  ...uses.map((use) => `!${use}${use.endsWith('.ts') ? '' : '/**'}`),
  ...uses.filter((use) => use.startsWith('@')).map((use) => `!${use}`),
  ...upwards,
]

const lawOf = ([room, uses]: [string, readonly string[]]): OxlintOverride => ({
  files: [`src/${room}/**`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: allBut([`#${room}`, ...uses]),
            message: `${room} may use only: ${uses.join(', ') || 'itself'}.`,
          },
        ],
      },
    ],
    'no-restricted-globals': refuseGlobals(ambient),
    'no-restricted-properties': [
      'error',
      ...ambientMembers.map(([object, property, message]) => ({ object, property, message })),
    ],
  },
})

export default defineConfig({
  plugins: ['typescript', 'import', 'unicorn', 'oxc', 'promise', 'node', 'vitest'],
  categories: { correctness: 'error' },
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: 'error' },
  ignorePatterns: ['dist/**', 'coverage/**'],
  rules: {
    'import/no-cycle': 'error',
    'import/no-default-export': 'error',
    // A path that is only known at run time is an import line the law cannot read.
    'import/no-dynamic-require': ['error', { esmodule: true }],
    'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
    'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
    'no-eval': 'error',
    'no-new-func': 'error',
    'typescript/consistent-type-imports': ['error', { disallowTypeAnnotations: true }],
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-require-imports': 'error',
    'typescript/switch-exhaustiveness-check': 'error',
  },
  overrides: [
    {
      files: ['src/**'],
      rules: {
        'no-restricted-imports': [
          'error',
          { patterns: [{ group: upwards, message: 'Write #room/file.ts, never ../.' }] },
        ],
      },
    },
    ...Object.entries(house).map(lawOf),
    {
      // The one file that may name Date, to read and write RFC 3339; it asks nobody for the time.
      files: ['src/kernel/instant.ts'],
      rules: { 'no-restricted-globals': refuseGlobals(ambient.filter((name) => name !== 'Date')) },
    },
    { files: ['*.config.ts'], rules: { 'import/no-default-export': 'off' } },
    // A describe block is one function; what matters in it is the length of a test, not of the list.
    {
      files: ['test/**'],
      rules: {
        'max-lines-per-function': 'off',
        'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
        // A property expects something else of each kind of value that it draws.
        'vitest/no-conditional-expect': 'off',
        // Stages that several tests share expect what every one of them relies on.
        'vitest/no-standalone-expect': 'off',
        // Tables run every row through one function, and that one expects.
        'vitest/expect-expect': [
          'error',
          { assertFunctionNames: ['expect', 'expectTypeOf', 'check', 'play'] },
        ],
        // The second argument names the case of a loop that failed.
        'vitest/valid-expect': ['error', { maxArgs: 2 }],
      },
    },
  ],
})
