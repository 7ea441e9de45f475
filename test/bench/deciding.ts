import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { issueTokens } from '#app/issue.ts'
import { jwks } from '#app/keys.ts'
import { localCaller } from '#boot/connect.ts'
import type { RevokeBody } from '#domain/feed/body.ts'
import { advance, nextEntry } from '#domain/feed/entry.ts'
import { PART_TOKENS_MAX } from '#domain/feed/parts.ts'
import type { Position } from '#domain/feed/position.ts'
import { newId } from '#kernel/identifier.ts'
import type { DecidingFigures, MemoryFigures } from './children/deciding.ts'
import { child, said } from './children.ts'
import { type Served, served } from './fanout.ts'
import { count, median, rateAtLeast, type Row, type Suite } from './harness.ts'
import { openSeeded, type Seeded } from './seed.ts'

const AUDIENCE = 'https://api.example.com'
const SCOPES = ['deploy:prod']
const PER_ROUND = 2000
/** Rounds that are not counted: a server that decides has decided for long. */
const WARMING = 2
const LISTED = 1_000_000
const MEGABYTES_MAX = 40
const REPEATED_MIN = 300_000
const FIRST_MIN = 0.9

/**
 * What a resource server pays for a decision: a verifier of the built package in a process of its own,
 * which follows a real authority, beside the bare signature check on the same tokens.
 */
export const deciding: Suite = {
  name: 'deciding',
  async run({ isQuick }) {
    const rounds = isQuick ? 3 : 6
    const rows: Row[] = []
    for (const revocations of isQuick ? [100_000] : [0, 100_000]) {
      const figures = await decided({ revocations, rounds })
      rows.push(...rowsOf(figures, `${count(revocations)} live revocations`))
    }
    rows.push(memoryRow(await weighed(isQuick ? LISTED / 10 : LISTED), isQuick))
    return rows
  },
}

function rowsOf(figures: DecidingFigures, beside: string): Row[] {
  const bare = median(figures.bare)
  const first = (name: string, rates: readonly number[]): Row => {
    // By round, since the machine's speed drifts from one to the next.
    const ratio = median(rates.map((rate, i) => rate / (figures.bare[i] ?? Number.NaN)))
    return {
      name: `first seen, ${name}, ${beside}`,
      figure: `${ratio.toFixed(2)} ×`,
      ours: `${count(median(rates))}/s`,
      peer: `the bare signature ${count(bare)}/s`,
      measured: ratio,
      target: `≥ ${FIRST_MIN} ×`,
      isReached: FIRST_MIN <= ratio,
    }
  }
  const repeated = (name: string, rates: readonly number[]): Row =>
    rateAtLeast(
      `repeated, ${name}, ${beside}`,
      { label: 'of one core', perSecond: median(rates) },
      REPEATED_MIN,
    )
  return [
    first('SDK', figures.firstSdk),
    first('core alone', figures.firstCore),
    repeated('SDK', figures.oneSdk),
    repeated(`${count(PER_ROUND)} in turn, SDK`, figures.manySdk),
    repeated('core alone', figures.oneCore),
    repeated(`${count(PER_ROUND)} in turn, core alone`, figures.manyCore),
  ]
}

async function decided({
  revocations,
  rounds,
}: {
  readonly revocations: number
  readonly rounds: number
}): Promise<DecidingFigures> {
  return withAuthority(async (seeded, serve) => {
    const { deps } = seeded
    await publishAll(seeded, revocations, (i) => strangers(seeded, i))
    const tokens: string[] = []
    const context = { caller: localCaller(), requestId: 'req_bench' }
    const request = { clientId: 'client-0', scopes: SCOPES, tags: {}, count: PER_ROUND }
    for (let round = 0; round < WARMING + rounds; round++) {
      tokens.push(...(await issueTokens(deps, context, request)).map(({ token }) => token))
    }
    const [jwk = {}] = (await jwks(deps)).keys
    const decider = follower(await serve())
    await said(decider, 'ready')
    const measured = said(decider, 'measured')
    const order = {
      tokens,
      jwk,
      warming: WARMING,
      rounds,
      perRound: PER_ROUND,
      repeats: 150_000,
      scopes: SCOPES,
    }
    decider.send({ measure: order })
    return (await measured) as DecidingFigures
  })
}

/** By how much a process grows when a feed that it follows comes to list so many tokens. */
async function weighed(listed: number): Promise<MemoryFigures> {
  const empty = await memoryWith(0)
  const full = await memoryWith(listed)
  return {
    heapBytes: full.heapBytes - empty.heapBytes,
    residentBytes: full.residentBytes - empty.residentBytes,
  }
}

const memoryWith = (listed: number): Promise<MemoryFigures> =>
  withAuthority(async (seeded, serve) => {
    const parts = Math.ceil(listed / PART_TOKENS_MAX)
    const position = await publishAll(seeded, parts, () => ({
      tokens: Array.from({ length: PART_TOKENS_MAX }, () => idOf(seeded, 'cred')),
    }))
    const decider = follower(await serve())
    await said(decider, 'ready')
    const told = said(decider, 'weighed')
    decider.send({ position })
    return (await told) as MemoryFigures
  })

function memoryRow({ heapBytes, residentBytes }: MemoryFigures, isQuick: boolean): Row {
  const listed = isQuick ? LISTED / 10 : LISTED
  const megabytes = (heapBytes / 1e6) * (LISTED / listed)
  return {
    name: `${count(listed)} listed tokens in a verifier`,
    figure: `${megabytes.toFixed(1)} MB${isQuick ? ' a million' : ''}`,
    ours: 'heap and buffers',
    peer: `resident set ${(residentBytes / 1e6).toFixed(1)} MB`,
    measured: megabytes,
    target: `≤ ${MEGABYTES_MAX} MB`,
    isReached: megabytes <= MEGABYTES_MAX,
  }
}

/** An authority in a folder, filled and then served, whose followers end with it. */
async function withAuthority<T>(
  work: (seeded: Seeded, serve: () => Promise<Served>) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'credctl-bench-'))
  const dataDir = join(folder, 'data')
  const started: Served[] = []
  try {
    const seeded = await openSeeded(dataDir)
    return await work(seeded, async () => {
      await seeded.close()
      const server = await served(dataDir)
      started.push(server)
      return server
    })
  } finally {
    for (const { process } of started) process.kill('SIGKILL')
    for (const decider of followers.splice(0)) decider.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

const followers: ChildProcess[] = []

function follower({ url, issuer }: Served): ChildProcess {
  const decider = child(
    'deciding',
    ['--url', url, '--issuer', issuer, '--audience', AUDIENCE],
    ['--expose-gc'],
  )
  followers.push(decider)
  return decider
}

const PUBLISHED_AT_ONCE = 10_000

/** Appends revocations as a use case would, many in one transaction; answers where the feed stands. */
async function publishAll(
  { deps, store }: Seeded,
  revocations: number,
  selectorOf: (i: number) => RevokeBody['selector'],
): Promise<Position> {
  for (let done = 0; done < revocations; done += PUBLISHED_AT_ONCE) {
    await store.write(async (tx) => {
      let state = await tx.feed()
      for (let i = done; i < Math.min(revocations, done + PUBLISHED_AT_ONCE); i++) {
        const timeMicros = Math.max(state.timeMicros + 1, deps.clock.now() * 1000)
        const publishedMs = Math.floor(timeMicros / 1000)
        const body: RevokeBody = {
          id: idOf({ deps }, 'rev'),
          selector: selectorOf(i),
          cut: (state.position + 1) as Position,
          published: publishedMs,
          reason: 'testing',
          record: RECORD,
        }
        const untilSeconds = Math.ceil(publishedMs / 1000) + 3600
        const entry = nextEntry(state, 'revoke', body, { untilSeconds })
        await tx.appendFeed(entry, timeMicros)
        state = advance(entry, timeMicros)
      }
    })
  }
  return store.read(async (tx) => (await tx.feed()).position)
}

const RECORD = 'A'.repeat(43)
const idOf = ({ deps }: Pick<Seeded, 'deps'>, prefix: 'cred' | 'rev'): string =>
  newId(prefix, deps.clock.now(), deps.entropy)

/** Revocations as they are in use, most of them of one token; none hits what is decided on. */
function strangers(seeded: Seeded, i: number): RevokeBody['selector'] {
  switch (i % 20) {
    case 0:
    case 1:
      return { clients: [`stranger-${i}`] }
    case 2:
    case 3:
      return { subjects: [`stranger-${i}`] }
    case 4:
      return { clients: [`stranger-${i}`], scopes: ['deploy:*'] }
    default:
      return { tokens: [idOf(seeded, 'cred')] }
  }
}
