import type { Context, Deps } from '#app/deps.ts'
import { auditEntry, authorityContext } from '#app/record.ts'
import { revokeForEvent } from '#app/revoke.ts'
import { newId } from '#kernel/identifier.ts'

/** For how long the first waits for others: half of what may pass at most. */
const COALESCE_MS = 25
/** One entry of the feed names no more than this, so that no other writer waits for long. */
const TOKENS_MAX = 1000

export interface SelfRevocations {
  /** Revokes a token for the client that holds it; answers once that is published. */
  revoke(tokenId: string, context: Context): Promise<void>
}

interface Item {
  readonly tokenId: string
  readonly context: Context
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/**
 * What jobs hand back when they end, gathered for a moment into one list: one entry of the feed for
 * many of them. An operator's revocation never waits for that moment, since nothing is locked in it.
 */
export function createSelfRevocations(deps: Deps): SelfRevocations {
  const queue: Item[] = []
  let isWaiting = false
  const gather = async (): Promise<void> => {
    await deps.clock.sleep(COALESCE_MS)
    isWaiting = false
    while (0 < queue.length) await publishTogether(deps, queue.splice(0, TOKENS_MAX))
  }
  return {
    revoke: (tokenId, context) =>
      new Promise((resolve, reject) => {
        queue.push({ tokenId, context, resolve, reject })
        if (isWaiting) return
        isWaiting = true
        void gather()
      }),
  }
}

async function publishTogether(deps: Deps, items: readonly Item[]): Promise<void> {
  try {
    await deps.store.write(async (tx) => {
      const tokens = [...new Set(items.map(({ tokenId }) => tokenId))]
      const context = together(deps, items)
      const revocation = await revokeForEvent(deps, context, tx, { tokens }, 'sign-out')
      const detail = {
        revocationId: revocation?.id ?? null,
        position: revocation?.position ?? null,
      }
      for (const { tokenId, context: asked } of items) {
        const deed = { action: 'credential.revoke', target: `credential:${tokenId}` }
        await tx.appendAudit(auditEntry(deps, asked, deed, 'ok', { detail }))
      }
    })
  } catch (failure) {
    for (const { reject } of items) reject(failure)
    return
  }
  for (const { resolve } of items) resolve()
}

/** Whose revocation it is: the client's, where it is one client's, else the authority's. */
function together(deps: Deps, items: readonly Item[]): Context {
  const [first] = items
  const isOne = items.every(({ context }) => context.caller.actor === first?.context.caller.actor)
  return first !== undefined && isOne
    ? first.context
    : authorityContext(newId('req', deps.clock.now(), deps.entropy))
}
