import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify as nodeVerify,
} from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { nodeSignatures } from '#boot/verifier/signature.ts'
import { TOKEN_TYPE } from '#domain/credential/token.ts'
import { HEAD_TYPE } from '#domain/feed/head.ts'
import { encodeBase64url } from '#kernel/base64url.ts'

type Jwk = Readonly<Record<string, string>>

const pair = (namedCurve: string): { jwk: Jwk; privateKey: KeyObject } => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve })
  return { jwk: publicKey.export({ format: 'jwk' }) as Jwk, privateKey }
}

const signed = new TextEncoder().encode('header.payload')
const signatureOf = (key: KeyObject, dsaEncoding: 'der' | 'ieee-p1363' = 'ieee-p1363') =>
  new Uint8Array(sign('sha256', signed, { key, dsaEncoding }))

describe.for([HEAD_TYPE, TOKEN_TYPE])('a signature of a %s', (typ) => {
  const { jwk, privateKey } = pair('P-256')
  const verify = nodeSignatures()
  const isGood = (key: Jwk, signature: Uint8Array, bytes = signed): boolean =>
    verify(
      key,
      { header: { typ }, signed: new Uint8Array(bytes), signature: new Uint8Array(signature) },
      `${new TextDecoder().decode(bytes)}.${encodeBase64url(signature)}`,
    )

  it('is good for its key and its bytes, each time it is asked for', () => {
    const signature = signatureOf(privateKey)
    expect([isGood(jwk, signature), isGood(jwk, signature)]).toEqual([true, true])
    expect(isGood({ ...jwk, alg: 'ES256', use: 'sig', kid: 'k' }, signature)).toBe(true)
    const stranger = pair('P-256').jwk
    expect([isGood(stranger, signature), isGood(stranger, signature)]).toEqual([false, false])
    expect(isGood(jwk, signature, new TextEncoder().encode('header.paylaod'))).toBe(false)
    for (let bit = 0; bit < 512; bit++) {
      const bent = signature.slice()
      bent[bit >> 3] = (bent[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(isGood(jwk, bent), `bit ${bit}`).toBe(false)
    }
  })

  it('is good again where others came between, more than are remembered', () => {
    const signatures = Array.from({ length: 100 }, () => signatureOf(privateKey))
    for (let round = 0; round < 2; round++) {
      for (const signature of signatures) {
        expect(isGood(jwk, signature)).toBe(true)
        expect(isGood(pair('P-256').jwk, signature)).toBe(false)
      }
    }
  })

  it('is judged as Node itself judges it, whatever its numbers', () => {
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    const good = signatureOf(privateKey)
    const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
    const numbers = [
      '00',
      '01',
      '7f',
      '80',
      'ff',
      '00ff',
      '80'.padEnd(64, '0'),
      order,
      'f'.repeat(64),
    ]
    const halves = [
      ...numbers.map((hex) => Buffer.from(hex.padStart(64, '0'), 'hex')),
      good.slice(0, 32),
      good.slice(32),
    ]
    for (const r of halves) {
      for (const s of halves) {
        const signature = Buffer.concat([r, s])
        const option = { key, dsaEncoding: 'ieee-p1363' } as const
        expect(isGood(jwk, signature)).toBe(nodeVerify('sha256', signed, option, signature))
      }
    }
    // Of so many some have a short number, and some one that would be negative.
    const firsts = new Set<number>()
    for (let i = 0; i < 1500; i++) {
      const signature = signatureOf(privateKey)
      if (signature[0] === 0) firsts.add(signature[1] ?? 0)
      expect(isGood(jwk, signature)).toBe(true)
    }
    expect(firsts.size).toBeGreaterThan(0)
  })

  it('is not good in another form', () => {
    expect(isGood(jwk, signatureOf(privateKey, 'der'))).toBe(false)
    expect(isGood(jwk, new Uint8Array(0))).toBe(false)
    expect(isGood(jwk, new Uint8Array(64))).toBe(false)
    expect(isGood(jwk, new Uint8Array(65))).toBe(false)
  })

  it.for([
    ['of another use', { use: 'enc' }],
    ['of another algorithm', { alg: 'ES384' }],
    ['of another kind', { kty: 'OKP' }],
    ['of another curve by name', { crv: 'P-384' }],
    ['that is not on its curve', { x: 'AAAA' }],
    ['without a coordinate', { y: '' }],
  ] as const)('is not good for a key %s', ([, change]) => {
    expect(isGood({ ...jwk, ...change }, signatureOf(privateKey))).toBe(false)
  })

  it.for([
    ['x', 'AAAA'],
    ['y', 'AAAA'],
    ['kty', 'OKP'],
    ['crv', 'P-384'],
    ['use', 'enc'],
    ['alg', 'ES384'],
  ] as const)('is judged anew for a key of another %s', ([member, value]) => {
    const signature = signatureOf(privateKey)
    const other = { ...jwk, [member]: value }
    const judged = [jwk, other, jwk, other].map((key) => isGood(key, signature))
    expect(judged).toEqual([true, false, true, false])
  })

  it('is not good for a key of another curve, whose signatures may be as long', () => {
    // Of 64 bytes too, and over the same hash.
    const other = pair('secp256k1')
    expect(isGood(other.jwk, signatureOf(other.privateKey))).toBe(false)
  })

  it('is not good for a private key that says it is something else', () => {
    const { d = '' } = createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })).export(
      {
        format: 'jwk',
      },
    )
    expect(isGood({ ...jwk, d, kty: 'oct' }, signatureOf(privateKey))).toBe(false)
  })
})
