import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSseReader } from '#boot/verifier/sse.ts'

type Event = readonly [string, string]

const utf8 = new TextEncoder()

function read(chunks: readonly Uint8Array[], charactersMax = 1e6): Event[] {
  const events: Event[] = []
  const reader = createSseReader((event, data) => events.push([event, data]), charactersMax)
  for (const chunk of chunks) expect(reader.push(chunk)).toBe(true)
  return events
}

const readText = (text: string): Event[] => read([utf8.encode(text)])

/** The format as its specification has it, over the whole text at once. */
function oracle(bytes: Uint8Array): Event[] {
  const text = new TextDecoder().decode(bytes)
  const lines = text.split(/\r\n|\n|\r/)
  const events: Event[] = []
  let event = ''
  let data: string[] = []
  // What follows the last line end is no line yet.
  for (const line of lines.slice(0, -1)) {
    if (line === '') {
      if (0 < data.length) events.push([event || 'message', data.join('\n')])
      event = ''
      data = []
      continue
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?([^]*))?$/.exec(line) ?? []
    if (field === 'event') event = value
    if (field === 'data') data.push(value)
  }
  return events
}

describe('server-sent events', () => {
  it.for([
    ['event: head\ndata: a\n\n', [['head', 'a']]],
    ['event: head\r\ndata: a\r\n\r\n', [['head', 'a']]],
    ['event: head\rdata: a\r\r', [['head', 'a']]],
    ['data: a\ndata: b\n\n', [['message', 'a\nb']]],
    ['data\n\n', [['message', '']]],
    [
      'data:a\n\ndata:  a\n\n',
      [
        ['message', 'a'],
        ['message', ' a'],
      ],
    ],
    [': comment\n\nid: 7\nretry: 1\n\n', []],
    ['event: one\n\ndata: a\n\n', [['message', 'a']]],
    ['data: a', []],
    ['data: a\n', []],
    ['\uFEFFdata: a\n\n', [['message', 'a']]],
    ['data: a:b\n\n', [['message', 'a:b']]],
    ['Data: a\nevents: x\n\n', []],
  ] as const)('%j', ([text, events]) => {
    expect(readText(text)).toEqual(events)
  })

  it('reads alike however the bytes were cut', () => {
    const piece = fc.constantFrom(
      'data',
      'event',
      ':',
      ': ',
      ' ',
      '\n',
      '\r',
      '\r\n',
      '\n\n',
      '\r\r\n',
      'é',
      '🦉',
      'x',
      '\uFEFF',
    )
    const cuts = fc.array(fc.nat({ max: 200 }))
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), cuts, (pieces, places) => {
        const bytes = utf8.encode(pieces.join(''))
        const at = [
          0,
          ...places.filter((n) => n <= bytes.length).toSorted((a, b) => a - b),
          bytes.length,
        ]
        const chunks = at.slice(1).map((end, i) => bytes.slice(at[i], end))
        expect(read(chunks)).toEqual(oracle(bytes))
      }),
      { numRuns: 2000 },
    )
  })

  it('reads alike what came to another reader before, whatever it has left over itself', () => {
    const whole = fc.constantFrom(
      'data: a\n\n',
      'event: e\ndata: b\n\n',
      ': c\n\n',
      'data: a\n\r\n',
    )
    const part = fc.constantFrom(
      '',
      'data',
      'data: x\n',
      'event: y\n',
      '\r',
      '\n',
      '\uFEFF',
      '\uFEFFdata: z\n\n',
    )
    const chunk = fc.array(whole, { minLength: 1, maxLength: 3 }).map((all) => all.join(''))
    const chunkOrPart = fc.oneof({ weight: 3, arbitrary: chunk }, part)
    // A part of a character at the end of a chunk is the beginning of the next.
    const before = fc.tuple(part, fc.constantFrom([], [0xc3], [0xf0, 0x9f]))
    fc.assert(
      fc.property(fc.array(chunkOrPart, { maxLength: 8 }), fc.array(before), (texts, readers) => {
        const chunks = texts.map((text) => utf8.encode(text))
        for (const [text, rest] of [['', []] as const, ...readers]) {
          const first = Uint8Array.from([...utf8.encode(text), ...rest])
          const all = Uint8Array.from([first, ...chunks].flatMap((one) => [...one]))
          expect(read([first, ...chunks])).toEqual(oracle(all))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('is not misled by memory that is used again', () => {
    const bytes = Buffer.from('data: a\n\n')
    expect(read([bytes, bytes, bytes])).toHaveLength(3)
    bytes[6] = 'b'.charCodeAt(0)
    expect(read([bytes, bytes])).toEqual([
      ['message', 'b'],
      ['message', 'b'],
    ])
  })

  it('gives up at what another reader was allowed', () => {
    const chunk = utf8.encode(`data: ${'x'.repeat(50)}\n\n`)
    expect(read([chunk, chunk, chunk])).toHaveLength(3)
    const reader = createSseReader(() => undefined, 40)
    expect(reader.push(utf8.encode('\n'))).toBe(true)
    expect(reader.push(chunk)).toBe(false)
  })

  it('leaves out one byte order mark, in however many pieces it comes', () => {
    const bytes = utf8.encode('\uFEFF\uFEFFdata: a\n\ndata: b\n\n')
    for (let cut = 0; cut < 8; cut++) {
      expect(read([bytes.slice(0, cut), bytes.slice(cut)])).toEqual([['message', 'b']])
    }
  })

  it('takes CR and LF for one line’s end, even with an empty chunk between', () => {
    const chunks = ['data: a\r', '', '\n\r', '\n'].map((text) => utf8.encode(text))
    expect(read(chunks)).toEqual([['message', 'a']])
    expect(read(['data: a\r', '', '\ndata: b\n\n'].map((text) => utf8.encode(text)))).toEqual([
      ['message', 'a\nb'],
    ])
  })

  it('lets through bytes that are no UTF-8, as marks of damage', () => {
    expect(read([Uint8Array.of(100, 97, 116, 97, 58, 0xff, 10, 10)])).toEqual([
      ['message', '\uFFFD'],
    ])
  })

  it.for([
    ['one endless line', (n: number) => 'x'.repeat(n)],
    ['one event of endless lines', (n: number) => 'data: x\n'.repeat(n)],
  ] as const)('gives up at %s', ([, make]) => {
    const reader = createSseReader(() => undefined, 1000)
    expect(reader.push(utf8.encode('data: '))).toBe(true)
    expect(reader.push(utf8.encode(make(100)))).toBe(true)
    expect(reader.push(utf8.encode(make(1000)))).toBe(false)
  })

  it('holds an event of just the size that it may have, and many of them', () => {
    const data = 'x'.repeat(500)
    const events = read([utf8.encode(`data: ${data}\n\n`.repeat(50))], 506)
    expect(events).toEqual(Array.from({ length: 50 }, () => ['message', data]))
  })
})
