import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Context, Contexts } from '#cli/kit.ts'
import { refuse } from '#kernel/problem.ts'

const NAME = 'contexts'

interface Stored {
  readonly current?: string
  readonly contexts: readonly Context[]
}

/**
 * Contexts on disk. Written by conf, which replaces the file atomically; read here, since most
 * commands only want to know that there is none, and conf takes longer to load than they to run.
 */
export function storedContexts(directory: string): Contexts {
  const file = join(directory, `${NAME}.json`)
  const find = (name: string): Context =>
    read(file).contexts.find((context) => context.name === name) ?? refuseUnknown(name)
  return {
    list: async () => read(file).contexts,
    current: async () => read(file).current,
    async add(context) {
      const stored = read(file)
      if (stored.contexts.some(({ name }) => name === context.name)) {
        refuse('context-exists', `a context ${context.name} exists already`, {
          next: `credctl context remove ${context.name}, or choose another name`,
          facts: { context: context.name },
        })
      }
      await write(directory, { ...stored, contexts: [...stored.contexts, context] })
    },
    async use(name) {
      await write(directory, { ...read(file), current: find(name).name })
    },
    async remove(name) {
      const { current, contexts } = read(file)
      const rest = contexts.filter((context) => context !== find(name) && context.name !== name)
      await write(directory, {
        contexts: rest,
        ...(current === undefined || current === name ? {} : { current }),
      })
    },
  }
}

const refuseUnknown = (name: string): never =>
  refuse('context-unknown', `there is no context ${name}`, {
    next: 'credctl context list',
    facts: { context: name },
  })

function read(file: string): Stored {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return { contexts: [] }
    return refuseDamaged(file, (failure as NodeJS.ErrnoException).code ?? 'error')
  }
  try {
    const value = JSON.parse(text) as Partial<Stored> | null
    if (value !== null && Array.isArray(value.contexts) && isTextOrAbsent(value.current)) {
      if (value.contexts.every(isContext)) return value as Stored
    }
  } catch {
    return refuseDamaged(file, 'it is not JSON')
  }
  return refuseDamaged(file, 'it does not hold contexts')
}

/** The file is edited by hand too, and what is no text there would be taken for a path or a URL. */
function isContext(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { name, server, dataDir, caCert } = value as Record<keyof Context, unknown>
  return typeof name === 'string' && [server, dataDir, caCert].every(isTextOrAbsent)
}

const isTextOrAbsent = (value: unknown): boolean => value === undefined || typeof value === 'string'

const refuseDamaged = (file: string, why: string): never =>
  refuse('configuration-invalid', `${file} cannot be used: ${why}`, {
    next: 'mend the file, or remove it and add the contexts again',
    facts: { file },
  })

async function write(directory: string, stored: Stored): Promise<void> {
  const { default: Conf } = await import('conf')
  const conf = new Conf<{ current?: string; contexts: readonly Context[] }>({
    cwd: directory,
    configName: NAME,
    projectName: 'credctl',
    configFileMode: 0o600,
    clearInvalidConfig: false,
  })
  if (stored.current === undefined) conf.delete('current')
  else conf.set('current', stored.current)
  conf.set('contexts', stored.contexts)
}
