import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { backUp } from '#boot/backup.ts'
import { LOCAL, refusalOf } from '../world.ts'
import { contents, dataFolder, existing, issue, newFolder, save } from './data-folder.ts'

describe('a backup', () => {
  it('is a whole copy that only its owner can read, and is on record', async () => {
    const home = await dataFolder()
    const here = home.open()
    await issue(here, 20)
    const file = join(home.folder, 'backup.db')
    const made = await save(home, file)
    expect(made).toEqual({
      file,
      bytes: statSync(file).size,
      issuer: 'http://127.0.0.1:7420',
      position: contents(file).position,
    })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(contents(file)).toMatchObject({ check: ['ok'] })
    expect(contents(file).credentials).toHaveLength(20)
    expect(contents(file).audit).not.toContain('authority.backup')
    expect((await here.admin.listAudit({ action: 'authority.backup' })).items).toMatchObject([
      { actor: LOCAL.actor, outcome: 'ok', detail: { file } },
    ])
    expect(readdirSync(home.folder).toSorted()).toEqual(['backup.db', 'data'])
  })

  it('taken while others write is of one instant, and ends although they go on', async () => {
    const home = await dataFolder()
    const writer = home.open()
    await issue(writer, 2_000)
    const file = join(home.folder, 'backup.db')
    let isDone = false
    let written = 0
    const steps: number[] = []
    const writing = (async () => {
      while (!isDone) {
        await issue(writer, 3)
        await writer.admin.revoke({ selector: { clients: ['a'] }, reason: 'testing' })
        written += 1
        await new Promise(setImmediate)
      }
    })()
    await backUp(home.data, file, {}, { caller: LOCAL, onProgress: (done) => steps.push(done) })
    isDone = true
    await writing
    expect(written).toBeGreaterThan(0)
    // It never began anew: what is copied only grows.
    expect(steps.toSorted((a, b) => a - b)).toEqual(steps)
    const copy = contents(file)
    const whole = contents(home.files.database)
    expect(copy.check).toEqual(['ok'])
    for (const list of ['credentials', 'feed', 'audit'] as const) {
      expect(copy[list]).toEqual(whole[list].slice(0, copy[list].length))
    }
    expect((copy.credentials.length - 2_000) % 3).toBe(0)
    expect(copy.feed.at(-1) ?? copy.position).toBe(copy.position)
  })

  it('never writes over anything', async () => {
    const home = await dataFolder()
    const file = join(home.folder, 'precious')
    writeFileSync(file, 'precious')
    const before = readFileSync(home.files.database)
    for (const path of [file, home.files.database, home.folder]) {
      const problem = await refusalOf(save(home, path))
      expect(problem).toMatchObject({ code: 'request-invalid' })
      expect(problem.message).toContain(`${path} cannot be written`)
    }
    expect(readFileSync(file, 'utf8')).toBe('precious')
    expect(readFileSync(home.files.database)).toEqual(before)
    expect((await refusalOf(save(home, join(home.folder, 'no', 'where')))).message).toMatch(
      /ENOENT/,
    )
  })

  it('of nothing, of a damaged or of another program’s database leaves no file', async () => {
    const folder = newFolder()
    const home = existing(folder, join(folder, 'data'))
    const file = join(folder, 'backup.db')
    expect((await refusalOf(save(home, file))).code).toBe('authority-missing')
    mkdirSync(home.data)
    writeFileSync(home.files.database, '')
    expect((await refusalOf(save(home, file))).code).toBe('authority-missing')
    writeFileSync(home.files.database, 'no database at all '.repeat(500))
    expect((await refusalOf(save(home, file))).code).toBe('store-corrupt')
    expect(readdirSync(folder)).toEqual(['data'])

    const damaged = await dataFolder()
    await issue(damaged.open(), 500)
    await damaged.open().close()
    const bytes = readFileSync(damaged.files.database)
    bytes.fill(0xa5, Math.floor(bytes.length * 0.6))
    const elsewhere = existing(damaged.folder, join(damaged.folder, 'copy'))
    mkdirSync(elsewhere.data)
    writeFileSync(elsewhere.files.database, bytes)
    const problem = await refusalOf(save(elsewhere, file))
    expect(problem.code).toBe('store-corrupt')
    expect(readdirSync(folder)).toEqual(['data'])
  })
})
