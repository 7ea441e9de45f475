import { chmodSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createAuthority, makeFolder } from '#boot/authority.ts'
import { Problem } from '#kernel/problem.ts'
import { ISSUER, LOCAL, refusalOf } from '../world.ts'
import { newFolder } from './data-folder.ts'

const init = (directory: string) => createAuthority(directory, ISSUER, {}, LOCAL)
const modeOf = (path: string): number => statSync(path).mode & 0o777

describe('the data folder', () => {
  it('is made with those above it, for its owner alone', async () => {
    const top = join(newFolder(), 'a')
    const data = join(top, 'b', 'c')
    await init(data)
    expect([modeOf(top), modeOf(data)]).toEqual([0o700, 0o700])
  })

  it('may be there already, but not where others could replace what is in it', async () => {
    const data = join(newFolder(), 'data')
    mkdirSync(data)
    chmodSync(data, 0o775)
    expect(await refusalOf(init(data))).toMatchObject({ code: 'store-denied' })
    chmodSync(data, 0o755)
    expect((await init(data)).dataDir).toBe(data)
  })

  // Node's recursive mkdir turns for ever where a parent is there and yet says ENOENT.
  it.runIf(process.platform === 'linux')('is refused where the system makes none', () => {
    expect(() => makeFolder('/proc/credctl/data')).toThrow(Problem)
    expect(() => makeFolder('/dev/null/data')).toThrow(Problem)
  })
})
