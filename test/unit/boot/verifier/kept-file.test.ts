import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Failure, Snapshot } from '#boot/verifier/authority.ts'
import { createKeeper, readKept } from '#boot/verifier/kept-file.ts'
import { seededEntropy } from '../../world.ts'
import { ISSUER } from './test-authority.ts'

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'credctl-kept-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

/** What of the machine is otherwise for the rest of a test. */
function replaced<T extends object>(owner: T, name: keyof T, value: unknown): void {
  const before = Object.getOwnPropertyDescriptor(owner, name) as PropertyDescriptor
  Object.defineProperty(owner, name, { value, configurable: true, writable: true })
  onTestFinished(() => void Object.defineProperty(owner, name, before))
}

const feedKeys = [{ kid: 'k', x: 'x' }]
const snapshot: Snapshot = { head: 'h.e.ad', entries: ['{"a":1}', '{"b":"é🦉"}'] }

/** A keeper of which a test sees each fetch, and answers it. */
function keeperAt(path: string) {
  const fetches: ((answer: Snapshot | Failure) => void)[] = []
  const alarms: string[] = []
  let told = (): void => undefined
  const keeper = createKeeper({
    path,
    issuer: ISSUER,
    authority: {
      snapshot: () =>
        new Promise((resolve) => {
          fetches.push(resolve)
          told()
        }),
    },
    feedKeys: () => feedKeys,
    entropy: seededEntropy(),
    alarm: (detail) => {
      alarms.push(detail)
      told()
    },
    pausesMs: { first: 1, next: 1 },
  })
  onTestFinished(() => keeper.close())
  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      told = () => {
        if (holds()) resolve()
      }
      told()
    })
  return { keeper, fetches, alarms, until }
}

async function written(path: string, kept: Snapshot = snapshot): Promise<void> {
  const { keeper, fetches, until } = keeperAt(path)
  keeper.applied(7)
  await until(() => fetches.length === 1)
  fetches[0]?.(kept)
  await keeper.settled()
  keeper.close()
}

describe('the snapshot file', () => {
  it('gives back what was kept', async () => {
    const path = join(await folder(), 'state')
    await written(path)
    expect(await readKept(path, ISSUER)).toEqual({ ...snapshot, feedKeys })
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('is large where the feed is', async () => {
    const path = join(await folder(), 'state')
    const entries = Array.from({ length: 50 }, (_, i) =>
      JSON.stringify({ i, x: 'é'.repeat(30_000) }),
    )
    await written(path, { head: 'h', entries })
    expect(await readKept(path, ISSUER)).toEqual({ head: 'h', entries, feedKeys })
  })

  it('is no state where there is no file', async () => {
    expect(await readKept(join(await folder(), 'state'), ISSUER)).toBeUndefined()
  })

  it('is passed over where a single byte was changed, or it was cut anywhere', async () => {
    const path = join(await folder(), 'state')
    await written(path)
    const whole = await readFile(path)
    const sound = { ...snapshot, feedKeys }
    for (let at = 0; at < whole.length; at++) {
      await writeFile(path, whole.subarray(0, at))
      expect(await readKept(path, ISSUER), `cut at ${at}`).toEqual(expect.any(String))
    }
    const text = whole.toString()
    for (const [from, to] of [
      ['"a":1', '"a":2'],
      ['h.e.ad', 'h.e.bd'],
      ['}\n{', '}\n\n{'],
      ['{"a":1}\n', ''],
      [/$/, 'x'],
    ] as const) {
      expect(text.search(from)).toBeGreaterThan(0)
      await writeFile(path, text.replace(from, to))
      expect(await readKept(path, ISSUER)).toBe('it is damaged')
    }
    await writeFile(path, whole)
    expect(await readKept(path, ISSUER)).toEqual(sound)
  })

  it.for([
    ['', 'it is damaged'],
    ['hello\n', 'it is damaged'],
    ['null\n', 'it is no state of a verifier'],
    ['{}\n', 'it is no state of a verifier'],
    [
      '{"format":"credctl-verifier-state","issuer":"https://other.test"}\n',
      'it is of another authority',
    ],
    [`{"format":"credctl-verifier-state","issuer":"${ISSUER}"}\n`, 'it is damaged'],
    [`{"format":"credctl-verifier-state","issuer":"${ISSUER}","head":"h"}\n`, 'it is damaged'],
    [
      `{"format":"credctl-verifier-state","issuer":"${ISSUER}","head":1,"feedKeys":[]}\n`,
      'it is damaged',
    ],
  ] as const)('%j is passed over: %s', async ([text, why]) => {
    const path = join(await folder(), 'state')
    await writeFile(path, text, { mode: 0o600 })
    expect(await readKept(path, ISSUER)).toBe(why)
  })

  it.for([0o620, 0o602, 0o666])(
    'is passed over with mode %o: its keys may be others’',
    async (mode) => {
      const path = join(await folder(), 'state')
      await written(path)
      chmodSync(path, mode)
      expect(await readKept(path, ISSUER)).toBe('others may write to it')
    },
  )

  it('is passed over where it is another user’s, whatever its mode', async () => {
    const path = join(await folder(), 'state')
    await written(path)
    const { uid } = statSync(path)
    replaced(process, 'getuid', () => uid + 1)
    expect(await readKept(path, ISSUER)).toBe('others may write to it')
  })

  it('is read on Windows, where owner and mode say nothing', async () => {
    const path = join(await folder(), 'state')
    await written(path)
    chmodSync(path, 0o666)
    replaced(process, 'platform', 'win32')
    replaced(process, 'getuid', undefined)
    expect(await readKept(path, ISSUER)).toEqual({ ...snapshot, feedKeys })
  })

  it('is on the disk before it takes the place of the one before', async () => {
    const path = join(await folder(), 'state')
    const handle = await open('.', 'r')
    const files = Object.getPrototypeOf(handle) as typeof handle
    await handle.close()
    const sync = Reflect.get(files, 'sync') as () => Promise<void>
    const flushed: [number, boolean][] = []
    replaced(files, 'sync', async function (this: typeof handle) {
      flushed.push([(await this.stat()).size, existsSync(path)])
      return sync.call(this)
    })
    await written(path)
    expect(flushed).toEqual([[statSync(path).size, false]])
  })

  it('is passed over where it is a folder', async () => {
    const path = join(await folder(), 'state')
    mkdirSync(path)
    expect(await readKept(path, ISSUER)).toBe('it is no file')
  })

  it('is passed over where it is larger than any', async () => {
    const path = join(await folder(), 'state')
    await written(path)
    await truncate(path, 1024 ** 3 + 1)
    expect(await readKept(path, ISSUER)).toBe('it is larger than any state')
  })

  it('is damaged where its keys are no list', async () => {
    const path = join(await folder(), 'state')
    await written(path)
    const text = (await readFile(path, 'utf8')).replace(/"feedKeys":\[.*?\]/, '"feedKeys":{}')
    await writeFile(path, text)
    expect(await readKept(path, ISSUER)).toBe('it is damaged')
  })

  it('passes over keys that are none', async () => {
    const path = join(await folder(), 'state')
    await written(path)
    const text = (await readFile(path, 'utf8')).replace('[{"kid"', '[null,1,{"a":{}},{"kid"')
    await writeFile(path, text)
    expect(await readKept(path, ISSUER)).toEqual({ ...snapshot, feedKeys })
  })
})

/** A timer as long as a keeper's first, and set after it: it fires after it. */
const afterFirstPause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

describe('keeping', () => {
  it('plans one fetch for whatever comes before it, and none once it is closed', async () => {
    const path = join(await folder(), 'state')
    const { keeper, fetches } = keeperAt(path)
    for (const position of [7, 8, 9]) keeper.applied(position)
    await afterFirstPause()
    expect(fetches).toHaveLength(1)
    keeper.applied(10)
    await afterFirstPause()
    expect(fetches).toHaveLength(1)
    const other = keeperAt(path)
    other.keeper.applied(7)
    other.keeper.close()
    other.keeper.applied(8)
    await afterFirstPause()
    expect(other.fetches).toEqual([])
  })

  it('fetches once for each change, and not while nothing changes', async () => {
    const path = join(await folder(), 'state')
    const { keeper, fetches, until } = keeperAt(path)
    keeper.applied(7)
    keeper.applied(7)
    await until(() => fetches.length === 1)
    keeper.applied(8)
    fetches[0]?.(snapshot)
    await until(() => fetches.length === 2)
    fetches[1]?.({ ...snapshot, head: 'second' })
    await keeper.settled()
    keeper.applied(8)
    expect(keeper.isPlanned()).toBe(false)
    expect(await readKept(path, ISSUER)).toMatchObject({ head: 'second' })
  })

  it('tries again where nothing came, and keeps what was there', async () => {
    const path = join(await folder(), 'state')
    await written(path)
    const { keeper, fetches, alarms, until } = keeperAt(path)
    keeper.applied(8)
    await until(() => fetches.length === 1)
    fetches[0]?.({ isFailure: true, status: 0, reason: 'ECONNREFUSED' })
    await until(() => fetches.length === 2)
    expect(await readKept(path, ISSUER)).toMatchObject(snapshot)
    expect(alarms).toEqual([])
  })

  it('alarms once where it cannot write, and leaves nothing behind', async () => {
    const home = await folder()
    const path = join(home, 'state')
    mkdirSync(path)
    const { keeper, fetches, alarms, until } = keeperAt(path)
    keeper.applied(7)
    await until(() => fetches.length === 1)
    fetches[0]?.(snapshot)
    await until(() => fetches.length === 2)
    fetches[1]?.(snapshot)
    await until(() => fetches.length === 3)
    expect(alarms).toEqual([
      expect.stringMatching(/^the snapshot file .*\/state cannot be written \(E\w+\)$/),
    ])
    expect(readdirSync(home)).toEqual(['state'])
  })

  it('writes nothing once it is closed', async () => {
    const path = join(await folder(), 'state')
    const { keeper, fetches, until } = keeperAt(path)
    keeper.applied(7)
    await until(() => fetches.length === 1)
    keeper.close()
    fetches[0]?.(snapshot)
    await keeper.settled()
    expect(existsSync(path)).toBe(false)
    expect(keeper.isPlanned()).toBe(false)
  })
})
