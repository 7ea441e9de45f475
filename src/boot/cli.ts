import { writeSync } from 'node:fs'
import { VERSION } from './version.ts'

/**
 * Runs one command line and answers with its exit status; `bin/credctl.js` alone sets the process's.
 *
 * The version is answered before anything else is loaded: scripts ask for it, and wait.
 */
export async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    writeSync(1, `${VERSION}\n`)
    return 0
  }
  const { runCommandLine } = await import('./world.ts')
  return runCommandLine(argv)
}
