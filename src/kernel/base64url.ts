const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const VALUE_OF = new Int16Array(128).fill(-1)
for (let i = 0; i < 64; i++) VALUE_OF[ALPHABET.charCodeAt(i)] = i

/** base64url without padding (RFC 4648 §5, RFC 7515 §2). */
export function encodeBase64url(bytes: Uint8Array): string {
  let text = ''
  let i = 0
  for (; i + 2 < bytes.length; i += 3) {
    const word = (at(bytes, i) << 16) | (at(bytes, i + 1) << 8) | at(bytes, i + 2)
    text += letter(word >> 18) + letter(word >> 12) + letter(word >> 6) + letter(word)
  }
  const rest = bytes.length - i
  if (rest === 1) text += letter(at(bytes, i) >> 2) + letter(at(bytes, i) << 4)
  if (rest === 2) {
    const word = (at(bytes, i) << 8) | at(bytes, i + 1)
    text += letter(word >> 10) + letter(word >> 4) + letter(word << 2)
  }
  return text
}

/**
 * Reads base64url; `undefined` unless it is the one canonical spelling of its bytes.
 *
 * Padding, blanks, the characters of plain base64 and bits beyond the last byte are all refused: a
 * text that can be spelt in two ways slips past whatever remembers one of them.
 */
export function decodeBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  const rest = text.length % 4
  if (rest === 1) return undefined
  const bytes = new Uint8Array((text.length * 3) >> 2)
  let word = 0
  let bits = 0
  let next = 0
  for (let i = 0; i < text.length; i++) {
    const value = valueOf(text.charCodeAt(i))
    if (value < 0) return undefined
    word = (word << 6) | value
    bits += 6
    if (8 <= bits) {
      bits -= 8
      bytes[next++] = word >> bits
      word &= (1 << bits) - 1
    }
  }
  return word === 0 ? bytes : undefined
}

const at = (bytes: Uint8Array, i: number): number => bytes[i] as number
const letter = (value: number): string => ALPHABET.charAt(value & 63)
const valueOf = (code: number): number => (code < 128 ? (VALUE_OF[code] as number) : -1)
