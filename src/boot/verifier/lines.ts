/** Takes bytes apart into lines; `false` where a line is longer than any may be. */
export interface LineReader {
  push(chunk: Uint8Array): boolean
  /** What came after the last line's end. */
  rest(): string
}

/** Lines that end in LF, however the bytes were cut. */
export function createLineReader(
  onLine: (line: string) => void,
  charactersMax: number,
): LineReader {
  const decoder = new TextDecoder()
  let line = ''
  return {
    push(chunk) {
      const text = decoder.decode(chunk, { stream: true })
      for (let from = 0; ;) {
        const at = text.indexOf('\n', from)
        line += at === -1 ? text.slice(from) : text.slice(from, at)
        if (charactersMax < line.length) return false
        if (at === -1) return true
        onLine(line)
        line = ''
        from = at + 1
      }
    },
    rest: () => line,
  }
}
