import type { ReadToken } from './token.ts'

/** Tokens that were read before, by every byte of their text, so that a repeated one is read once. */
export interface SignatureCache {
  find(text: string): ReadToken | undefined
  keep(text: string, read: ReadToken): void
}

/** Texts alone; what was read of them takes about as much again. */
const CHARACTERS_MAX = 16 * 1024 * 1024

/**
 * Keeps between half of `countMax` and all of it: two generations, of which the older goes as a
 * whole. What is asked for again is young again.
 */
export function createSignatureCache(countMax: number): SignatureCache {
  let young = new Map<string, ReadToken>()
  let old = new Map<string, ReadToken>()
  let youngCharacters = 0

  const keep = (text: string, read: ReadToken): void => {
    const isFull = countMax <= 2 * young.size || CHARACTERS_MAX <= 2 * youngCharacters
    if (isFull) {
      old = young
      young = new Map()
      youngCharacters = 0
    }
    young.set(text, read)
    youngCharacters += text.length
  }

  return {
    keep,
    find(text) {
      const known = young.get(text)
      if (known !== undefined) return known
      const older = old.get(text)
      if (older !== undefined) keep(text, older)
      return older
    },
  }
}
