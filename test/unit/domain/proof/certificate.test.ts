import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CertificateClaims, checkCertificate } from '#domain/proof/certificate.ts'
import { position } from '#domain/feed/position.ts'

const HASH = 'A'.repeat(43)
const T = 1_800_000_000_000_000
const who = (id: string) => ({ incarnation: id, verifierId: 'local', name: 'one' })
const good: CertificateClaims = {
  iss: 'https://issuer.example',
  revocation: 'rev_1',
  position: position(1, 8),
  chain: HASH,
  publishedAt: T,
  reason: 'compromise',
  roster: [
    {
      ...who('inc_a'),
      acknowledged: { position: position(1, 8), chain: HASH, digest: HASH, at: T },
    },
    { ...who('inc_b'), lapsedAt: T + 20 },
    { ...who('inc_c'), releasedAt: T + 20 },
    {
      ...who('inc_d'),
      acknowledged: { position: position(1, 9), chain: 'B'.repeat(43), digest: HASH, at: T + 30 },
    },
  ],
  audiences: [
    { audience: 'a', verifiers: 4 },
    { audience: 'b', unprovenUntil: T + 20 },
  ],
  graceEnd: T + 20,
  enforcedAt: T + 20,
  time: T + 30,
}

describe('a certificate', () => {
  it('holds where everything in it does', () => {
    expect(checkCertificate(good)).toEqual([])
    const { graceEnd: _, reason: __, ...bare } = good
    expect(checkCertificate({ ...bare, roster: [], audiences: [] })).toEqual([])
  })

  const member = (over: object) => ({ roster: [{ ...who('inc_x'), ...over }] })
  const word = (over: object) =>
    member({
      acknowledged: { position: position(1, 8), chain: HASH, digest: HASH, at: T + 5, ...over },
    })
  const audience = (over: object) => ({ audiences: [{ audience: 'a', ...over }] })

  it.each<[string, object]>([
    ['no issuer', { iss: undefined }],
    ['an empty issuer', { iss: '' }],
    ['no revocation', { revocation: 7 }],
    ['no position', { position: 8 }],
    ['a chain that is no hash', { chain: 'A'.repeat(42), roster: [] }],
    ['a reason that is no text', { reason: 7 }],
    ['no publication', { publishedAt: undefined }],
    ['a publication of part of a microsecond', { publishedAt: T + 0.5 }],
    ['no enforcement', { enforcedAt: '1' }],
    ['no time', { time: null }],
    ['a grace that is no time', { graceEnd: 'x' }],
    ['no roster', { roster: {} }],
    ['no audiences', { audiences: undefined }],
    ['something unknown', { alsoTrue: true }],
    [
      'enforcement before publication',
      { ...member({}), roster: [], enforcedAt: T - 1, graceEnd: undefined, audiences: [] },
    ],
    ['a statement before enforcement', { time: T + 19, roster: [] }],
    ['enforcement within grace', { graceEnd: T + 21 }],
    ['a member that is nothing', { roster: [null] }],
    [
      'a member without an incarnation',
      { roster: [{ verifierId: 'v', name: 'n', lapsedAt: T + 1 }] },
    ],
    [
      'a member without a credential',
      { roster: [{ incarnation: 'i', name: 'n', lapsedAt: T + 1 }] },
    ],
    [
      'a member without a name',
      { roster: [{ incarnation: 'i', verifierId: 'v', lapsedAt: T + 1 }] },
    ],
    ['a member twice', { roster: [good.roster[0], good.roster[0]] }],
    ['a member that is still waited for', member({})],
    ['a member with two reasons', member({ lapsedAt: T + 1, releasedAt: T + 1 })],
    ['a member with something unknown', member({ lapsedAt: T + 1, waived: true })],
    ['a lease that ends when nobody knows', member({ lapsedAt: 'soon' })],
    ['a lease that ended before', member({ lapsedAt: T })],
    ['a lease that ends later', member({ lapsedAt: T + 21 })],
    ['a release that came later', member({ releasedAt: T + 21 })],
    ['a word that is nothing', member({ acknowledged: 'yes' })],
    ['a word that is null', member({ acknowledged: null })],
    ['a word with something unknown', word({ almost: true })],
    ['a word about a position before', word({ position: position(1, 7) })],
    ['a word about no position', word({ position: 9 })],
    ['a word about another feed', word({ chain: 'B'.repeat(43) })],
    ['a word without a chain', word({ chain: undefined })],
    ['a word without a digest', word({ digest: 'x' })],
    ['a word without a time', word({ at: undefined })],
    ['a word from before publication', word({ at: T - 1 })],
    ['a word from the future', word({ at: T + 31 })],
    ['an audience without a name', { audiences: [{ verifiers: 1 }] }],
    ['an audience that is nothing', { audiences: [undefined] }],
    ['an audience twice', { audiences: [good.audiences[0], good.audiences[0]] }],
    ['an audience of which nothing is said', audience({})],
    ['an audience of which both is said', audience({ verifiers: 1, unprovenUntil: T })],
    ['an audience with part of a verifier', audience({ verifiers: 0.5 })],
    ['an audience with something unknown', audience({ verifiers: 1, trusted: true })],
    ['an audience unproven until whenever', audience({ unprovenUntil: 'then' })],
    ['an audience unproven until later', audience({ unprovenUntil: T + 21 })],
  ])('does not hold with %s', (_, over) => {
    const problems = checkCertificate({ ...good, ...over })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(/^\w/)
  })

  it.each([undefined, null, 7, 'x', []])('is not %j', (claims) => {
    expect(checkCertificate(claims)).toHaveLength(1)
  })

  it('is read without throwing, whatever it holds', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(good)), fc.jsonValue(), (name, value) => {
        expect(checkCertificate({ ...good, [name]: value })).toBeInstanceOf(Array)
      }),
    )
  })
})
