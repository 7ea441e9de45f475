import type { Entropy } from '#kernel/clock.ts'

/**
 * Chance by counting: the n-th draw of a stream is a hash of seed, stream, entity and n. So a fault
 * that is taken away leaves every other draw as it was, and a story can be cut down to what matters.
 */
export interface Chance {
  /** A whole number of 32 bits. */
  bits(): number
  /** From 0 up to, and without, 1. */
  unit(): number
  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number
  /** Whether something happens that has this probability. */
  happens(probability: number): boolean
  pick<T>(items: readonly [T, ...T[]]): T
}

export function chanceOf(seed: number, stream: string, entity: number | string = 0): Chance {
  const key = mix(mix(hashText(stream), hashText(String(entity))), seed >>> 0)
  let n = 0
  const bits = (): number => mix(key, n++)
  const unit = (): number => (bits() * 2_097_152 + (bits() >>> 11)) / 9_007_199_254_740_992
  return {
    bits,
    unit,
    between: (from, to) => from + Math.floor(unit() * (to - from + 1)),
    happens: (probability) => unit() < probability,
    pick: ([first, ...rest]) => [first, ...rest][Math.floor(unit() * (rest.length + 1))] ?? first,
  }
}

export function entropyOf(seed: number, stream: string, entity: number | string = 0): Entropy {
  const chance = chanceOf(seed, `entropy:${stream}`, entity)
  return {
    bytes(length) {
      const bytes = new Uint8Array(length)
      for (let i = 0, word = 0; i < length; i++, word >>>= 8) {
        if (i % 4 === 0) word = chance.bits()
        bytes[i] = word
      }
      return bytes
    },
  }
}

/** FNV-1a over UTF-16 code units: for short names. */
function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Two rounds of murmur3's finaliser: every bit of both words reaches every bit of the result. */
function mix(a: number, b: number): number {
  let hash = finalise(a ^ 0x9e3779b9)
  hash = finalise(Math.imul(hash ^ b, 0x85ebca6b) + Math.imul(b, 0xc2b2ae35))
  return finalise(hash ^ Math.imul(b + 0x27d4eb2f, 0x165667b1)) >>> 0
}

function finalise(word: number): number {
  let hash = word ^ (word >>> 16)
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
