import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { defineConfig, type Plugin, type RolldownOptions } from 'rolldown'
import { clientDeclarations } from './src/boot/client/declarations.ts'

/**
 * What the bundle leaves to node_modules: Fastify. Only a server loads it, and it finds parts of itself
 * (pino's worker threads, its compiled validators) by their place on disk. What is external here is
 * what package.json calls a dependency; test/tidy holds the two together.
 */
export const external: readonly RegExp[] = [/^fastify(?:\/|$)/, /^@fastify\//]

/** An import statement as the bundler writes it, at the head of a chunk. */
const BUILTIN_IMPORT = /^import ([^"';]+) from "([^"]+)";/gm

/** What every command loads. */
const CORE = [
  /\/src\/cli\/(?:[a-z-]+|commands\/(?:index|shapes))\.ts$/,
  /\/src\/cli\/render\/[a-z]+\.ts$/,
  /\/src\/kernel\//,
  // Decoding asks nobody, so its start is all of its time.
  /\/src\/cli\/commands\/token\/(?:inspect|claims)\.ts$/,
  /\/src\/contract\/(?:token|limits|words)\.ts$/,
  /\/src\/domain\/credential\/token\.ts$/,
  /\/src\/boot\/(?:world|io|files|contexts|paths|system)\.ts$/,
  /\/node_modules\/commander\//,
]
/** Loaded by few, and not to be paid for by all. */
const NOT_CORE = /\/src\/cli\/complete\.ts$/

function isCore(id: string): boolean {
  return CORE.some((pattern) => pattern.test(id)) && !NOT_CORE.test(id)
}

/** Of every bundle, so that one file tells of all. */
const bundled = new Set<string>()

const shared = {
  platform: 'node',
  external: [...external],
  // A package that cannot be found must stop the build, not become an import of the bundle.
  onLog(level, log, defaultHandler) {
    defaultHandler(log.code === 'UNRESOLVED_IMPORT' ? 'error' : level, log)
  },
} satisfies RolldownOptions

const output = {
  dir: 'dist',
  format: 'esm',
  entryFileNames: '[name].js',
  // Names and lines stay, because stack traces are read by people.
  keepNames: true,
  minify: { compress: true, mangle: false, codegen: { removeWhitespace: false } },
} satisfies RolldownOptions['output']

/**
 * Builds `dist/`. The program: one entry, and behind it a chunk for whatever is imported lazily. All
 * else is bundled, because opening some hundred files of node_modules costs more than running what is
 * in them. Then the two libraries, apart from it: a resource server loads no command.
 */
export default defineConfig([
  {
    ...shared,
    input: { cli: 'src/boot/cli.ts' },
    output: {
      ...output,
      chunkFileNames: 'chunks/[name].js',
      cleanDir: true,
      // What every command needs, in one file: opening a dozen small ones costs more than reading it.
      codeSplitting: {
        groups: [{ name: 'core', test: isCore }],
        includeDependenciesRecursively: false,
      },
    },
    plugins: [leanBuiltins(), thirdPartyLicenses()],
  },
  {
    ...shared,
    input: { verifier: 'src/boot/verifier.ts' },
    output: { ...output, codeSplitting: false },
    plugins: [
      leanBuiltins(),
      thirdPartyLicenses(),
      declarations('verifier.d.ts', () => readFileSync('src/boot/verifier/types.ts', 'utf8')),
    ],
  },
  {
    ...shared,
    input: { client: 'src/boot/client.ts' },
    output: { ...output, chunkFileNames: 'chunks/client-[name].js' },
    plugins: [
      leanBuiltins(),
      thirdPartyLicenses(),
      declarations('client.d.ts', clientDeclarations),
    ],
  },
])

/** Types beside a library. None of them imports anything, so that nothing else need be installed. */
function declarations(fileName: string, text: () => string): Plugin {
  return {
    name: 'declarations',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName, source: text() })
    },
  }
}

/**
 * Takes Node's own modules by `process.getBuiltinModule` and not by `import`. To import one makes Node
 * read every export of it, and some are getters that load whole families: `node:fs` its promises and
 * streams, `node:http` a web socket. That is 8 ms of every command, and 34 of one that uses HTTP.
 *
 * `node:child_process` waits until somebody spawns: commander imports it for what we do not use.
 */
function leanBuiltins(): Plugin {
  return {
    name: 'lean-builtins',
    renderChunk: (code) => code.replaceAll(BUILTIN_IMPORT, leanImport),
  }
}

/** By its long name: a chunk that imports `node:process` has a `process` of its own, not yet there. */
const GET = 'globalThis.process.getBuiltinModule'

function leanImport(whole: string, names: string, module: string): string {
  if (!isBuiltin(module)) return whole
  const name = module.startsWith('node:') ? module : `node:${module}`
  const source =
    name === 'node:child_process'
      ? `new Proxy({}, { get: (_, key) => ${GET}("${name}")[key] })`
      : `${GET}("${name}")`
  const [, plain, all, named] =
    /^(?:([\w$]+)\s*,?\s*)?(?:\*\s*as\s+([\w$]+))?(?:\{([^}]*)\})?$/.exec(names.trim()) ?? []
  const bound = [
    plain,
    all,
    named === undefined ? undefined : `{${named.replaceAll(/\s+as\s+/g, ': ')}}`,
  ]
  return bound
    .filter((one) => one !== undefined)
    .map((one) => `const ${one} = ${source};`)
    .join('\n')
}

/** MIT, ISC and BSD ask that their notice travels with the code, so it travels beside the bundle. */
function thirdPartyLicenses(): Plugin {
  return {
    name: 'third-party-licenses',
    generateBundle(_options, bundle) {
      for (const output of Object.values(bundle)) {
        if (output.type !== 'chunk') continue
        for (const [id, module] of Object.entries(output.modules)) {
          if (0 < module.renderedLength) bundled.add(packageFolder(id))
        }
      }
      bundled.delete('')
      const notices = [...bundled].map(notice).toSorted()
      this.emitFile({
        type: 'asset',
        fileName: 'THIRD_PARTY_LICENSES.txt',
        source: `This program contains the following packages.\n\n${notices.join('\n')}`,
      })
    },
  }
}

/** The folder of the package a module comes from; empty for our own modules. */
function packageFolder(id: string): string {
  const path = id.replace(/^\0/, '').replace(/\?.*$/, '').replaceAll('\\', '/')
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? ''
}

function notice(folder: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const { name, version, license } = manifest as Record<string, string>
  const file = readdirSync(folder).find((entry) => /^(?:licen[cs]e|copying)(?:[.-]|$)/i.test(entry))
  if (file === undefined) throw new Error(`${name} has no licence file; look at ${folder}`)
  const text = readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim()
  return `${'-'.repeat(80)}\n${name} ${version} (${license})\n\n${text}\n`
}
