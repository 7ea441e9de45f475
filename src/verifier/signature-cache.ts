import type { ReadToken } from './token.ts'

/** Tokens that were read before, by every byte of their text, so that a repeated one is read once. */
export interface SignatureCache {
  find(text: string): ReadToken | undefined
  keep(text: string, read: ReadToken): void
}

/** Texts alone; what was read of them takes about as much again. */
const CHARACTERS_MAX = 16 * 1024 * 1024

/** The end of a signature: as good as a hash of the whole, and there already. */
const MARK_CHARACTERS = 32

interface Kept {
  readonly text: string
  readonly read: ReadToken
}

/**
 * Keeps between half of `countMax` and all of it: two generations, of which the older goes as a
 * whole. What is asked for again is young again.
 *
 * A text is looked up by the end of its signature, and is the one that was kept only if all of it is.
 */
export function createSignatureCache(countMax: number): SignatureCache {
  let young = new Map<string, Kept>()
  let old = new Map<string, Kept>()
  let youngCharacters = 0

  const put = (mark: string, kept: Kept): void => {
    const isFull = countMax <= 2 * young.size || CHARACTERS_MAX <= 2 * youngCharacters
    if (isFull) {
      old = young
      young = new Map()
      youngCharacters = 0
    }
    young.set(mark, kept)
    youngCharacters += kept.text.length
  }

  return {
    keep: (text, read) => put(text.slice(-MARK_CHARACTERS), { text, read }),
    find(text) {
      const mark = text.slice(-MARK_CHARACTERS)
      const known = young.get(mark)
      if (known?.text === text) return known.read
      const older = old.get(mark)
      if (older?.text !== text) return undefined
      put(mark, older)
      return older.read
    },
  }
}
