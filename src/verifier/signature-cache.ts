import type { ReadToken } from './token.ts'

/** Tokens that were read before, by every byte of their text, so that a repeated one is read once. */
export interface SignatureCache {
  find(text: string): ReadToken | undefined
  keep(text: string, read: ReadToken): void
}

/** Texts alone; what was read of them takes about as much again. */
const CHARACTERS_MAX = 16 * 1024 * 1024

/** The end of a signature: as good as a hash of the whole, and there already. */
const MARK_CHARACTERS = 16

/** Whoever has tokens of one mark, which only their issuer can make, lets one of them be read again. */
function markOf(text: string): number {
  let mark = 0
  for (let i = Math.max(0, text.length - MARK_CHARACTERS); i < text.length; i++) {
    mark = Math.imul(mark ^ text.charCodeAt(i), 0x01000193)
  }
  return mark
}

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
  let young = new Map<number, Kept>()
  let old = new Map<number, Kept>()
  let youngCharacters = 0

  const put = (mark: number, kept: Kept): void => {
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
    keep: (text, read) => put(markOf(text), { text, read }),
    find(text) {
      const mark = markOf(text)
      const known = young.get(mark)
      if (known?.text === text) return known.read
      const older = old.get(mark)
      if (older?.text !== text) return undefined
      put(mark, older)
      return older.read
    },
  }
}
