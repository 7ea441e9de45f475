import type { Store } from '#store/port.ts'

/** A store that tells when a transaction of this process that appended to the feed is committed. */
export function watchingFeed(store: Store, onMoved: () => void): Store {
  return {
    ...store,
    async write(work) {
      let hasMoved = false
      const result = await store.write((tx) =>
        work({
          ...tx,
          async appendFeed(entry, timeMicros) {
            await tx.appendFeed(entry, timeMicros)
            hasMoved = true
          },
        }),
      )
      if (hasMoved) onMoved()
      return result
    },
  }
}
