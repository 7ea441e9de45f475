import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { onTestFinished } from 'vitest'
import type { Policy } from '#domain/policy/policy.ts'
import { createOauthEndpoints, type OauthCall } from '#server/oauth/endpoints.ts'
import type { OauthEndpoint } from '#contract/oauth.ts'
import { createWorld, ISSUER, type TestWorld } from '../../world.ts'

export const API = 'https://api.example'
export const CLIENT_CREDENTIALS = 'client_credentials'

export interface Asked {
  readonly headers?: { readonly authorization?: string; readonly accept?: string }
  readonly ip?: string
  readonly query?: string
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  // oxlint-disable-next-line typescript/no-explicit-any -- a test states what it expects by its matchers
  readonly body: any
}

type Fields = Readonly<Record<string, string>> | readonly (readonly [string, string])[] | string

/** The OAuth endpoints of a real authority, called without HTTP. */
export interface OauthWorld extends TestWorld {
  readonly post: (endpoint: OauthEndpoint, fields: Fields, asked?: Asked) => Promise<Answer>
  readonly settle: (isLast?: boolean) => Promise<void>
  /** Registers a client with a secret of ours, and answers with that. */
  readonly withSecret: (
    id: string,
    more?: Partial<Parameters<TestWorld['admin']['createClient']>[0]>,
  ) => Promise<string>
  /** A token for a client, from the token endpoint. */
  readonly tokenOf: (id: string, secret: string, more?: Record<string, string>) => Promise<string>
  readonly audit: (
    action: string,
  ) => Promise<readonly { outcome: string; target: string; detail: unknown; actor: string }[]>
}

export async function oauthWorld(
  change: (policy: Policy) => Policy = (policy) => policy,
): Promise<OauthWorld> {
  const { defaultPolicy } = await import('#domain/policy/policy.ts')
  const world = await createWorld({ policy: change(defaultPolicy) })
  // Whoever sleeps lets everything go on that can, as all who are awake do while time passes.
  world.clock.sleep = async (milliseconds) => {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    world.clock.advance(milliseconds)
  }
  const endpoints = createOauthEndpoints(world.deps, {
    endOfTick: () => new Promise((resolve) => setImmediate(resolve)),
    onFault: (fault) => world.faults.push(fault),
  })
  onTestFinished(() => endpoints.settle(true).catch(() => undefined))
  let requests = 0
  const post: OauthWorld['post'] = async (endpoint, fields, asked = {}) => {
    const { authorization, accept = '' } = asked.headers ?? {}
    const call: OauthCall = {
      endpoint,
      query: asked.query ?? '',
      body: typeof fields === 'string' ? fields : new URLSearchParams(fields as never).toString(),
      authorizations: authorization === undefined ? [] : [authorization],
      accept,
      origin: { transport: 'http', ip: asked.ip ?? '192.0.2.7' },
      requestId: `req_${(requests += 1)}`,
    }
    return endpoints.answer(call)
  }
  return {
    ...world,
    post,
    settle: (isLast) => endpoints.settle(isLast),
    async withSecret(id, more = {}) {
      const made = await world.admin.createClient({
        id,
        scopes: ['read', 'write'],
        audiences: [API],
        auth: 'secret',
        ...more,
      })
      return made.clientSecret ?? ''
    },
    async tokenOf(id, secret, more = {}) {
      const fields = { grant_type: CLIENT_CREDENTIALS, client_id: id, client_secret: secret }
      const { status, body } = await post('token', { ...fields, ...more })
      if (status !== 200) throw new Error(`no token: ${JSON.stringify(body)}`)
      return String(body.access_token)
    },
    async audit(action) {
      const { items } = await world.admin.listAudit({ action, limit: 200 })
      return items
    },
  }
}

/** RFC 6749 §2.3.1: form-encoded, then base64. */
export const basic = (id: string, secret: string): { authorization: string } => {
  const encoded = (text: string) => new URLSearchParams({ x: text }).toString().slice(2)
  const pair = `${encoded(id)}:${encoded(secret)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

export interface Signer {
  readonly jwk: Readonly<Record<string, unknown>>
  readonly alg: string
  readonly sign: (input: string) => Buffer
}

const asPkcs8 = (key: KeyObject): KeyObject =>
  createPrivateKey({
    key: key.export({ type: 'pkcs8', format: 'der' }),
    format: 'der',
    type: 'pkcs8',
  })

/** A key pair of a client, and its signatures. */
export function signer(alg: 'ES256' | 'RS256' | 'EdDSA' | 'Ed25519' = 'ES256'): Signer {
  const { privateKey, publicKey } =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : alg === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ed25519')
  const key = asPkcs8(privateKey)
  return {
    jwk: { ...publicKey.export({ format: 'jwk' }) },
    alg,
    sign: (input) =>
      alg === 'ES256'
        ? sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
        : sign(alg === 'RS256' ? 'sha256' : null, Buffer.from(input), key),
  }
}

const segment = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export interface AssertionChange {
  readonly header?: Record<string, unknown>
  readonly claims?: Record<string, unknown>
}

let assertions = 0

/** A good client assertion, but for what is changed in it. */
export function assertion(
  { clock }: Pick<TestWorld, 'clock'>,
  id: string,
  { sign: signed, alg }: Signer,
  { header = {}, claims = {} }: AssertionChange = {},
): string {
  const now = Math.floor(clock.now() / 1000)
  const jti = `a${(assertions += 1)}`
  const input = [
    segment({ alg, typ: 'client-authentication+jwt', ...header }),
    segment({ iss: id, sub: id, aud: ISSUER, jti, iat: now, exp: now + 60, ...claims }),
  ].join('.')
  return `${input}.${signed(input).toString('base64url')}`
}

export const ASSERTION = {
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
}
