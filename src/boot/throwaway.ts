import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Throwaway } from '#cli/kit.ts'

/** A folder that goes when the command is over, after what was opened in it has been closed. */
export async function makeThrowaway(
  onDispose: (close: () => Promise<void>) => void,
): Promise<Throwaway> {
  const folder = await mkdtemp(join(tmpdir(), 'credctl-'))
  let isUnwanted = false
  onDispose(async () => {
    if (isUnwanted) await rm(folder, { recursive: true, force: true })
  })
  return {
    dataDir: join(folder, 'data'),
    dispose: async () => {
      isUnwanted = true
    },
  }
}
