import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compactVerify, createLocalJWKSet, errors, importJWK, type JWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { joinCompact, parseToken, splitCompact } from '#domain/credential/token.ts'
import { createNodeSigner } from '#signer/node-signer.ts'
import type { PublicJwk } from '#signer/port.ts'

/**
 * Project Wycheproof's JSON Web Signatures (C2SP/wycheproof, testvectors_v1), which are too large to
 * keep here. Without them this file says so and proves nothing.
 */
const folder = process.env['WYCHEPROOF_DIR']
const FILE = 'json_web_signature_test.json'
const file = folder === undefined || folder === '' ? '' : join(folder, FILE)

interface Vector {
  readonly tcId: number
  readonly comment: string
  readonly jws: string
  readonly result: 'valid' | 'invalid'
}
interface Group {
  readonly public?: JWK
  readonly private: JWK
  readonly tests: readonly Vector[]
}

/** Where the file is wrong, and what makes it so; here we must disagree, and nowhere else. */
const defects: Readonly<Record<number, string>> = {
  346: 'marked valid, but its key says PS256 and its header PS384: a key is for one algorithm (RFC 8725 §3.1)',
  347: 'marked valid, but its key says ES521, which is no algorithm (RFC 7518 §3.1 has ES512)',
  350: 'marked valid, but its key says PS256 and its header PS384, as in 346',
  351: 'marked valid, but its key says ES521, as in 347',
  367: 'marked invalid for its padding, but has none: it is byte for byte 357, which is marked valid',
  370: 'marked invalid for its padding, but has none: it is byte for byte 357, which is marked valid',
  372: 'marked valid, but its header holds a "?", which is no character of base64url (RFC 4648 §5)',
  373: 'marked valid, but its payload holds a "?", which is no character of base64url (RFC 4648 §5)',
}

const signer = createNodeSigner(() => {
  throw new Error('to verify takes no secret')
})

/**
 * As our own tokens are verified, and those of other issuers: taken apart strictly, the algorithm that
 * of the key, then ES256 by the signer and all else by jose, put together from what was taken apart.
 */
async function accepts(group: Group, vector: string): Promise<boolean> {
  const parts = splitCompact(vector)
  if (typeof parts === 'string') return false
  const key = group.public ?? group.private
  const header = headerOf(parts.header)
  if (header === undefined || header['crit'] !== undefined) return false
  const { alg } = header
  if (typeof alg !== 'string' || (key.alg !== undefined && alg !== key.alg)) return false
  if (alg === 'ES256') return signer.verify(key as PublicJwk, parts.signed, parts.signature)
  try {
    const jws = joinCompact(parts)
    // No issuer publishes a symmetric key, so key sets know none.
    if (group.public === undefined) await compactVerify(jws, await importJWK(key, alg))
    else await compactVerify(jws, createLocalJWKSet({ keys: [key] }), { algorithms: [alg] })
    return true
  } catch (failure) {
    // A key that may not verify is a DOMException of the import, and all else an error of jose's.
    if (failure instanceof errors.JOSEError || failure instanceof DOMException) return false
    throw failure
  }
}

/** The header as `parseToken` reads it, under a payload that it reads: these have any. */
function headerOf(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  const parsed = parseToken(`${Buffer.from(bytes).toString('base64url')}.e30.`)
  return typeof parsed === 'string' ? undefined : parsed.header
}

const isHere = existsSync(file)
if (!isHere) {
  process.stderr.write(
    `SKIPPED: Wycheproof's signatures. WYCHEPROOF_DIR names no folder with ${FILE}.\n`,
  )
}

describe.skipIf(!isHere)('Wycheproof, JSON Web Signature', () => {
  const { numberOfTests, testGroups } = (
    isHere ? JSON.parse(readFileSync(file, 'utf8')) : { numberOfTests: 0, testGroups: [] }
  ) as { numberOfTests: number; testGroups: readonly Group[] }
  const all = testGroups.flatMap((group) => group.tests.map((vector) => ({ group, vector })))

  it.for(all.map((one) => [one.vector.tcId, one] as const))(
    'test %i',
    async ([tcId, { group, vector }]) => {
      const expected = (vector.result === 'valid') === !(tcId in defects)
      expect(await accepts(group, vector.jws), `${vector.comment} ${defects[tcId] ?? ''}`).toBe(
        expected,
      )
    },
  )

  it('agrees with all of them but eight, whose defects are listed', async () => {
    const disagreeing: number[] = []
    for (const { group, vector } of all) {
      const isAccepted = await accepts(group, vector.jws)
      if (isAccepted !== (vector.result === 'valid')) disagreeing.push(vector.tcId)
    }
    expect(all).toHaveLength(numberOfTests)
    expect(disagreeing).toEqual(Object.keys(defects).map(Number))
    expect(Object.keys(defects)).toHaveLength(8)
  })

  it('shows the defects that can be shown', () => {
    const jwsOf = (tcId: number) => all.find(({ vector }) => vector.tcId === tcId)?.vector.jws
    const keyOf = (tcId: number) => all.find(({ vector }) => vector.tcId === tcId)?.group.public
    expect([jwsOf(367), jwsOf(370)]).toEqual([jwsOf(357), jwsOf(357)])
    expect([jwsOf(372), jwsOf(373)].every((jws) => jws?.includes('?'))).toBe(true)
    expect([346, 347, 350, 351].map((tcId) => keyOf(tcId)?.alg)).toEqual([
      'PS256',
      'ES521',
      'PS256',
      'ES521',
    ])
  })
})
