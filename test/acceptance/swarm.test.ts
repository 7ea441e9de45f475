import { setTimeout } from 'node:timers/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Answer, type Api, socketApi } from './api.ts'
import { examine, type Examined } from './examine.ts'
import { fault } from './faults.ts'
import { type Home, makeAuthority, type Ran, type RunOptions, type Running } from './harness.ts'
import { chance, inTurns } from './pool.ts'

/** Deaths of servers under load, and of commands that work on the database side by side. */
const SERVER_DEATHS = 50
const COMMAND_DEATHS = 160
/** Callers of a server at a time, and the most answers after which it dies. */
const CALLERS = 4
const ANSWERS_MAX = 24
/** Points that an issue passes before its answer (see `fault.ts`), and a few after it. */
const POINTS = 24

/** What somebody was told: an id, and the list it must be found in from then on. */
interface Told {
  readonly credentials: Set<string>
  readonly revocations: Set<string>
  readonly keys: Set<string>
}

interface Request {
  readonly path: string
  readonly body: unknown
}

const nothingTold = (): Told => ({
  credentials: new Set(),
  revocations: new Set(),
  keys: new Set(),
})

async function mustKnow({ dataDir }: Home, told: Told): Promise<Examined> {
  const found = await examine(join(dataDir, 'authority.db'))
  expect([...told.credentials.difference(new Set(found.credentials))], 'lost tokens').toEqual([])
  expect([...told.revocations.difference(new Set(found.revocations))], 'lost revocations').toEqual(
    [],
  )
  expect([...told.keys.difference(new Set(found.keys))], 'lost keys').toEqual([])
  return found
}

it(`${SERVER_DEATHS} servers die at random under load, and nothing that was answered is lost`, async () => {
  const home = await makeAuthority('read', 'write')
  const random = chance(7)
  const told = nothingTold()
  /** Requests by their keys; each is sent until it is answered, over as many servers as it takes. */
  const open = new Map<string, Request>()
  let requests = 0

  const drawn = (): Request => {
    const dice = random()
    if (dice < 0.7) {
      const body = { clientId: 'bot', count: 1 + Math.floor(random() * 3) }
      return { path: '/v1/credentials', body }
    }
    if (0.9 <= dice) return { path: '/v1/keys/rotate', body: {} }
    return { path: '/v1/revocations', body: { selector: { clients: ['bot'] }, reason: 'testing' } }
  }
  const note = (key: string, { status, body }: Answer): void => {
    open.delete(key)
    expect([200, 'nothing-matched'], body.detail).toContain(status === 404 ? body.code : status)
    for (const { credential } of body.items ?? []) {
      if (credential !== undefined) told.credentials.add(credential.id)
    }
    if (body.revocation !== undefined) told.revocations.add(body.revocation.id)
    if (body.key !== undefined) told.keys.add(body.key.id)
  }

  /** Lives until so many answers have come, and dies with the others under way. */
  const live = async (answersMax: number): Promise<void> => {
    const server = await home.serve()
    const api = socketApi(home)
    const left = [...open]
    let answers = 0
    const call = async (): Promise<void> => {
      for (;;) {
        const [key, request] = left.pop() ?? [`request-${requests++}`, drawn()]
        open.set(key, request)
        const answer = await answerOf(api, key, request)
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
  const { credentials } = await mustKnow(home, told)
  expect(new Set(credentials)).toEqual(told.credentials)
})

/** The answer, or nothing where the server died first. */
async function answerOf(
  api: Api,
  key: string,
  { path, body }: Request,
): Promise<Answer | undefined> {
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
  const run = async (
    end: (running: Running) => unknown,
    options: RunOptions = {},
  ): Promise<Ran> => {
    const dice = random()
    const command = commands[dice < 0.7 ? 0 : dice < 0.9 ? 1 : 2] ?? []
    const running = home.start([...command, '-o', 'json'], options)
    await end(running)
    return running.done
  }
  const begun = performance.now()
  await inTurns([1, 2, 3], () => run(() => undefined))
  const commandMs = performance.now() - begun

  /** Anywhere from the start of Node to the exit; the instant is drawn, and not waited out. */
  const atAnInstant = async ({ done, kill }: Running): Promise<void> => {
    const over = new AbortController()
    void done.then(() => over.abort())
    const instant = setTimeout(random() * commandMs, undefined, { signal: over.signal })
    await instant.catch(() => undefined)
    kill()
  }
  /** Where it hurts: among its statements, while the others run theirs. */
  const atAStatement = (): RunOptions => ({
    preload: fault({ kill: 1 + Math.floor(random() * POINTS) }),
  })
  let deaths = 0
  let unheard = 0
  while (deaths < COMMAND_DEATHS) {
    const works = Array.from({ length: 16 }, (_, index) =>
      index % 2 === 0 ? () => run(atAnInstant) : () => run(() => undefined, atAStatement()),
    )
    for (const { status, out, err } of await inTurns(works, (work) => work())) {
      expect([0, 3, 137], err).toContain(status)
      if (status === 137) deaths += 1
      for (const id of out.match(/\bcred_\w{20,}/g) ?? []) told.credentials.add(id)
      for (const id of out.match(/\brev_\w{20,}/g) ?? []) told.revocations.add(id)
      for (const id of out.match(/\bkey_\w{20,}/g) ?? []) told.keys.add(id)
    }
    unheard = (await mustKnow(home, told)).credentials.length - told.credentials.size
  }
  // Some died in the one moment that matters most, done and unanswered; else nothing was proved.
  expect(unheard).toBeGreaterThan(0)
})
