import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { performance } from 'node:perf_hooks'
import { Pool } from 'undici'
import { child, said } from './children.ts'
import { count, median, milliseconds, type Row, type Suite } from './harness.ts'

interface Issuer {
  readonly url: string
  readonly secret: string
  readonly path?: string
  readonly dataDir?: string
}

interface Rate {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/**
 * Tokens by `client_credentials` with a secret, over HTTP, beside an issuer that keeps nothing on disk:
 * each of ours is recorded durably before it exists. Both sign ES256, both are processes of their own,
 * and the same load is put on them in turn.
 */
export const issuing: Suite = {
  name: 'issuing',
  async run({ isQuick }) {
    const [ours, peer] = [child('token-authority'), child('token-peer')]
    let dataDir: string | undefined
    try {
      const ready = Promise.all([said(ours, 'ready'), said(peer, 'ready')])
      const [authority, other] = (await ready) as [Issuer, Issuer]
      dataDir = authority.dataDir
      const rows: Row[] = []
      for (const connections of [1, 32]) {
        const requests = (isQuick ? 300 : 1000) * (connections === 1 ? 1 : 5)
        const load = { connections, requests, rounds: isQuick ? 3 : 5 }
        rows.push(rowOf(connections, await inTurn(authority, other, load)))
      }
      return rows
    } finally {
      ours.kill('SIGKILL')
      peer.kill('SIGKILL')
      if (dataDir !== undefined) rmSync(dirname(dataDir), { recursive: true, force: true })
    }
  },
}

interface Load {
  readonly connections: number
  readonly requests: number
  readonly rounds: number
}

/** Round after round one and the other, since the machine's speed drifts; the first round warms up. */
async function inTurn(
  authority: Issuer,
  other: Issuer,
  { rounds, ...load }: Load,
): Promise<{ readonly ours: Rate; readonly theirs: Rate }> {
  const rates: { ours: Rate[]; theirs: Rate[] } = { ours: [], theirs: [] }
  for (let round = 0; round <= rounds; round++) {
    const ours = await rateOf(authority, load)
    const theirs = await rateOf(other, load)
    if (0 < round) {
      rates.ours.push(ours)
      rates.theirs.push(theirs)
    }
  }
  return { ours: medianOf(rates.ours), theirs: medianOf(rates.theirs) }
}

const medianOf = (rates: readonly Rate[]): Rate => ({
  perSecond: median(rates.map(({ perSecond }) => perSecond)),
  p50Ms: median(rates.map(({ p50Ms }) => p50Ms)),
  p99Ms: median(rates.map(({ p99Ms }) => p99Ms)),
})

/** Every connection asks again as soon as it is answered. */
async function rateOf(
  { url, secret, path = '/oauth/token' }: Issuer,
  { connections, requests }: Omit<Load, 'rounds'>,
): Promise<Rate> {
  const pool = new Pool(url, { connections, pipelining: 1 })
  const headers = {
    authorization: `Basic ${Buffer.from(`bench:${encodeURIComponent(secret)}`).toString('base64')}`,
    'content-type': 'application/x-www-form-urlencoded',
  }
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    scope: 'read',
    resource: 'https://api.example.com',
  }).toString()
  const times: number[] = []
  let left = requests
  const askOn = async (): Promise<void> => {
    while (0 < left) {
      left -= 1
      const begun = performance.now()
      const answer = await pool.request({ path, method: 'POST', headers, body })
      const { access_token: token } = (await answer.body.json()) as { access_token?: string }
      if (token === undefined) throw new Error(`${url} answered ${answer.statusCode}`)
      times.push(performance.now() - begun)
    }
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: connections }, askOn))
  const perSecond = (requests * 1000) / (performance.now() - begun)
  await pool.close()
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return { perSecond, p50Ms: at(0.5), p99Ms: at(0.99) }
}

function rowOf(
  connections: number,
  { ours, theirs }: { readonly ours: Rate; readonly theirs: Rate },
): Row {
  const ratio = ours.perSecond / theirs.perSecond
  return {
    name: `token endpoint, ${connections} connection${connections === 1 ? '' : 's'}, durable`,
    figure: `${ratio.toFixed(2)} ×`,
    ours: shown('', ours),
    peer: shown('oidc-provider, in memory ', theirs),
    measured: ratio,
    target: '≥ 1 ×',
    isReached: 1 <= ratio,
  }
}

const shown = (label: string, { perSecond, p50Ms, p99Ms }: Rate): string =>
  `${label}${count(perSecond)}/s, p50 ${milliseconds(p50Ms)}, p99 ${milliseconds(p99Ms)}`
