import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type Plugin } from 'rolldown'

/**
 * What the bundle leaves to node_modules: Fastify. Only a server loads it, and it finds parts of itself
 * (pino's worker threads, its compiled validators) by their place on disk. What is external here is
 * what package.json calls a dependency; test/tidy holds the two together.
 */
export const external: readonly RegExp[] = [/^fastify(?:\/|$)/, /^@fastify\//]

/**
 * Builds `dist/`: one entry, and behind it a chunk for whatever is imported lazily. All else is bundled,
 * because opening some hundred files of node_modules costs more than running what is in them.
 */
export default defineConfig({
  input: { cli: 'src/boot/cli.ts' },
  platform: 'node',
  external: [...external],
  // A package that cannot be found must stop the build, not become an import of the bundle.
  onLog(level, log, defaultHandler) {
    defaultHandler(log.code === 'UNRESOLVED_IMPORT' ? 'error' : level, log)
  },
  output: {
    dir: 'dist',
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name].js',
    cleanDir: true,
    // Whitespace and dead code go; names stay, because stack traces are read by people.
    keepNames: true,
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  },
  plugins: [thirdPartyLicenses()],
})

/** MIT, ISC and BSD ask that their notice travels with the code, so it travels beside the bundle. */
function thirdPartyLicenses(): Plugin {
  return {
    name: 'third-party-licenses',
    generateBundle(_options, bundle) {
      const folders = new Set<string>()
      for (const output of Object.values(bundle)) {
        if (output.type !== 'chunk') continue
        for (const [id, module] of Object.entries(output.modules)) {
          if (0 < module.renderedLength) folders.add(packageFolder(id))
        }
      }
      folders.delete('')
      const notices = [...folders].map(notice).toSorted()
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
