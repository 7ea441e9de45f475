/** Takes text and gives its hash; the real one is handed in by whoever has crypto. */
export interface Hasher {
  update(text: string): void
  /** Lower-case hexadecimal. */
  digest(): string
}

/**
 * Everything that happens, as lines, hashed. Two runs with one hash did the same things at the same
 * times. Nothing made of a signature or a key may stand in it: ES256 signs anew each time.
 */
export interface Trace {
  note(atMicros: number, what: string): void
  digest(): string
}

const FLUSH_CHARACTERS = 32_768

export function createTrace(hasher: Hasher): Trace {
  let text = ''
  return {
    note(atMicros, what) {
      text += `${atMicros} ${what}\n`
      if (text.length < FLUSH_CHARACTERS) return
      hasher.update(text)
      text = ''
    },
    digest() {
      hasher.update(text)
      text = ''
      return hasher.digest()
    },
  }
}
