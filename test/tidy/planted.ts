import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'

export const root = join(import.meta.dirname, '..', '..')

/** Every report on a file, as `plugin(rule)` or as its words; a clean file has an empty list. */
export type Reports = Readonly<Record<string, readonly string[]>>

/**
 * Lints files that break the law, in a house of their own under the system's temporary folder: our
 * configuration, our packages, nothing of our source. So a run that is killed leaves nothing in src.
 */
export async function lintPlanted(files: Readonly<Record<string, string>>): Promise<Reports> {
  const house = await mkdtemp(join(tmpdir(), 'credctl-tidy-'))
  try {
    for (const name of ['oxlint.config.ts', 'tsconfig.json', 'package.json']) {
      await copyFile(join(root, name), join(house, name))
    }
    await symlink(join(root, 'node_modules'), join(house, 'node_modules'), 'junction')
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(house, path)), { recursive: true })
      await writeFile(join(house, path), text)
    }
    return await lint(house, Object.keys(files))
  } finally {
    await rm(house, { recursive: true, force: true })
  }
}

async function lint(house: string, paths: readonly string[]): Promise<Reports> {
  const reports: Record<string, string[]> = Object.fromEntries(paths.map((path) => [path, []]))
  for (const { code, filename, message } of await oxlint(house)) {
    const path = relative(house, join(house, filename)).replaceAll('\\', '/')
    reports[path]?.push(code ?? message)
  }
  return reports
}

interface Diagnostic {
  readonly code?: string
  readonly message: string
  readonly filename: string
}

/** Runs the linter the way `npm run check` does. Exit 1 is what it says when it has found something. */
function oxlint(cwd: string): Promise<readonly Diagnostic[]> {
  const bin = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint')
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [bin, '--type-aware', '--deny-warnings', '--format', 'json', 'src'],
      { cwd, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error !== null && error.code !== 1)
          return reject(new Error(stderr || stdout, { cause: error }))
        try {
          const { diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] }
          resolve(diagnostics)
        } catch (cause) {
          reject(new Error(`oxlint printed no report: ${stdout.slice(0, 500)}${stderr}`, { cause }))
        }
      },
    )
  })
}
