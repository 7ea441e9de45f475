import { copyFileSync, cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Home, type Json, makeAuthority, type Ran } from './harness.ts'

const database = ({ dataDir }: Home): string => join(dataDir, 'authority.db')
const witness = ({ dataDir }: Home): string => join(dataDir, 'authority.position')

/** A copy of the files of a database that is not in use, with its log where it has one. */
function copy(from: string, to: string): void {
  for (const end of ['', '-wal', '-shm']) {
    rmSync(to + end, { force: true })
    if (existsSync(from + end)) copyFileSync(from + end, to + end)
  }
}

const issue = (home: Home): Promise<Ran> =>
  home.run(['token', 'issue', '--client', 'bot', '-o', 'json'])
const revoke = async (home: Home): Promise<void> => {
  const { credential } = await home.json(['token', 'issue', '--client', 'bot'])
  await home.json(['revoke', '--token', credential.id, '--reason', 'testing', '--yes'])
}
const verdict = async (home: Home, token: string): Promise<string> =>
  JSON.parse((await home.run(['token', 'verify', '-o', 'json'], { stdin: token })).out).verdict

/** An authority whose database of before a revocation lies in the place of the newest. */
async function setBack() {
  const home = await makeAuthority('read')
  const issued = await home.json(['token', 'issue', '--client', 'bot'])
  const token: string = issued.token
  const id: string = issued.credential.id
  const old = home.path('old.db')
  copy(database(home), old)
  await home.json(['revoke', '--token', id, '--reason', 'compromise', '--yes'])
  expect(await verdict(home, token)).toBe('revoked')
  copy(old, database(home))
  return { home, token, id }
}

describe('an old database that is copied over the newest', () => {
  it('issues nothing and says what helps, revokes, and is healed by --adopt', async () => {
    const { home, token, id } = await setBack()
    expect(await verdict(home, token)).toBe('accepted')
    for (let i = 0; i < 2; i++) {
      const { status, err } = await issue(home)
      expect(status).toBe(8)
      const problem = JSON.parse(err)
      expect(problem).toMatchObject({ code: 'authority-restored' })
      expect(problem.next).toContain('credctl restore --adopt')
      expect(problem.detail).toContain('the file beside it')
    }
    await home.json(['revoke', '--token', id, '--reason', 'compromise', '--yes'])
    expect(await verdict(home, token)).toBe('revoked')
    expect((await issue(home)).status).toBe(8)

    const unconfirmed = await home.run(['restore', '--adopt', '--yes'])
    expect(unconfirmed).toMatchObject({ status: 2, out: '' })
    expect(unconfirmed.err).toContain('--confirm adopt')
    const wrong = await home.run(['restore', '--adopt', '--confirm', 'restore'])
    expect(wrong).toMatchObject({ status: 2, out: '' })
    const adopted = await home.json(['restore', '--adopt', '--confirm', 'adopt'])
    expect(adopted).toMatchObject({ epoch: 2, dataDir: home.dataDir })
    expect((await issue(home)).status).toBe(0)
    expect(await verdict(home, token)).toBe('revoked')
    expect(JSON.parse(readFileSync(witness(home), 'utf8')).position).toBe(adopted.position)
  })

  it('is told apart by a server as well, which serves what only reads', async () => {
    const { home } = await setBack()
    const server = await home.serve()
    expect((await issue(home)).status).toBe(8)
    expect((await home.run(['client', 'list'])).status).toBe(0)
    expect((await home.run(['restore', '--adopt', '--confirm', 'adopt'])).status).toBe(8)
    expect((await server.stop()).status).toBe(0)
    await home.json(['restore', '--adopt', '--confirm', 'adopt'])
    const again = await home.serve()
    expect((await issue(home)).status).toBe(0)
    await again.stop()
  })

  it('needs a backup or --adopt, and not both', async () => {
    const home = await makeAuthority('read')
    for (const argv of [['restore'], ['restore', 'x', '--adopt']]) {
      const ran = await home.run([...argv, '--confirm', 'adopt'])
      expect(ran).toMatchObject({ status: 2, out: '' })
      expect(ran.err).toContain('--adopt')
    }
  })
})

/** What a verifier says that it has applied, if it has applied this head. */
function appliedOf(head: string): Json {
  const claims = Buffer.from(head.split('.')[1] ?? '', 'base64url').toString()
  const { position, chain, time } = JSON.parse(claims) as Json
  return { position, chain, time }
}

const sync = (url: string, more: object = {}): Promise<Response> =>
  fetch(`${url}/v1/feed/sync`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      nonce: 'n'.repeat(43),
      incarnation: 'i'.repeat(22),
      name: 'api',
      audiences: ['https://api.example.com'],
      mode: 'standard',
      ...more,
    }),
  })

describe('a folder that is copied back whole', () => {
  it('is found out by a verifier that has followed the feed further, and for good', async () => {
    const home = await makeAuthority('read')
    const old = home.path('old')
    cpSync(home.dataDir, old, { recursive: true })
    await revoke(home)
    const first = await home.serve()
    const { head } = (await (await sync(first.url)).json()) as Json
    await first.stop()

    rmSync(home.dataDir, { recursive: true })
    cpSync(old, home.dataDir, { recursive: true })
    expect((await issue(home)).status).toBe(0)
    const second = await home.serve()
    const reported = await sync(second.url, { applied: appliedOf(head) })
    expect(reported.status).toBe(409)
    expect((await issue(home)).status).toBe(8)
    expect((await sync(second.url)).status).toBe(409)
    await second.stop()
    const { status, err } = await issue(home)
    expect([status, JSON.parse(err).detail]).toEqual([8, expect.stringContaining('verifier api')])
    await home.json(['restore', '--adopt', '--confirm', 'adopt'])
    expect((await issue(home)).status).toBe(0)
  })
})

describe('the position beside the database', () => {
  it('is made anew where somebody deletes it', async () => {
    const home = await makeAuthority('read')
    await revoke(home)
    const before = JSON.parse(readFileSync(witness(home), 'utf8'))
    rmSync(witness(home))
    expect((await issue(home)).status).toBe(0)
    expect(JSON.parse(readFileSync(witness(home), 'utf8'))).toEqual(before)
  })

  it('does no harm where a process was killed between a commit and it', async () => {
    const home = await makeAuthority('read')
    const early = readFileSync(witness(home))
    const server = await home.serve()
    await revoke(home)
    server.kill('SIGKILL')
    await server.done
    for (const state of ['as it was left', 'behind']) {
      if (state === 'behind') cpSync(home.dataDir, home.path('kept'), { recursive: true })
      if (state === 'behind') await home.write('.local/share/credctl/authority.position', early)
      expect([state, (await issue(home)).status]).toEqual([state, 0])
    }
    const after = JSON.parse(readFileSync(witness(home), 'utf8'))
    expect(after.position).toBeGreaterThan(JSON.parse(early.toString()).position)
  })

  it('finds out a folder’s database that comes back with the log it had', async () => {
    const home = await makeAuthority('read')
    const server = await home.serve()
    await revoke(home)
    server.kill('SIGKILL')
    await server.done
    expect(existsSync(`${database(home)}-wal`)).toBe(true)
    const old = home.path('old.db')
    copy(database(home), old)
    await revoke(home)
    copy(old, database(home))
    expect((await issue(home)).status).toBe(8)
  })
})
