import { createHmac, generateKeyPairSync, type KeyObject, sign as nodeSign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodeSignatures } from '#boot/verifier/signature.ts'
import { signingInput } from '#domain/credential/token.ts'
import { AUDIENCE, Authority, ISSUER, jwkOf, SECOND, signTexts, T0 } from './authority.ts'
import { Rig } from './rig.ts'

const AT = T0 / SECOND
const KEY = jwkOf('key_a')
const HEADER = '{"typ":"at+jwt","alg":"ES256","kid":"key_a"}'
const NEVER = ['invalid', 'proof-invalid', 'stale', 'expired', 'not-yet-valid']

let deep: unknown = 'x'
for (let i = 0; i < 2000; i++) deep = [deep]

/** What no claim should be, and some texts and numbers that may pass for another. */
const hostile: readonly unknown[] = [
  null,
  true,
  false,
  '',
  ' ',
  'NaN',
  'Infinity',
  '-0',
  '1e9',
  `${AT + 60}`,
  '0x7fffffff',
  0,
  -0,
  -1,
  1.5,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 53,
  -(2 ** 53),
  1e308,
  Number.MIN_VALUE,
  [],
  {},
  [AT + 60],
  ['x'],
  [[AUDIENCE]],
  [AUDIENCE, 7],
  {
    0: AUDIENCE,
    length: 1,
  },
  deep,
  '__proto__',
  'constructor',
  'toString',
  { valueOf: AT + 60 },
  'x'.repeat(8e3),
  '\0',
  '*',
]

/** Whether a claim may have such a value, all the others being good; said anew, and not as it is done. */
function isSound(name: string, value: unknown): boolean {
  const isWhole = typeof value === 'number' && Math.abs(value) < 2 ** 53 && value % 1 === 0
  switch (name) {
    case 'sub':
    case 'client_id':
    case 'jti':
    case 'sid':
    case 'scope':
    case 'acr':
    case 'trust':
      return typeof value === 'string'
    case 'aud':
      return Array.isArray(value) && value.some((one) => one === AUDIENCE)
    case 'root_iat':
    case 'auth_time':
      return isWhole
    case 'nbf':
      return isWhole && value <= AT
    default:
      // Issuer, positions, times and limits: none of these is one that fits. A `cnf` is never taken.
      return false
  }
}

const NAMES = [
  'iss',
  'sub',
  'aud',
  'client_id',
  'jti',
  'iat',
  'exp',
  'scope',
  'sid',
  'feed_seq',
  'root_seq',
  'root_iat',
  'nbf',
  'auth_time',
  'acr',
  'staleness',
  'trust',
  'cnf',
]

describe('a claim of a token with a good signature', () => {
  const rig = new Rig().start()

  it.for(NAMES)('%s is what it has to be, or the token is not accepted', (name) => {
    for (const value of hostile) {
      const { decision } = rig.decide(rig.authority.token({ [name]: value }))
      const expected = isSound(name, value) ? ['accepted'] : NEVER
      expect(expected, `${typeof value} ${String(value).slice(0, 40)}`).toContain(decision.verdict)
    }
  })

  it('is not made up for by others, whatever several of them are', () => {
    const changes = fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom(...hostile), {
      minKeys: 1,
      maxKeys: 4,
    })
    fc.assert(
      fc.property(changes, (change) => {
        const { decision } = rig.decide(rig.authority.token(change))
        const isGood = Object.entries(change).every(([name, value]) => isSound(name, value))
        expect(decision.verdict === 'accepted').toBe(isGood)
      }),
      { numRuns: 400 },
    )
  })
})

describe('a payload with a good signature', () => {
  const rig = new Rig().start()
  const members = (about: Record<string, unknown> = {}): string =>
    JSON.stringify(rig.authority.claims(about)).slice(1, -1)
  const verdictOf = (payload: string | Uint8Array, header = HEADER): string =>
    rig.verdict(signTexts(KEY, header, payload))
  const without = (name: string): string => members({ [name]: undefined })

  it('is taken if nothing is wrong with it', () => {
    expect(verdictOf(`{${members()}}`)).toBe('accepted')
    expect(verdictOf(` {\n${members()} } `)).toBe('accepted')
    expect(verdictOf(`{${without('exp')},"exp":${AT + 60}.0}`)).toBe('accepted')
    expect(verdictOf(`{${without('exp')},"exp":-0}`)).toBe('expired')
    expect(verdictOf(`{${members()},"x":{"__proto__":{"y":1}},"hasOwnProperty":1}`)).toBe(
      'accepted',
    )
  })

  it.for([
    ['an end that is no finite number', '"exp":1e400'],
    ['an end that is not a number', '"exp":NaN'],
    ['an end as a text', `"exp":"${AT + 60}"`],
    ['an end in a list', `"exp":[${AT + 60}]`],
    ['an end with leading zeros', `"exp":0${AT + 60}`],
    ['an end in a prototype', `"__proto__":{"exp":${AT + 60}}`],
    ['an end under a name that looks alike', `"e\\u0445p":${AT + 60}`],
    ['an end under a longer name', `"exp\\u0000":${AT + 60}`],
  ] as const)('is refused with %s', ([, member]) => {
    expect(verdictOf(`{${without('exp')},${member}}`)).toBe('invalid')
  })

  it('is judged by the last of two members of one name, all through', () => {
    const twice = (name: string, first: unknown, last: unknown): string =>
      `{"${name}":${JSON.stringify(first)},${without(name)},"${name}":${JSON.stringify(last)}}`
    expect(verdictOf(twice('exp', AT - 60, AT + 60))).toBe('accepted')
    expect(verdictOf(twice('exp', AT + 60, AT - 60))).toBe('expired')
    expect(verdictOf(twice('aud', AUDIENCE, 'https://other.test'))).toBe('invalid')
    expect(verdictOf(twice('iss', ISSUER, 'https://other.test'))).toBe('invalid')
    expect(verdictOf(twice('cnf', null, { jkt: 'x' }))).toBe('proof-invalid')
    const { decision } = rig.decide(signTexts(KEY, HEADER, twice('sub', 'ann', 'eve')))
    expect(decision.claims?.['sub']).toBe('eve')
  })

  it.for([
    ['nothing', ''],
    ['blanks', '  '],
    ['a list', '[]'],
    ['a list of it', '[{}]'],
    ['nil', 'null'],
    ['a number', '1'],
    ['a text', '"x"'],
    ['two objects', '{}{}'],
    ['an object that does not end', '{"iss":"x"'],
    ['a comment', '{}/**/'],
    ['a last comma', '{"iss":"x",}'],
    ['single quotes', "{'iss':'x'}"],
    ['nothing but depth', '['.repeat(6000)],
    ['bytes that are no text', new Uint8Array([0x7b, 0xff, 0xfe, 0x7d])],
    ['an overlong spelling', new Uint8Array([0x7b, 0xc0, 0xa2, 0x7d])],
  ] as const)('is refused that is %s', ([, payload]) => {
    expect(verdictOf(payload)).toBe('invalid')
  })

  it('is as long as a token may be, and no longer', () => {
    const padded = (length: number): string => {
      const bare = `{${members()},"x":""}`
      return `${bare.slice(0, -2)}${'x'.repeat(length - bare.length)}"}`
    }
    const overhead = signTexts(KEY, HEADER, '{}').length - 3
    const most = Math.floor(((16_384 - overhead) * 3) / 4)
    expect(verdictOf(padded(most))).toBe('accepted')
    expect(verdictOf(padded(most + 2))).toBe('invalid')
    // Within it, depth is no matter either.
    expect(verdictOf(`{${members()},"x":${'['.repeat(5000)}${']'.repeat(5000)}}`)).toBe('accepted')
  })

  it('leaves no trace in what all objects share', () => {
    const evil = '"__proto__":{"evil":1},"constructor":{"prototype":{"evil":1}}'
    expect(verdictOf(`{${members()},${evil}}`)).toBe('accepted')
    expect(({} as { evil?: unknown }).evil).toBeUndefined()
  })
})

describe('a header with a good signature', () => {
  const rig = new Rig().start()
  const verdictOf = (header: object): string =>
    rig.verdict(rig.authority.token({}, header)).replace(/ .*/, '')

  it.for([
    {},
    { typ: 'application/at+jwt' },
    { b64: false },
    { b64: true },
    { x5u: 'https://x.test' },
    { jku: 'https://x.test/jwks' },
    { cty: 'JWT' },
    { zip: 'DEF' },
    { jwk: jwkOf('key_x') },
  ])('may be %j', (header) => {
    expect(verdictOf(header)).toBe('accepted')
  })

  const odd = [null, '', 7, true, [], {}, 'constructor', '__proto__'] as const
  it.for([
    ...[...odd, 'JWT', 'at+JWT', 'AT+JWT', 'application/AT+JWT', 'at+jwt ', ['at+jwt']].map(
      (typ) => ({ typ }),
    ),
    ...['feed-head+jwt', 'feed-key+jwt', 'feed-certificate+jwt', 'dpop+jwt'].map((typ) => ({
      typ,
    })),
    ...[...odd, 'none', 'None', 'NONE', 'es256', 'ES256 ', ['ES256']].map((alg) => ({ alg })),
    ...['HS256', 'HS512', 'RS256', 'PS256', 'ES256K', 'ES384', 'EdDSA', 'Ed25519'].map((alg) => ({
      alg,
    })),
    ...[
      ...odd,
      'key_A',
      'key_a ',
      'key_a\u0000',
      'key_feed1',
      '../key_a',
      ['key_a'],
      'toString',
    ].map((kid) => ({ kid })),
    ...[...odd, false, 0, ['b64'], ['exp'], ['crit']].map((crit) => ({ crit })),
    { crit: ['b64'], b64: false },
    { typ: undefined },
    { alg: undefined },
    { kid: undefined },
    { kid: undefined, jwk: jwkOf('key_a') },
  ])('may not be %j', (header) => {
    expect(['invalid', 'stale']).toContain(verdictOf(header))
  })

  it('is judged by the last of two members of one name', () => {
    const payload = JSON.stringify(rig.authority.claims())
    const twice = (first: string, last: string): string =>
      rig.verdict(
        signTexts(
          KEY,
          HEADER.replace('"alg":"ES256"', `"alg":"${first}","alg":"${last}"`),
          payload,
        ),
      )
    expect(twice('none', 'ES256')).toBe('accepted')
    expect(twice('ES256', 'none')).toBe('invalid')
    const inherited = '{"typ":"at+jwt","alg":"ES256","__proto__":{"kid":"key_a"}}'
    expect(rig.verdict(signTexts(KEY, inherited, payload))).not.toBe('accepted')
  })

  it('names a key of its purpose: not the one that signs heads, though it signed', () => {
    const { authority } = rig
    const text = authority.token({}, { kid: 'key_feed1' }, authority.feedKey)
    expect(rig.verdict(text)).not.toBe('accepted')
  })
})

describe('a signature', () => {
  const quick = new Rig().signatures.verify
  const real = nodeSignatures()
  const authority = new Authority()
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty = '', crv = '', x = '', y = '' } = publicKey.export({ format: 'jwk' })
  authority.key('key_real', { jwk: { kty, crv, x, y, alg: 'ES256', use: 'sig', kid: 'key_real' } })
  const rig = new Rig(
    {},
    {
      authority,
      verifySignature: (jwk, parsed, text) =>
        (jwk['kid'] === 'key_real' ? real : quick)(jwk, parsed, text),
    },
  ).start()
  const inputOf = (alg: string): string =>
    signingInput({ typ: 'at+jwt', alg, kid: 'key_real' }, authority.claims())
  const token = (alg: string, make: (input: Buffer) => Uint8Array): string => {
    const input = inputOf(alg)
    return `${input}.${Buffer.from(make(Buffer.from(input))).toString('base64url')}`
  }
  const ecdsa =
    (key: KeyObject, hash = 'sha256', dsaEncoding: 'der' | 'ieee-p1363' = 'ieee-p1363') =>
    (input: Buffer): Uint8Array =>
      nodeSign(hash, input, { key, dsaEncoding })
  const other = (namedCurve: string): KeyObject =>
    generateKeyPairSync('ec', { namedCurve }).privateKey
  const hmac =
    (secret: string | Buffer, hash = 'sha256') =>
    (input: Buffer): Uint8Array =>
      createHmac(hash, secret).update(input).digest()
  const pem = publicKey.export({ type: 'spki', format: 'pem' })
  const der = publicKey.export({ type: 'spki', format: 'der' })
  const { privateKey: edwards } = generateKeyPairSync('ed25519')

  it('of the key is good', () => {
    expect(rig.verdict(token('ES256', ecdsa(privateKey)))).toBe('accepted')
  })

  it.for([
    ['none, with none', 'none', () => new Uint8Array(0)],
    ['none, with a good one', 'none', ecdsa(privateKey)],
    ['ES256, with none', 'ES256', () => new Uint8Array(0)],
    ['HS256 by the public key as PEM', 'HS256', hmac(pem)],
    ['HS256 by the public key as DER', 'HS256', hmac(der)],
    ['HS256 by a coordinate', 'HS256', hmac(Buffer.from(x, 'base64url'))],
    ['HS512 by the public key, as long as ours', 'HS512', hmac(pem, 'sha512')],
    ['ES256 by HMAC of the public key', 'ES256', hmac(pem)],
    ['ES256 by HMAC, as long as ours', 'ES256', hmac(pem, 'sha512')],
    ['EdDSA', 'EdDSA', (input) => nodeSign(null, input, edwards)],
    ['ES256 by EdDSA', 'ES256', (input) => nodeSign(null, input, edwards)],
    ['ES256 of another key', 'ES256', ecdsa(other('P-256'))],
    ['ES256 of another curve of its length', 'ES256', ecdsa(other('secp256k1'))],
    ['ES384', 'ES384', ecdsa(other('P-384'), 'sha384')],
    ['ES256 over another hash', 'ES256', ecdsa(privateKey, 'sha512')],
    ['ES256 as DER', 'ES256', ecdsa(privateKey, 'sha256', 'der')],
    ['ES256 of zeros', 'ES256', () => new Uint8Array(64)],
    ['ES256 of ones', 'ES256', () => new Uint8Array(64).fill(255)],
    [
      'ES256 and a byte',
      'ES256',
      (input) => Buffer.concat([ecdsa(privateKey)(input), Buffer.of(0)]),
    ],
    ['ES256 less a byte', 'ES256', (input) => ecdsa(privateKey)(input).slice(1)],
  ] as [string, string, (input: Buffer) => Uint8Array][])('is not %s', ([, alg, make]) => {
    expect(rig.verdict(token(alg, make))).toBe('invalid')
  })

  it('is spelt in one way, and so are header and payload', () => {
    const good = token('ES256', ecdsa(privateKey))
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const parts = good.split('.')
    const spoilt: string[] = [`${good} `, ` ${good}`, `${good}.`, `.${good}`, `${good}\n`]
    for (const [at, part] of parts.entries()) {
      const put = (text: string): string => parts.with(at, text).join('.')
      spoilt.push(put(`${part}=`), put(`${part}==`), put(`${part}A`), put(`${part}\n`), put(''))
      spoilt.push(put(`${part.slice(0, 4)} ${part.slice(4)}`), put(part.slice(0, -1)))
      spoilt.push(
        put(part.replaceAll('-', '+').replaceAll('_', '/').concat('+').slice(0, -1) + '%41'),
      )
      // The last letter has bits that are of no byte.
      for (const last of letters) {
        if (last !== part.at(-1)) spoilt.push(put(part.slice(0, -1) + last))
      }
    }
    for (const text of spoilt) expect(rig.verdict(text), text.slice(-20)).not.toBe('accepted')
    expect(rig.verdict(good)).toBe('accepted')
  })
})
