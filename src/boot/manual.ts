import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { commandTable } from '#cli/commands/index.ts'
import { manualFiles, withCommands } from '#cli/manual/generate.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The paths that differ from what the command objects say, `undefined` text being one too many. */
export async function differences(): Promise<ReadonlyMap<string, string | undefined>> {
  const expected = new Map<string, string | undefined>(await manualFiles(commandTable))
  for (const folder of ['man', 'completions']) {
    const path = join(root, folder)
    for (const name of existsSync(path) ? readdirSync(path) : []) {
      if (!expected.has(`${folder}/${name}`)) expected.set(`${folder}/${name}`, undefined)
    }
  }
  const readme = read('README.md')
  if (readme !== undefined) expected.set('README.md', withCommands(readme, commandTable))
  return new Map([...expected].filter(([path, text]) => read(path) !== text))
}

function read(path: string): string | undefined {
  const file = join(root, path)
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

/** `npm run generate`; with `--check`, only says what differs, and fails if anything does. */
async function main(argv: readonly string[]): Promise<number> {
  const isCheck = argv.includes('--check')
  const changed = await differences()
  for (const [path, text] of changed) {
    process.stdout.write(
      `${isCheck ? 'differs' : text === undefined ? 'removed' : 'wrote'} ${path}\n`,
    )
    if (isCheck) continue
    const file = join(root, path)
    mkdirSync(dirname(file), { recursive: true })
    if (text === undefined) rmSync(file)
    else writeFileSync(file, text)
  }
  return isCheck && 0 < changed.size ? 1 : 0
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))
