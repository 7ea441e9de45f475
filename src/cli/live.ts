import type { Instant } from '#kernel/instant.ts'
import type { Live, World } from './kit.ts'
import { clean, cut } from './render/text.ts'

/** In a log, what is waited for is said this often. */
const LOGGED_EVERY_MS = 5000
/** Of a terminal that does not tell. */
const WIDTH_DEFAULT = 80

/** `isLogged`: whether lines of text may stand on a stderr that is no terminal. */
export function liveLine(
  { io, clock }: Pick<World, 'io' | 'clock'>,
  { isQuiet, isLogged }: { readonly isQuiet: boolean; readonly isLogged: boolean },
): Live {
  let drawn = ''
  // What is over within that time is told by its result alone.
  let loggedAt: Instant = clock.now()
  return {
    update(write) {
      if (isQuiet) return
      if (io.isErrTty) {
        // Room for the `^C` that a terminal writes behind it: a line that wrapped would stay.
        const width = (io.errColumns ?? WIDTH_DEFAULT) - 3
        const line = cut(clean(write(width)), width)
        if (line === drawn) return
        drawn = line
        // Back to the left edge, the line, and whatever stood behind it removed.
        io.err(`\r${line}\u001b[K`)
        return
      }
      const now = clock.now()
      if (!isLogged || now < loggedAt + LOGGED_EVERY_MS) return
      loggedAt = now
      io.err(`${clean(write(undefined))}\n`)
    },
    stop() {
      if (drawn !== '') io.err('\r\u001b[K')
      drawn = ''
    },
  }
}
