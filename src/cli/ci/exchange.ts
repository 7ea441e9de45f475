import type { IssuedToken } from '#cli/commands/shapes.ts'
import type { Kit } from '#cli/kit.ts'
import { received } from '#cli/received.ts'
import { formatDuration } from '#kernel/duration.ts'
import { Problem } from '#kernel/problem.ts'
import { jobIdentity } from './identity.ts'
import { mask } from './mask.ts'
import { explained } from './refusal.ts'

type Identity = Parameters<typeof jobIdentity>[1]

interface Asked extends Identity {
  readonly idTokenAudience: string | undefined
  readonly scope: readonly string[]
  readonly audience: readonly string[]
  readonly ttl: number | undefined
  readonly trust: string | undefined
}

/** A token as an issuing command has it, and the trust that let the job in. */
export interface JobToken extends IssuedToken {
  readonly trustId: string
}

/**
 * What a CI job does instead of keeping a secret: proves what it is, and gets a token that its log does not
 * show. Refusals: those of `jobIdentity`, and of the exchange.
 */
export async function exchangeIdentity(kit: Kit, asked: Asked): Promise<JobToken> {
  const oauth = await kit.oauth()
  const idToken = await jobIdentity(kit, asked, async () =>
    asked.idTokenAudience === undefined ? oauth.issuer() : asked.idTokenAudience,
  )
  const { ttl } = asked
  try {
    const { token, expiresIn } = await oauth.exchange({
      idToken,
      scopes: asked.scope,
      audience: asked.audience,
      ttlSeconds: ttl,
      trustId: asked.trust,
    })
    await mask(kit, token)
    if (ttl !== undefined && expiresIn < ttl) warnClamped(kit, ttl, expiresIn)
    return {
      ...received(token),
      expiresIn,
      ...(ttl !== undefined && expiresIn < ttl ? { clampedFrom: ttl } : {}),
    }
  } catch (failure) {
    if (!(failure instanceof Problem) || failure.code !== 'trust-unmatched') throw failure
    throw await explained(kit, failure)
  }
}

const warnClamped = (kit: Kit, from: number, to: number): void =>
  kit.warn(
    `lifetime shortened from ${formatDuration(from)} to ${formatDuration(to)}: the trust and policy allow no more`,
  )
