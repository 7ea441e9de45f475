import { refuse } from '#kernel/problem.ts'
import type { Context, Contexts, Environment, Target } from './kit.ts'

interface Given {
  readonly server?: string | undefined
  readonly context?: string | undefined
  readonly dataDir?: string | undefined
  readonly caCert?: string | undefined
}

/**
 * Which authority is meant: flags before the environment before the context in use before the folder
 * on this machine. One level decides alone: `--data-dir` wins over `CREDCTL_SERVER`.
 */
export async function targetOf(
  flags: Given,
  env: Environment,
  contexts: Contexts,
): Promise<Target> {
  const fromFlags = await level(flags, contexts, flags.caCert)
  if (fromFlags !== undefined) return fromFlags
  // All of them may be set for good in a profile, so here the first one decides and none is a slip.
  const [first] = (['CREDCTL_SERVER', 'CREDCTL_CONTEXT', 'CREDCTL_DATA_DIR'] as const)
    .map((name) => [keys[name], env[name]] as const)
    .filter(([, value]) => value !== undefined && value !== '')
  const fromEnv =
    first === undefined ? undefined : await level({ [first[0]]: first[1] }, contexts, flags.caCert)
  if (fromEnv !== undefined) return fromEnv
  const current = await contexts.current()
  if (current !== undefined) return await ofContext(current, contexts, flags.caCert)
  return { kind: 'embedded' }
}

const keys = {
  CREDCTL_SERVER: 'server',
  CREDCTL_CONTEXT: 'context',
  CREDCTL_DATA_DIR: 'dataDir',
} as const

async function level(
  given: Given,
  contexts: Contexts,
  caCert: string | undefined,
): Promise<Target | undefined> {
  const { server, context, dataDir } = given
  const named = Object.entries({ server, context, dataDir }).filter(([, v]) => v !== undefined)
  if (1 < named.length) {
    refuse('usage-invalid', 'of --server, --context and --data-dir only one can be meant', {
      next: 'leave out the others',
    })
  }
  if (server !== undefined) return { kind: 'remote', server, caCert }
  if (dataDir !== undefined) return { kind: 'embedded', dataDir }
  if (context !== undefined) return await ofContext(context, contexts, caCert)
  return undefined
}

async function ofContext(
  name: string,
  contexts: Contexts,
  caCert: string | undefined,
): Promise<Target> {
  const found: Context =
    (await contexts.list()).find((one) => one.name === name) ??
    refuse('context-unknown', 'there is no context of that name', { next: 'credctl context list' })
  if (found.server === undefined) return { kind: 'embedded', dataDir: found.dataDir }
  return { kind: 'remote', server: found.server, caCert: caCert ?? found.caCert, context: name }
}
