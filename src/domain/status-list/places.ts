import { sha256 } from '@noble/hashes/sha2.js'

/** Twice as many as it takes for nobody to tell the order from chance by the places alone. */
const ROUNDS = 8
/** Sixteen bits each, which is half of a place in a list of four billion. */
const ANSWERS_PER_HASH = 16

/**
 * The order in which the places of a list are given out: the n-th is `places(n)`, for every n below
 * `size` another one. Whoever does not know the seed learns nothing from one place about the next, nor
 * how many were given out between two.
 *
 * It is a Feistel network over the even number of bits that holds `size`, whose rounds are SHA-256
 * under the seed; what falls outside goes round again. A round has few possible inputs, so answers are
 * kept: the first place costs eight hashes, and a million cost some hundreds.
 */
export function placesOf(seed: Uint8Array, size: number): (n: number) => number {
  const halfBits = halfBitsOf(size)
  const inputs = 2 ** halfBits
  const mask = inputs - 1
  const answers = new Int32Array(ROUNDS * inputs).fill(-1)
  const block = new Uint8Array(seed.length + 4)
  block.set(seed)
  const view = new DataView(block.buffer)

  const round = (number: number, input: number): number => {
    const at = number * inputs + input
    const known = answers[at] ?? -1
    if (0 <= known) return known
    const first = at - (at % ANSWERS_PER_HASH)
    view.setUint32(seed.length, first)
    const hash = sha256(block)
    const words = new DataView(hash.buffer, hash.byteOffset)
    for (let i = 0; i < ANSWERS_PER_HASH; i++) answers[first + i] = words.getUint16(2 * i) & mask
    return answers[at] ?? 0
  }
  const once = (value: number): number => {
    let left = value >>> halfBits
    let right = value & mask
    for (let i = 0; i < ROUNDS; i++) [left, right] = [right, left ^ round(i, right)]
    return left * inputs + right
  }
  return (n) => {
    let value = once(n)
    while (size <= value) value = once(value)
    return value
  }
}

/** Half of the bits, rounded up, that the greatest place of a list has. */
const halfBitsOf = (size: number): number => Math.ceil(Math.log2(Math.max(size, 2)) / 2)
