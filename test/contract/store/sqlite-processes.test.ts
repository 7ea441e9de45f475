import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Credential } from '#domain/credential/credential.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { newFile, runProcess } from './files.ts'
import { allPages, ids } from './fixtures.ts'
import type { Race } from './race.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function credentialsOf(path: string): Promise<readonly Credential[]> {
  const store = openSqliteStore({ path, mode: 'open' })
  const items = await allPages(1000, (page) => store.read((tx) => tx.listCredentials({}, page)))
  await store.close()
  return items
}

const stored = async (path: string): Promise<string[]> => ids(await credentialsOf(path))

describe('threads that make one database at the same instant', () => {
  it('all succeed, in every one of many rounds', async () => {
    const [threads, rounds] = [3, 60]
    const arrivals = new Int32Array(new SharedArrayBuffer(4))
    const run = (name: number): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const workerData: Race = { folder, arrivals, threads, rounds, name }
        const worker = new Worker(new URL('./race.ts', import.meta.url), { workerData })
        worker.on('message', resolve)
        worker.on('error', reject)
      })
    const problems = await Promise.all(Array.from({ length: threads }, (_, name) => run(name)))
    expect(problems).toEqual(problems.map(() => []))
    expect(await stored(join(folder, `race-${rounds - 1}.db`))).toEqual([
      'cred_2',
      'cred_1',
      'cred_0',
    ])
  })
})

describe('processes at one database', () => {
  it('all succeed in making it at once, and all they write is there', async () => {
    const path = newFile(folder)
    const names = ['a', 'b', 'c', 'd']
    const ended = await Promise.all(names.map((name) => runProcess([path, 'create', name, '25'])))
    expect(ended.map(({ status, errors }) => [status, errors])).toEqual(names.map(() => [0, '']))
    expect((await stored(path)).sort()).toEqual(ended.flatMap(({ lines }) => lines).sort())
    expect(await stored(path)).toHaveLength(100)
  })

  it('give each credential a place in a status list that no other has', async () => {
    const path = newFile(folder)
    const names = ['a', 'b', 'c']
    await Promise.all(names.map((name) => runProcess([path, 'create', name, '40'])))
    const places = (await credentialsOf(path)).map(
      ({ status }) => `${status?.list} ${status?.index}`,
    )
    expect(places).toHaveLength(120)
    expect(new Set(places).size).toBe(120)
    // 120 in lists of 16: seven are full, and none was opened before the last one was.
    expect(new Set(places.map((place) => place.split(' ')[0])).size).toBe(8)
  })

  it('lose nothing that they were told is committed when they are killed', async () => {
    const path = newFile(folder)
    const { lines, status } = await runProcess([path, 'create', 'a', '100000'], { stopAt: 20 })
    expect(status).toBeNull()
    expect(lines.length).toBeGreaterThanOrEqual(20)
    expect(await stored(path)).toEqual(expect.arrayContaining([...lines]))
  })
})
