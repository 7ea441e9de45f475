import { open, readFile } from 'node:fs/promises'
import type { Files } from '#cli/kit.ts'
import { refuse } from '#kernel/problem.ts'

/** A key, a secret or a list of ids; what is larger is the wrong file. */
const FILE_BYTES_MAX = 64 * 1024 * 1024

export const systemFiles: Files = {
  async readText(path) {
    try {
      const bytes = await readFile(path)
      if (FILE_BYTES_MAX < bytes.length) refuse('request-invalid', `${path} is too large`)
      return bytes.toString('utf8')
    } catch (failure) {
      return refuseFile(path, 'read', failure)
    }
  },
  async writePrivate(path, text) {
    try {
      const handle = await open(path, 'wx', 0o600)
      try {
        await handle.writeFile(text)
      } finally {
        await handle.close()
      }
    } catch (failure) {
      refuseFile(path, 'written', failure)
    }
  },
}

function refuseFile(path: string, deed: 'read' | 'written', failure: unknown): never {
  if (failure instanceof Error && failure.name === 'Problem') throw failure
  const { code = 'error' } = failure as NodeJS.ErrnoException
  const why = code === 'EEXIST' ? 'it exists already, and is never written over' : code
  return refuse('request-invalid', `${path} cannot be ${deed}: ${why}`, {
    next:
      deed === 'read' ? 'check the path and its permissions' : 'name a file that does not exist',
    facts: { path },
  })
}
