import type { Hash } from '#domain/feed/entry.ts'
import type { Rules } from '#verifier/rules.ts'

/** What came of a text, and by which key; without a key it follows from the text alone. */
interface Known<R> {
  readonly kid: string | undefined
  readonly mark: string | undefined
  readonly result: R
}

const KEPT_MAX = 4096

/**
 * The readers of entries, heads and tokens, which remember what came of a text. What comes of it is
 * fixed by the text and the key that it names, for every verifier alike: so one reading serves them
 * all, and so does one hash of the same bytes.
 */
export function remembering(rules: Rules): Rules {
  const entries = new Map<string, ReturnType<Rules['readEntry']>>()
  const heads = new Map<string, Known<ReturnType<Rules['readHead']>>>()
  const tokens = new Map<string, Known<ReturnType<Rules['readToken']>>>()
  return {
    ...rules,
    hash: rememberingHash(rules.hash),
    readEntry(text) {
      const known = entries.get(text)
      if (known !== undefined) return known
      const result = rules.readEntry(text)
      keep(entries, text, result)
      return result
    },
    readHead(text, context) {
      const known = heads.get(text)
      if (known !== undefined) {
        const { kid, mark, result } = known
        if (kid === undefined || context.feedKey(kid)?.['x'] === mark) return result
      }
      let kid: string | undefined
      let mark: string | undefined
      const feedKey = (asked: string) => {
        const jwk = context.feedKey(asked)
        kid = asked
        mark = jwk?.['x']
        return jwk
      }
      const result = rules.readHead(text, { ...context, feedKey })
      keep(heads, text, { kid, mark, result })
      return result
    },
    readToken(text, context) {
      const known = tokens.get(text)
      if (known !== undefined) {
        const { kid, mark, result } = known
        if (kid === undefined || context.findKey(kid)?.thumbprint === mark) return result
      }
      let kid: string | undefined
      let mark: string | undefined
      const findKey = (asked: unknown) => {
        const key = context.findKey(asked)
        kid = String(asked)
        mark = key?.thumbprint
        return key
      }
      const result = rules.readToken(text, { ...context, findKey })
      keep(tokens, text, { kid, mark, result })
      return result
    },
  }
}

function keep<R>(into: Map<string, R>, text: string, known: R): void {
  if (KEPT_MAX <= into.size) into.clear()
  into.set(text, known)
}

interface Hashed {
  readonly bytes: Uint8Array
  readonly hash: Uint8Array
}

const SLOTS = 1024

/** The hash of bytes that were hashed not long ago; they are the same only if every one of them is. */
function rememberingHash(hash: Hash): Hash {
  const slots: (Hashed | undefined)[] = Array.from({ length: SLOTS }, () => undefined)
  return (bytes) => {
    const slot = slotOf(bytes)
    const known = slots[slot]
    if (known !== undefined && areEqual(known.bytes, bytes)) return known.hash
    const result = hash(bytes)
    slots[slot] = { bytes: bytes.slice(), hash: result }
    return result
  }
}

/** By its length and its last bytes, which differ wherever a hash or a position is among them. */
function slotOf(bytes: Uint8Array): number {
  let mark = bytes.length
  for (let i = Math.max(0, bytes.length - MARK_BYTES); i < bytes.length; i++) {
    mark = Math.imul(mark ^ (bytes[i] as number), 0x01000193)
  }
  return (mark ^ (mark >>> 15)) & (SLOTS - 1)
}

const MARK_BYTES = 40

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  // By words where it can be done, as with the hashes of a long state.
  const words = b.byteOffset % 4 === 0 ? b.length >> 2 : 0
  if (0 < words) {
    const [mine, other] = [new Uint32Array(a.buffer, 0, words), wordsOf(b, words)]
    for (let i = 0; i < words; i++) if (mine[i] !== other[i]) return false
  }
  for (let i = words * 4; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

const wordsOf = ({ buffer, byteOffset }: Uint8Array, words: number): Uint32Array =>
  new Uint32Array(buffer, byteOffset, words)
