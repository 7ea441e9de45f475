import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { connectTo } from '#boot/connect.ts'
import type { Connecting } from '#cli/kit.ts'
import type { Admin } from '#contract/admin-api.ts'
import { dataFolder } from './data-folder.ts'

/** An authority on disk, and commands run on it one after the other, each as a process runs it. */
async function embedded() {
  const home = await dataFolder()
  const database = new DatabaseSync(home.files.database)
  onTestFinished(() => database.close())
  const rows = (): unknown => database.prepare('SELECT count(*) AS n FROM credential').get()?.['n']
  const run = async (work: (admin: Admin) => Promise<unknown>, connecting: Connecting = {}) => {
    const closing: (() => Promise<void>)[] = []
    const admin = await connectTo(
      { kind: 'embedded', dataDir: home.data },
      {},
      { onDispose: (close) => closing.push(close), warn: String, ...connecting },
    )
    await work(admin)
    const answered = rows()
    for (const close of closing) await close()
    return { answered, left: rows() }
  }
  return { run, database }
}

const issue = (count: number) => (admin: Admin) => admin.issueTokens({ clientId: 'a', count })

describe('an embedded command', () => {
  it('purges after its answer, as much as it adds, where it changes anything', async () => {
    const { run, database } = await embedded()
    await run(issue(3_000))
    database.exec('UPDATE credential SET expires_s = expires_s - 31536000')
    const list = (admin: Admin) => admin.listClients({})
    expect(await run(list)).toEqual({ answered: 3_000, left: 3_000 })
    expect(await run(issue(1))).toEqual({ answered: 3_001, left: 2_501 })
    // So that a file into which much is issued does not grow for ever.
    const { left } = await run(issue(1_700))
    expect(left).toBeLessThanOrEqual(2_501)
  })

  it('makes its changes under the key it is given', async () => {
    const { run } = await embedded()
    const connecting = { idempotencyKey: 'k' }
    for (let i = 0; i < 3; i++) expect(await run(issue(1), connecting)).toMatchObject({ left: 1 })
    expect(await run(issue(1))).toMatchObject({ left: 2 })
  })
})
