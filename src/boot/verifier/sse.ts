/** A reader of server-sent events (WHATWG HTML §9.2), of what is used of them here: event and data. */
export interface SseReader {
  /** Takes the next bytes; `false` where an event is larger than any may be: then it is over. */
  push(chunk: Uint8Array): boolean
}

/**
 * Reads events out of bytes, however they were cut: a line may end in CR, LF or both, and a character
 * may lie in two chunks. `charactersMax` bounds what one event may hold in memory.
 *
 * Where several verifiers run in one process, the same bytes come to each of them. So what the last
 * few chunks said is kept, and said again where the same bytes come to a reader with nothing left over
 * from before: then they alone fix it.
 */
export function createSseReader(
  onEvent: (event: string, data: string) => void,
  charactersMax: number,
): SseReader {
  let isBetween = false
  let events: SseEvent[] = []
  const parser = createParser((event, data) => {
    events.push({ event, data })
    onEvent(event, data)
  }, charactersMax)
  return {
    push(bytes) {
      const known = isBetween ? knownChunk(bytes, charactersMax) : undefined
      if (known !== undefined) {
        for (const { event, data } of known.events) onEvent(event, data)
        return true
      }
      const wasBetween = isBetween
      const isTaken = parser.push(bytes)
      isBetween = isTaken && parser.isBetween(bytes)
      if (wasBetween && isBetween) keepChunk({ bytes, charactersMax, events })
      events = []
      return isTaken
    },
  }
}

interface SseEvent {
  readonly event: string
  readonly data: string
}

/** Whole events, and nothing beside them. */
interface Chunk {
  readonly bytes: Uint8Array
  readonly charactersMax: number
  readonly events: readonly SseEvent[]
}

/** One is read by the last while the next is read by the first. */
const CHUNKS_MAX = 4
const CHUNK_BYTES_MAX = 64 * 1024
let chunks: readonly Chunk[] = []

const knownChunk = (bytes: Uint8Array, charactersMax: number): Chunk | undefined =>
  chunks.find(
    (one) =>
      one.bytes.length === bytes.length &&
      one.charactersMax === charactersMax &&
      Buffer.compare(one.bytes, bytes) === 0,
  )

function keepChunk(chunk: Chunk): void {
  if (CHUNK_BYTES_MAX < chunk.bytes.length) return
  // A copy: the memory that it came in is another's, and may be used again.
  const kept = { ...chunk, bytes: new Uint8Array(chunk.bytes) }
  chunks = [kept, ...chunks.slice(0, CHUNKS_MAX - 1)]
}

interface Parser extends SseReader {
  /** Whether nothing of what came is left over; `chunk` came last. */
  isBetween(chunk: Uint8Array): boolean
}

function createParser(
  onEvent: (event: string, data: string) => void,
  charactersMax: number,
): Parser {
  // A byte order mark is left out at the beginning, as the format has it; where it comes in pieces, Node
  // itself (26.10) leaves out a second one too.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let hasBegun = false
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
    // What ends in LF has no part of a character at its end, and no byte order mark comes after it.
    isBetween: (chunk) => chunk.at(-1) === LF && line === '' && event === '' && data === undefined,
    push(chunk) {
      const text = decoder.decode(chunk, { stream: true })
      if (text === '') return true
      const first = text.charCodeAt(0)
      let from = (endedWithCr && first === LF) || (!hasBegun && first === MARK) ? 1 : 0
      hasBegun = true
      endedWithCr = false
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
const MARK = 0xfeff
const LINE_END = /[\r\n]/g

function lineEnd(text: string, from: number): number {
  LINE_END.lastIndex = from
  return LINE_END.exec(text)?.index ?? text.length
}
