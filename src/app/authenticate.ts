import type { Origin } from '#domain/audit/entry.ts'
import { refuse } from '#kernel/problem.ts'
import type { Caller, Deps } from './deps.ts'
import { verifyToken } from './verify-token.ts'

/**
 * Says who calls, by one of our own tokens for the issuer as audience (RFC 6750 §2.1).
 * Refusals: `authentication-needed`, `token-refused`.
 */
export async function authenticateBearer(
  deps: Deps,
  issuer: string,
  authorization: string | undefined,
  origin: Origin,
): Promise<Caller> {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
  if (token === undefined) {
    return refuse('authentication-needed', 'the admin API needs a token of this authority', {
      next: 'on the authority: credctl token issue --client C --scope admin:credentials:read … -o token; then set CREDCTL_TOKEN',
    })
  }
  const { verdict, claims, detail, message, reason, revocationId } = await verifyToken(deps, {
    token,
    audience: issuer,
    scopes: [],
  })
  if (verdict !== 'accepted' || claims === undefined) {
    const said = message === undefined ? '' : `: ${message}`
    return refuse('token-refused', `your token is not accepted: ${detail ?? verdict}${said}`, {
      next: 'set CREDCTL_TOKEN to a fresh token for the audience of the issuer',
      facts: {
        verdict,
        ...(reason === undefined ? {} : { reason }),
        ...(revocationId === undefined ? {} : { revocationId }),
      },
    })
  }
  return {
    actor: `client:${String(claims['client_id'])}`,
    scopes: String(claims['scope']).split(' '),
    origin,
    credentialId: String(claims['jti']),
  }
}
