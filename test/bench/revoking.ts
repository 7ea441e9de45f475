import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { performance } from 'node:perf_hooks'
import { position } from '#domain/feed/position.ts'
import type { Revocable, Rule } from '#domain/revocation/rule.ts'
import { RuleIndex } from '#domain/revocation/rule-index.ts'
import { decideTerms } from '#domain/revocation/revoke.ts'
import { localCaller } from '#boot/connect.ts'
import { authorityFiles } from '#boot/paths.ts'
import { publish } from '#app/publish.ts'
import { match } from '#app/matching.ts'
import { beside } from '#app/reader.ts'
import { instant } from '#kernel/instant.ts'
import { atMost, count, median, type Row, type Suite } from './harness.ts'
import { addCredentials, openSeeded } from './seed.ts'

/** What a revocation costs by how much it hits, and what it then costs every decision. */
export const revoking: Suite = {
  name: 'revoking',
  async run({ isQuick }) {
    return [...(await commits(isQuick)), ...verdicts(isQuick)]
  },
}

/** From the confirmed plan to the commit: the counting has been done. */
async function commits(isQuick: boolean): Promise<Row[]> {
  const sizes = isQuick ? [1000, 10_000, 100_000] : [1000, 10_000, 100_000, 1_000_000]
  const times: { readonly size: number; readonly ms: number; readonly updateMs: number }[] = []
  for (const size of sizes) {
    const folder = mkdtempSync(join(tmpdir(), 'credctl-bench-'))
    try {
      times.push({ size, ...(await commitOf(join(folder, 'data'), size)) })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  const [least, ...others] = times
  if (least === undefined) return []
  return [
    ...others.map(({ size, ms }) =>
      atMost(
        `revoke ${count(size)} tokens, plan to commit`,
        [
          { label: `${count(size)} tokens`, ms },
          { label: `${count(least.size)} tokens`, ms: least.ms },
        ],
        1.3,
      ),
    ),
    ...times.map(({ size, ms, updateMs }) =>
      atMost(
        `against one UPDATE of ${count(size)} rows`,
        [
          { label: 'one entry', ms },
          { label: 'UPDATE', ms: updateMs },
        ],
        1,
      ),
    ),
  ]
}

const ROUNDS = 15

async function commitOf(
  directory: string,
  size: number,
): Promise<{ readonly ms: number; readonly updateMs: number }> {
  const seeded = await openSeeded(directory)
  const { deps, store } = seeded
  await addCredentials(seeded, size, () => 'client-0')
  const context = { caller: localCaller(), requestId: 'req_bench' }
  const request = { selector: { clients: ['client-0'] }, reason: 'testing' } as const
  const now = deps.clock.now()
  const terms = decideTerms(request, { policy: deps.policy, now })
  const matching = await match(deps, beside(deps), terms, now)
  const times: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const begun = performance.now()
    await store.write((tx) => publish(deps, context, tx, terms, matching))
    if (0 < round) times.push(performance.now() - begun)
  }
  await seeded.close()
  return { ms: median(times), updateMs: updateOnce(authorityFiles(directory).database) }
}

/** What others do: mark every row. */
function updateOnce(path: string): number {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA synchronous = FULL')
  const begun = performance.now()
  database.exec(`UPDATE credential SET tags = '{"revoked":"1"}' WHERE client_id = 'client-0'`)
  const ms = performance.now() - begun
  database.close()
  return ms
}

const MICROSECONDS_MAX = 0.2

function verdicts(isQuick: boolean): Row[] {
  const sizes = isQuick ? [0, 1000, 100_000] : [0, 1000, 100_000, 1_000_000]
  const tokens = Array.from({ length: 1000 }, (_, i) => token(i))
  const times = sizes.map((size) => ({ size, us: verdictMicros(indexOf(size), tokens) }))
  const none = times[0]?.us ?? 0
  return times.slice(1).map(({ size, us }) => ({
    name: `verdict with ${count(size)} live revocations`,
    figure: `+${(us - none).toFixed(3)} µs`,
    ours: `${us.toFixed(3)} µs`,
    peer: `with none ${none.toFixed(3)} µs`,
    measured: us - none,
    target: `≤ +${MICROSECONDS_MAX} µs`,
    isReached: us - none <= MICROSECONDS_MAX,
  }))
}

const token = (i: number): Revocable => ({
  id: `cred_miss${i}`,
  clientId: `live-${i % 50}`,
  subject: `live-${i % 200}`,
  sessionId: `cred_miss${i}`,
  scopes: ['deploy:prod', 'read'],
  audience: ['https://api.example.com'],
  keyId: 'key_live',
  feedSeq: position(1, 5),
  rootSeq: position(1, 5),
  issuedAtSeconds: 1_795_000_000,
  rootIssuedAtSeconds: 1_795_000_000,
})

/** 75 % single tokens, the rest clients, subjects, and clients with a scope. */
function indexOf(size: number): RuleIndex {
  const index = new RuleIndex()
  for (let i = 0; i < size; i++) index.add(rule(i))
  return index
}

function rule(i: number): Rule {
  const none = undefined
  const kind = i % 20
  return {
    id: `rev_${i}`,
    position: position(1, i + 10),
    cut: position(1, i + 10),
    reach: 'sessions',
    graceEndsAt: instant(0),
    graceSeconds: 0,
    blocks: false,
    suspends: false,
    expires: false,
    reason: 'testing',
    message: none,
    all: false,
    tokens: kind < 15 ? [`cred_hit${i}`] : none,
    clients: 15 <= kind && kind < 17 ? [`gone-${i}`] : none,
    subjects: 17 <= kind ? [`gone-${i}`] : none,
    sessions: none,
    scopes: kind === 19 ? ['deploy:prod'] : none,
    audiences: none,
    keys: none,
    trusts: none,
    fromSeconds: -Infinity,
    beforeSeconds: Infinity,
    sparedTokens: none,
    sparedClients: none,
    sparedSubjects: none,
    sparedSessions: none,
    spares: false,
  }
}

function verdictMicros(index: RuleIndex, tokens: readonly Revocable[]): number {
  const now = instant(1_795_000_000_000)
  const samples: number[] = []
  let hit = 0
  for (let round = 0; round <= 20; round++) {
    const begun = performance.now()
    for (let again = 0; again < 100; again++) {
      for (const one of tokens) if (index.verdict(one, now).kind !== 'clear') hit++
    }
    if (0 < round) samples.push(((performance.now() - begun) * 1000) / (100 * tokens.length))
  }
  if (hit !== 0) throw new Error('a token that nothing matches was hit')
  return median(samples)
}
