/** A reader of server-sent events (WHATWG HTML §9.2), of what is used of them here: event and data. */
export interface SseReader {
  /** Takes the next bytes; `false` where an event is larger than any may be: then it is over. */
  push(chunk: Uint8Array): boolean
}

/**
 * Reads events out of bytes, however they were cut: a line may end in CR, LF or both, and a character
 * may lie in two chunks. `charactersMax` bounds what one event may hold in memory.
 */
export function createSseReader(
  onEvent: (event: string, data: string) => void,
  charactersMax: number,
): SseReader {
  // It leaves out a byte order mark at the beginning, as the format has it.
  const decoder = new TextDecoder()
  let line = ''
  let endedWithCr = false
  let event = ''
  let data: string | undefined

  const endEvent = (): void => {
    if (data !== undefined) onEvent(event === '' ? 'message' : event, data)
    event = ''
    data = undefined
  }
  const endLine = (text: string): void => {
    if (text === '') return endEvent()
    const colon = text.indexOf(':')
    // A comment begins with the colon, so it has no field that anybody knows.
    const field = colon === -1 ? text : text.slice(0, colon)
    const from = text.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1
    const value = colon === -1 ? '' : text.slice(from)
    if (field === 'event') event = value
    else if (field === 'data') data = data === undefined ? value : `${data}\n${value}`
  }
  const isTooLarge = (): boolean => charactersMax < line.length + (data?.length ?? 0)

  return {
    push(chunk) {
      const text = decoder.decode(chunk, { stream: true })
      let from = endedWithCr && text.charCodeAt(0) === LF ? 1 : 0
      if (text !== '') endedWithCr = false
      for (;;) {
        const at = lineEnd(text, from)
        // Only what is new is looked through, so that a long line in many chunks costs no more.
        line += text.slice(from, at)
        if (isTooLarge()) return false
        if (at === text.length) return true
        endLine(line)
        line = ''
        const isCr = text.charCodeAt(at) === CR
        endedWithCr = isCr && at + 1 === text.length
        from = isCr && text.charCodeAt(at + 1) === LF ? at + 2 : at + 1
      }
    },
  }
}

const LF = 10
const CR = 13
const SPACE = 32
const LINE_END = /[\r\n]/g

function lineEnd(text: string, from: number): number {
  LINE_END.lastIndex = from
  return LINE_END.exec(text)?.index ?? text.length
}
