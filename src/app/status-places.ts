import { placesOf } from '#domain/status-list/places.ts'
import type { StatusPlace } from '#domain/status-list/status-list.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { Instant } from '#kernel/instant.ts'
import type { Store, TakenPlaces, Writing } from '#store/port.ts'
import type { Deps } from './deps.ts'

const ID_BYTES = 6
const SEED_BYTES = 16

/**
 * Places for credentials that are being minted, in the transaction that records them: random ones, and
 * none that was ever given out. Where a list is full the next one is opened.
 */
export async function takePlaces(
  deps: Deps,
  tx: Writing,
  count: number,
  expiresAt: Instant,
): Promise<readonly StatusPlace[]> {
  const places: StatusPlace[] = []
  while (places.length < count) {
    const taken = await tx.takeStatusPlaces(count - places.length, expiresAt)
    if (taken === undefined) {
      await open(deps, tx, expiresAt)
      continue
    }
    const placeAt = orderOf(deps.store, taken)
    for (let i = 0; i < taken.count; i++) {
      places.push({ list: taken.list, index: placeAt(taken.first + i) })
    }
  }
  return places
}

const open = ({ clock, entropy, policy }: Deps, tx: Writing, expiresAt: Instant): Promise<void> =>
  tx.insertStatusList({
    id: encodeBase64url(entropy.bytes(ID_BYTES)),
    size: policy.statusLists.size,
    seed: entropy.bytes(SEED_BYTES),
    taken: 0,
    expiresAt,
    isAbandoned: false,
    openedAt: clock.now(),
  })

interface Order {
  readonly list: string
  readonly placeAt: (n: number) => number
}
const orders = new WeakMap<Store, Order>()

/** Of the list that is being filled, which all mints of a process have in common. */
function orderOf(store: Store, { list, seed, size }: TakenPlaces): (n: number) => number {
  const known = orders.get(store)
  if (known?.list === list) return known.placeAt
  const placeAt = placesOf(seed, size)
  orders.set(store, { list, placeAt })
  return placeAt
}
