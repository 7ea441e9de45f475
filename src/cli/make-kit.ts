import type { Oauth } from '#client/oauth.ts'
import type { Admin } from '#contract/admin-api.ts'
import type { Kit, Local, Progress, World } from './kit.ts'
import { liveLine } from './live.ts'
import { isForPrograms } from './render/failure.ts'
import { type Screen, show } from './render/show.ts'
import { styleOf, takesColor } from './render/style.ts'
import { clean } from './render/text.ts'
import type { Settings } from './settings.ts'
import { targetOf } from './target.ts'

/** Work that is done sooner needs no progress line. */
const PROGRESS_AFTER_MS = 1000
const PROGRESS_EVERY_MS = 100

/** The world with the global flags applied. Making it opens nothing. */
export function kitOf(world: World, settings: Settings, rehearse: Kit['rehearse']): Kit {
  const { io, env, clock } = world
  const { withColor } = settings
  const out = once(() => styleOf(takesColor({ isTty: io.isOutTty, withColor }, env)))
  const err = once(() => styleOf(takesColor({ isTty: io.isErrTty, withColor }, env)))
  const target = once(() => targetOf(settings, env, world.contexts))
  const { idempotencyKey } = settings
  const connecting = idempotencyKey === undefined ? {} : { idempotencyKey }
  const admin = once(async (): Promise<Admin> => world.connect(await target(), connecting))
  const oauth = once(async (): Promise<Oauth> => world.oauth(await target()))
  const local = once(async (): Promise<Local> => world.local(await target()))
  const forPrograms = isForPrograms(settings.output)
  return {
    ...world,
    settings,
    admin,
    oauth,
    local,
    rehearse,
    style: { out, err },
    isInteractive: io.isInTty && io.isErrTty && settings.withInput,
    warn: (text) =>
      io.err(forPrograms ? `${JSON.stringify({ warning: text })}\n` : `warning: ${clean(text)}\n`),
    hint: (text) => {
      if (!forPrograms && !settings.isQuiet) io.err(`${clean(text)}\n`)
    },
    show: async (view) => {
      const screen: Screen = { io, settings, style: await out(), now: clock.now() }
      await show(screen, view)
    },
    progress: (title) =>
      progressLine(world, title, io.isErrTty && !forPrograms && !settings.isQuiet),
    live: () => liveLine(world, { isQuiet: settings.isQuiet, isLogged: !forPrograms }),
  }
}

/** The same promise for every caller: one connection a run, however often it is asked for. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

function progressLine({ io, clock }: World, title: string, isShown: boolean): Progress {
  const begunAt = clock.now()
  let drawnAt: number | undefined
  return {
    update({ done, total, note }) {
      const now = clock.now()
      if (!isShown || now < begunAt + PROGRESS_AFTER_MS) return
      if (drawnAt !== undefined && now < drawnAt + PROGRESS_EVERY_MS) return
      drawnAt = now
      const count = done === undefined ? '' : ` ${done}${total === undefined ? '' : `/${total}`}`
      const line = `${title}${bar(done, total)}${count}${note === undefined ? '' : ` ${note}`}`
      // Back to the left edge, the line, and whatever stood behind it removed.
      io.err(`\r${clean(line)}\u001b[K`)
    },
    stop() {
      if (drawnAt !== undefined) io.err('\r\u001b[K')
      drawnAt = undefined
    },
  }
}

const BAR_WIDTH = 20

function bar(done: number | undefined, total: number | undefined): string {
  if (done === undefined || total === undefined || total <= 0) return ''
  const full = Math.round((Math.min(done, total) / total) * BAR_WIDTH)
  return ` ${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}`
}
