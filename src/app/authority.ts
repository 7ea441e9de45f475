import type { Position } from '#domain/feed/position.ts'
import type { Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Context, Deps } from './deps.ts'
import { authorityTime } from './feed.ts'
import { activeKey } from './issue.ts'
import { introduceFirst } from './keys.ts'
import { auditEntry } from './record.ts'

/**
 * Makes an authority in an empty database: its issuer, and its first signing keys. Feed heads and
 * status lists have keys of their own, so that whoever steals the one for tokens cannot forge what is
 * revoked.
 */
export function initAuthority(
  deps: Deps,
  context: Context,
  issuer: string,
  where: string,
): Promise<{ readonly keyId: string }> {
  return deps.store.write(async (tx) => {
    const existing = await tx.authority()
    if (existing !== undefined) {
      refuse('authority-exists', `${where} holds the authority ${existing.issuer} already`, {
        next: 'use it as it is, or name another folder with --data-dir',
        facts: { dataDir: where, issuer: existing.issuer },
      })
    }
    const now = deps.clock.now()
    await tx.createAuthority({ issuer, createdAt: now })
    const keyId = await introduceFirst(deps, tx, 'token', now)
    await introduceFirst(deps, tx, 'feed', now)
    await introduceFirst(deps, tx, 'status', now)
    const deed = { action: 'authority.init', target: `authority:${issuer}` }
    await tx.appendAudit(auditEntry(deps, context, deed, 'ok', { detail: { keyId } }))
    return { keyId }
  })
}

export interface AuthorityView {
  readonly issuer: string
  readonly keyId: string
  readonly position: Position
  readonly now: Instant
}

export function showAuthority(deps: Deps): Promise<AuthorityView> {
  return deps.store.read(async (tx) => {
    const authority = await tx.authority()
    if (authority === undefined) {
      return refuse('store-foreign', 'the database holds no authority', { next: 'credctl init' })
    }
    const { position, at } = await authorityTime(deps, tx)
    const { key } = await activeKey(tx)
    return { issuer: authority.issuer, keyId: key.id, position, now: at }
  })
}
