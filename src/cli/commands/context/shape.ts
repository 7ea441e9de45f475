import type { Context, Kit } from '#cli/kit.ts'
import { shape } from '#cli/view.ts'

/** A context as it is printed. */
export interface ShownContext extends Context {
  /** Whether it is the one in use. */
  readonly current: boolean
}

export const contextShape = shape<ShownContext>({
  kind: 'context',
  id: ({ name }) => name,
  columns: [
    { key: 'name', keep: true },
    { key: 'current', title: 'in use' },
    { key: 'server', keep: true },
    { key: 'dataDir', title: 'data folder', keep: true },
    { key: 'caCert', title: 'CA certificate', from: 'wide' },
  ],
})

export async function shownContexts({ contexts }: Kit): Promise<readonly ShownContext[]> {
  const current = await contexts.current()
  return (await contexts.list()).map((context) => ({
    ...context,
    current: context.name === current,
  }))
}

/** The environment is stronger than the context in use, which is easily forgotten. */
export function warnOverruled({ env, warn }: Kit): void {
  const stronger = ['CREDCTL_SERVER', 'CREDCTL_CONTEXT', 'CREDCTL_DATA_DIR'].filter(
    (name) => env[name] !== undefined && env[name] !== '',
  )
  if (0 < stronger.length) {
    warn(`${stronger.join(' and ')} is set in the environment and overrules the context in use`)
  }
}
