import type { IssuedToken } from '#cli/commands/shapes.ts'
import { parseToken } from '#contract/token.ts'
import { formatInstant, fromSeconds } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'

type Received = Pick<IssuedToken, 'token' | 'tokenType' | 'credential'> & {
  /** Empty where none let it in. */
  readonly trustId: string
}

/** The record of a token as the token itself has it: who holds one may not ask the admin API for it. */
export function received(token: string): Received {
  const parsed = parseToken(token)
  if (typeof parsed === 'string') return refuseStrange()
  const { header, claims } = parsed
  // Both go into files of a CI system, line by line, and nobody has looked at them yet.
  if (!/^\w{1,64}$/.test(String(claims['jti'])) || !Number.isSafeInteger(claims['exp'])) {
    return refuseStrange()
  }
  const text = (name: string): string => {
    const value = claims[name]
    return typeof value === 'string' ? value : ''
  }
  const time = (name: string): string => formatInstant(fromSeconds(Number(claims[name])))
  return {
    token,
    tokenType: 'Bearer',
    trustId: text('trust'),
    credential: {
      id: text('jti'),
      clientId: text('client_id'),
      subject: text('sub'),
      scopes: text('scope').split(' ').filter(Boolean),
      audience: [claims['aud']].flat().map(String),
      issuedAt: time('iat'),
      expiresAt: time('exp'),
      keyId: String(header['kid']),
      sessionId: text('sid'),
      state: 'active',
      createdBy: `client:${text('client_id')}`,
      tags: {},
    },
  }
}

const refuseStrange = (): never =>
  refuse('internal', 'what the authority issued is no token of ours')
