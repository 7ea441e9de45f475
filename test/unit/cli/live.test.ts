import { describe, expect, it } from 'vitest'
import { liveLine } from '#cli/live.ts'
import type { Instant } from '#kernel/instant.ts'

function scene({ isErrTty = false, errColumns = undefined as number | undefined, ...rest }) {
  let now = 1_000_000 as Instant
  let err = ''
  const io = { isErrTty, errColumns, err: (text: string) => void (err += text) }
  const clock = { now: () => now, sleep: async () => undefined }
  const live = liveLine({ io, clock } as never, { isQuiet: false, isLogged: true, ...rest })
  return {
    live,
    pass: (ms: number) => void (now = (now + ms) as Instant),
    said: () => err,
  }
}

describe('what is waited for', () => {
  it('is rewritten on a terminal, where it changes, and removed', () => {
    const { live, said } = scene({ isErrTty: true, errColumns: 40 })
    live.update((width) => `a ${width}`)
    live.update((width) => `a ${width}`)
    live.update(() => 'b')
    live.stop()
    live.stop()
    expect(said()).toBe('\ra 37\u001b[K\rb\u001b[K\r\u001b[K')
  })

  it('is cut to the terminal with room for ^C, cleaned, and 80 wide where nobody says', () => {
    const { live, said } = scene({ isErrTty: true })
    live.update((width) => `${width}\u001b[2J${'x'.repeat(100)}`)
    expect(said().startsWith(String.raw`${'\r'}77\u{1b}[2Jxx`)).toBe(true)
    expect(said().replace('\u001b[K', '')).toHaveLength(78)
  })

  it('is a line every five seconds in a log, of any length', () => {
    const { live, said, pass } = scene({})
    for (let second = 1; second <= 11; second += 1) {
      pass(1000)
      live.update((width) => `${second} ${width}\n`)
    }
    live.stop()
    expect(said()).toBe('5 undefined\\n\n10 undefined\\n\n')
  })

  it.for([{ isLogged: false }, { isQuiet: true }, { isQuiet: true, isErrTty: true }])(
    'is not said under %o',
    (options) => {
      const { live, said, pass } = scene(options)
      pass(5000)
      live.update(() => 'x')
      live.stop()
      expect(said()).toBe('')
    },
  )

  it('is shown on a terminal although its log would be for programs', () => {
    const { live, said } = scene({ isErrTty: true, isLogged: false })
    live.update(() => 'x')
    expect(said()).toBe('\rx\u001b[K')
  })
})
