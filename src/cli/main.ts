import type { World } from './kit.ts'

/**
 * Runs one command line and answers with its exit status; `bin/` alone sets the process's. The
 * version is answered before anything else is loaded: scripts ask for it, and wait.
 */
export async function main(argv: readonly string[], world: World): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    await world.io.out(`${world.version}\n`)
    return 0
  }
  const { runProgram } = await import('./program.ts')
  const { commandTable } = await import('./commands/index.ts')
  return await runProgram(argv, world, commandTable)
}
