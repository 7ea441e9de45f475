import { createPublicKey, verify as verifySignature } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { createVerifier } from 'fast-jwt'
import { importJWK, jwtVerify } from 'jose'
import { localCaller } from '#boot/connect.ts'
import { issueTokens } from '#app/issue.ts'
import { jwks } from '#app/keys.ts'
import { verifyToken } from '#app/verify-token.ts'
import { count, median, type Row, type Suite } from './harness.ts'
import { openSeeded } from './seed.ts'

const TOKENS = 2000

/** One decision of the authority, everything included, beside libraries that check less. */
export const verifying: Suite = {
  name: 'verifying',
  async run({ isQuick }) {
    const folder = mkdtempSync(join(tmpdir(), 'credctl-bench-'))
    const seeded = await openSeeded(join(folder, 'data'))
    try {
      const { deps } = seeded
      const context = { caller: localCaller(), requestId: 'req_bench' }
      const request = { clientId: 'client-0', scopes: ['deploy:prod'], tags: {}, count: TOKENS }
      const tokens = (await issueTokens(deps, context, request)).map(({ token }) => token)
      const [jwk = {}] = (await jwks(deps)).keys
      const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
      const joseKey = await importJWK({ ...jwk }, 'ES256')
      const fastJwt = createVerifier({
        key: key.export({ type: 'spki', format: 'pem' }).toString(),
      })
      const works: Record<string, (token: string) => unknown> = {
        'node:crypto, signature only': (token) => {
          const at = token.lastIndexOf('.')
          const signature = Buffer.from(token.slice(at + 1), 'base64url')
          const signed = Buffer.from(token.slice(0, at))
          return verifySignature('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)
        },
        'fast-jwt': (token) => fastJwt(token),
        jose: (token) => jwtVerify(token, joseKey),
        'credctl, with revocation': (token) => verifyToken(deps, { token, scopes: [] }),
      }
      const rates = await ratesOf(works, tokens, isQuick ? 2 : 5)
      const bare = rates['node:crypto, signature only'] ?? Number.NaN
      return Object.entries(rates).map(([name, rate]): Row => ({
        name: `verify, first seen: ${name}`,
        figure: `${count(rate)}/s`,
        ours: `${(rate / bare).toFixed(2)} × the bare signature`,
        peer: '',
        measured: rate / bare,
        target: name.startsWith('credctl') ? 'stated' : '',
        isReached: true,
      }))
    } finally {
      await seeded.close()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

async function ratesOf(
  works: Readonly<Record<string, (token: string) => unknown>>,
  tokens: readonly string[],
  rounds: number,
): Promise<Record<string, number>> {
  const samples = new Map<string, number[]>()
  for (let round = 0; round <= rounds; round++) {
    for (const [name, work] of Object.entries(works)) {
      const begun = performance.now()
      for (const token of tokens) await work(token)
      const perSecond = (tokens.length * 1000) / (performance.now() - begun)
      if (0 < round) samples.set(name, [...(samples.get(name) ?? []), perSecond])
    }
  }
  return Object.fromEntries([...samples].map(([name, rates]) => [name, median(rates)]))
}
