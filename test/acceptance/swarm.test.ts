import { setTimeout } from 'node:timers/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Answer, type Api, socketApi } from './api.ts'
import { examine } from './examine.ts'
import { type Home, makeAuthority, type Ran } from './harness.ts'
import { chance, inTurns } from './pool.ts'

/** Deaths of servers under load, and of commands that work on the database side by side. */
const SERVER_DEATHS = 60
const COMMAND_DEATHS = 150
/** Callers of a server at a time, and the most answers after which it dies. */
const CALLERS = 4
const ANSWERS_MAX = 24
/** A command is over after about this long, so that deaths fall into all of it. */
const COMMAND_MS = 90

/** What somebody was told: an id, and the list it must be found in from then on. */
interface Told {
  readonly credentials: Set<string>
  readonly revocations: Set<string>
  readonly keys: Set<string>
}

const nothingTold = (): Told => ({ credentials: new Set(), revocations: new Set(), keys: new Set() })

async function mustKnow({ dataDir }: Home, told: Told): Promise<void> {
  const found = await examine(join(dataDir, 'authority.db'))
  expect([...told.credentials.difference(new Set(found.credentials))], 'lost tokens').toEqual([])
  expect([...told.revocations.difference(new Set(found.revocations))], 'lost revocations').toEqual([])
  expect([...told.keys.difference(new Set(found.keys))], 'lost keys').toEqual([])
}

it(`${SERVER_DEATHS} servers die at random under load, and nothing that was answered is lost`, async () => {
  const home = await makeAuthority('read', 'write')
  const random = chance(7)
  const told = nothingTold()
  /** Requests by their keys; each is sent until it is answered, over as many servers as it takes. */
  const open = new Map<string, { readonly path: string; readonly body: unknown }>()
  let requests = 0

  const draw = (): string => {
    const key = `request-${requests++}`
    const dice = random()
    if (dice < 0.7) {
      const body = { clientId: 'bot', tags: { key }, count: 1 + Math.floor(random() * 3) }
      open.set(key, { path: '/v1/credentials', body })
    } else if (dice < 0.9) {
      const body = { selector: { clients: ['bot'] }, reason: 'testing', incidentId: key }
      open.set(key, { path: '/v1/revocations', body })
    } else open.set(key, { path: '/v1/keys/rotate', body: {} })
    return key
  }
  const note = (key: string, { status, body }: Answer): void => {
    open.delete(key)
    if (status === 404) return expect(body.code).toBe('nothing-matched')
    expect([status, body.code]).toEqual([200, undefined])
    for (const { credential } of body.items ?? []) if (credential) told.credentials.add(credential.id)
    if (body.revocation !== undefined) told.revocations.add(body.revocation.id)
    if (body.key !== undefined) told.keys.add(body.key.id)
  }

  /** Lives until so many answers have come, and dies with the others under way. */
  const live = async (answersMax: number): Promise<void> => {
    const server = await home.serve()
    const api = socketApi(home)
    const left = [...open.keys()]
    let answers = 0
    const call = async (): Promise<void> => {
      for (;;) {
        const key = left.pop() ?? draw()
        const answer = await answerOf(api, key, open.get(key))
        if (answer === undefined) return
        note(key, answer)
        answers += 1
        if (answers === answersMax) server.kill()
      }
    }
    await Promise.all(Array.from({ length: CALLERS }, call))
    expect(await server.done).toMatchObject({ status: 137, err: '' })
  }
  for (let death = 0; death < SERVER_DEATHS; death++) {
    await live(1 + Math.floor(random() * ANSWERS_MAX))
    if (death % 10 === 9) await mustKnow(home, told)
  }

  // What was never answered is asked for once more, and then each was done exactly once.
  await home.serve()
  const api = socketApi(home)
  for (const [key, request] of open) {
    const answer = await answerOf(api, key, request)
    if (answer !== undefined) note(key, answer)
  }
  expect(open.size).toBe(0)
  await mustKnow(home, told)
  const { credentials } = await examine(join(home.dataDir, 'authority.db'))
  expect(new Set(credentials)).toEqual(told.credentials)
})

/** The answer, or nothing where the server died first. */
async function answerOf(
  api: Api,
  key: string,
  request: { readonly path: string; readonly body: unknown } | undefined,
): Promise<Answer | undefined> {
  if (request === undefined) return expect.unreachable(`nobody knows ${key}`)
  const { path, body } = request
  try {
    return await api(path, { method: 'POST', body, headers: { 'idempotency-key': key } })
  } catch {
    return undefined
  }
}

it(`${COMMAND_DEATHS} commands die at random instants, three at a time on one database`, async () => {
  const home = await makeAuthority('read', 'write')
  const random = chance(11)
  const told = nothingTold()
  const commands = [
    ['token', 'issue', '--client', 'bot', '--count', '2'],
    ['revoke', '--client', 'bot', '--reason', 'testing', '--yes'],
    ['key', 'rotate'],
  ]
  let killed = 0
  const die = async (): Promise<Ran> => {
    const dice = random()
    const command = commands[dice < 0.7 ? 0 : dice < 0.9 ? 1 : 2] ?? []
    const running = home.start([...command, '-o', 'json'])
    const over = new AbortController()
    void running.done.then(() => over.abort())
    // The instant is drawn and not waited out: whoever is done before it has lived.
    await setTimeout(random() * COMMAND_MS, undefined, { signal: over.signal }).catch(() => undefined)
    running.kill()
    const ran = await running.done
    if (ran.status === 137) killed += 1
    return ran
  }
  while (killed < COMMAND_DEATHS) {
    for (const { status, out, err } of await inTurns(Array.from({ length: 15 }), die)) {
      expect([0, 3, 137], err).toContain(status)
      for (const id of out.match(/\bcred_\w{20,}/g) ?? []) told.credentials.add(id)
      for (const id of out.match(/\brev_\w{20,}/g) ?? []) told.revocations.add(id)
      for (const id of out.match(/\bkey_\w{20,}/g) ?? []) told.keys.add(id)
    }
    await mustKnow(home, told)
  }
})
