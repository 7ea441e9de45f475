import { existsSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'

/**
 * Whether somebody serves on the socket. One that refuses is stale, left by a process that was
 * killed, and is removed.
 */
export async function socketAnswers(path: string): Promise<boolean> {
  if (!existsSync(path)) return false
  const answer = await new Promise<'yes' | 'refused' | 'no'>((resolve) => {
    const probe = createConnection({ path })
    probe.once('connect', () => {
      probe.destroy()
      resolve('yes')
    })
    probe.once('error', ({ code }: NodeJS.ErrnoException) => {
      resolve(code === 'ECONNREFUSED' ? 'refused' : 'no')
    })
  })
  if (answer === 'refused') rmSync(path, { force: true })
  return answer === 'yes'
}
