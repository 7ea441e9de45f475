import type { RevocationRequest } from '#domain/revocation/revoke.ts'
import { sortedSet } from '#domain/revocation/selector.ts'
import { newId } from '#kernel/identifier.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading, SelectionRecord } from '#store/port.ts'
import type { Context, Deps } from './deps.ts'
import { authorityTime } from './feed.ts'
import type { Reader } from './reader.ts'
import { merge } from './sorted.ts'

/** An exact list of tokens that comes in parts, for a revocation that names it by its id. */
export interface SelectionView extends SelectionRecord {
  readonly expiresAt: Instant
}

/** Whoever cannot draw up his list in a day begins it anew. */
const SELECTION_SECONDS_MAX = 24 * 3600
/** An exact list holds at most this many tokens. */
export const SELECTION_TOKENS_MAX = 1_000_000
/** So many rows of old lists go at a time, with the beginning of a new one. */
const FORGOTTEN_MAX = 10_000

export function createSelection(deps: Deps, { caller }: Context): Promise<SelectionView> {
  return deps.store.write(async (tx) => {
    const { at: now } = await authorityTime(deps, tx)
    await tx.forgetSelections(instant(now - SELECTION_SECONDS_MAX * 1000), FORGOTTEN_MAX)
    const selection: SelectionRecord = {
      id: newId('sel', now, deps.entropy),
      actor: caller.actor,
      createdAt: now,
      tokens: 0,
    }
    await tx.insertSelection(selection)
    return viewOf(selection)
  })
}

/**
 * Adds tokens after the `offset` that came before them. Sent again, whole or in part, it changes
 * nothing, so whoever was cut off goes on from what `showSelection` says. Refusals:
 * `selection-unknown`, `selection-gap`, `request-invalid` above a million.
 */
export function appendSelection(
  deps: Deps,
  context: Context,
  id: string,
  { offset, tokens }: { readonly offset: number; readonly tokens: readonly string[] },
): Promise<SelectionView> {
  return deps.store.write(async (tx) => {
    const { at: now } = await authorityTime(deps, tx)
    const { tokens: held } = await selectionOf(tx, context, id, now)
    if (held < offset) {
      refuse(
        'selection-gap',
        `selection ${id} holds ${held} tokens, and these begin at ${offset}`,
        {
          next: `send what comes after the first ${held} first`,
          facts: { selectionId: id, tokens: held },
        },
      )
    }
    if (SELECTION_TOKENS_MAX < offset + tokens.length) {
      refuse('request-invalid', `an exact list holds at most ${SELECTION_TOKENS_MAX} tokens`, {
        next: 'revoke them in several lists, or by client, subject, scope or tag',
        facts: { selectionId: id, tokens: held },
      })
    }
    await tx.appendSelection(id, offset, tokens)
    return viewOf(await selectionOf(tx, context, id, now))
  })
}

export function showSelection(deps: Deps, context: Context, id: string): Promise<SelectionView> {
  return deps.store.read(async (tx) => {
    const { at: now } = await authorityTime(deps, tx)
    return viewOf(await selectionOf(tx, context, id, now))
  })
}

const viewOf = (selection: SelectionRecord): SelectionView => ({
  ...selection,
  expiresAt: instant(selection.createdAt + SELECTION_SECONDS_MAX * 1000),
})

/** To anyone but who began it, a list is unknown; and to him too when its day is over. */
async function selectionOf(
  tx: Reading,
  { caller }: Context,
  id: string,
  now: Instant,
): Promise<SelectionRecord> {
  const selection = await tx.findSelection(id)
  if (selection?.actor === caller.actor && now < viewOf(selection).expiresAt) return selection
  return refuse('selection-unknown', `no selection ${id.slice(0, 64)} of yours is on record`, {
    next: 'draw the list up again: credctl revoke --from FILE',
  })
}

/**
 * The request with its exact list in it, in order, read and sorted a piece at a time. An empty list is refused and not left out: without it the
 * rest of the selector would hit more than was meant.
 */
export async function withSelection<T extends RevocationRequest & Naming>(
  deps: Deps,
  read: Reader,
  context: Context,
  request: T,
): Promise<RevocationRequest> {
  const { selectionId, ...rest } = request
  if (selectionId === undefined) return rest
  if (0 < (request.selector.tokens?.length ?? 0)) {
    refuse('request-invalid', 'a selection stands in the place of tokens, and both are given', {
      next: 'add the tokens to the selection, or leave one out',
    })
  }
  const held = await read(async (tx) => {
    const { at: now } = await authorityTime(deps, tx)
    return (await selectionOf(tx, context, selectionId, now)).tokens
  })
  if (held === 0) {
    refuse('selector-empty', `selection ${selectionId} holds no token yet`, {
      next: 'add tokens to it first',
    })
  }
  const pieces: (readonly string[])[] = []
  for (let from = 0; from < held; from += PIECE) {
    const piece = { from, limit: Math.min(PIECE, held - from) }
    pieces.push(sortedSet(await read((tx) => tx.selectionTokens(selectionId, piece))))
  }
  const tokens = await merge(pieces, () => deps.clock.sleep(0))
  return { ...rest, selector: { ...request.selector, tokens } }
}

/** So many are read and sorted in one go. */
const PIECE = 10_000

interface Naming {
  readonly selectionId?: string | undefined
}
