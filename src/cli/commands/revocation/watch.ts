import { duration, file, oneOf } from '#cli/flags.ts'
import type { Kit, PrivateFile } from '#cli/kit.ts'
import { formatDuration } from '#kernel/duration.ts'
import { type Instant, instant, parseInstant } from '#kernel/instant.ts'
import { Problem, refuse, rowOf } from '#kernel/problem.ts'
import { type Enforcement, isUnproven, progressText, waitingNames } from './enforcement.ts'

/** What is asked again first after this long, and at last this often. */
const POLL_MS_FIRST = 100
const POLL_MS_MAX = 500
const POLL_GROWTH = 2

export const timeoutFlag = duration('How long to wait for enforcement', { initial: 30 })
export const certificateFlag = file(
  'Write the certificate of enforcement into a new file, readable by its owner alone',
)
export const waitFlags = {
  wait: oneOf(
    ['published', 'enforced'],
    'Until when to wait: published (the default; a terminal is then shown the enforcement live) or enforced',
  ),
  timeout: timeoutFlag,
  certificate: certificateFlag,
}

/** How waiting for enforcement ended. */
export interface Watched {
  /** `open`: no waiting would do. `late`: the time is up. `failed`: nobody can be asked any more. */
  readonly end: 'enforced' | 'lifted' | 'open' | 'late' | 'interrupted' | 'failed'
  /** What was seen last; absent only where nothing ever was. */
  readonly enforcement?: Enforcement
  /** Present where one was asked for and it is enforced. */
  readonly certificate?: string | undefined
  /** Of `failed`. */
  readonly problem?: Problem
}

interface Watching {
  /** Seconds. */
  readonly timeout: number
  readonly certify: boolean
  /** Said before it is waited. */
  readonly hint?: string
}

/**
 * Looks at a revocation until it is enforced, lifted, or not to be confirmed in time, and shows how far
 * it has come. It never refuses: the revocation stands, and its result has to be printed whatever
 * becomes of the waiting.
 */
export async function watchEnforcement(
  kit: Kit,
  id: string,
  { timeout, certify, hint }: Watching,
): Promise<Watched> {
  const live = kit.live()
  const interrupt = interruption(kit)
  // Only now, since whoever reads of Ctrl-C may press it.
  if (hint !== undefined) kit.hint(hint)
  try {
    return await follow(kit, id, {
      deadline: instant(kit.clock.now() + timeout * 1000),
      certify,
      interrupt,
      onSeen: (seen) => live.update((width) => progressText(seen, width)),
    })
  } finally {
    interrupt.forget()
    live.stop()
  }
}

interface Interruption {
  readonly happened: Promise<void>
  readonly hasHappened: () => boolean
  readonly forget: () => void
}

function interruption({ io }: Kit): Interruption {
  let has = false
  const { promise, resolve } = Promise.withResolvers<void>()
  const forget = io.onInterrupt(() => {
    has = true
    resolve()
  })
  return { happened: promise, hasHappened: () => has, forget }
}

interface Following {
  readonly deadline: Instant
  readonly certify: boolean
  readonly interrupt: Interruption
  readonly onSeen: (seen: Enforcement) => void
}

async function follow(kit: Kit, id: string, following: Following): Promise<Watched> {
  const { deadline, interrupt, onSeen } = following
  let seen: Enforcement | undefined
  for (let pollMs = POLL_MS_FIRST; ; pollMs = Math.min(pollMs * POLL_GROWTH, POLL_MS_MAX)) {
    const asked = await ask(kit, id, following)
    const isKnown = !(asked instanceof Problem)
    if (isKnown) {
      seen = asked.enforcement
      const end = endOf(asked, following)
      if (end !== undefined) return { end, ...asked }
    } else if (rowOf(asked.code).retry !== true) {
      return failed(asked, seen)
    }
    const now = kit.clock.now()
    if (isKnown && isHopeless(asked.enforcement, deadline - now)) return { end: 'open', ...asked }
    if (deadline <= now) {
      return isKnown ? { end: 'late', ...asked } : failed(asked, seen)
    }
    if (seen !== undefined) onSeen(seen)
    if (!interrupt.hasHappened()) {
      await Promise.race([kit.clock.sleep(Math.min(pollMs, deadline - now)), interrupt.happened])
    }
    if (interrupt.hasHappened()) {
      return seen === undefined ? { end: 'interrupted' } : { end: 'interrupted', enforcement: seen }
    }
  }
}

const failed = (problem: Problem, enforcement: Enforcement | undefined): Watched =>
  enforcement === undefined ? { end: 'failed', problem } : { end: 'failed', problem, enforcement }

interface Seen {
  readonly enforcement: Enforcement
  readonly certificate?: string | undefined
}

/** What is so now; and where it is enforced and asked for, the authority's word for it. */
async function ask(kit: Kit, id: string, { certify }: Following): Promise<Seen | Problem> {
  try {
    const admin = await kit.admin()
    const enforcement = await admin.showEnforcement({ id })
    if (enforcement.state !== 'enforced' || !certify) return { enforcement }
    return await admin.certifyRevocation({ id })
  } catch (thrown) {
    // Not refused here: what was revoked stays so, and its result is still to be printed.
    if (thrown instanceof Problem) return thrown
    throw thrown
  }
}

/** An enforced one without a certificate has a verifier back in its roster, whose word is awaited. */
function endOf(
  { enforcement: { state }, certificate }: Seen,
  { certify }: Following,
): 'enforced' | 'lifted' | undefined {
  if (state === 'lifted') return 'lifted'
  return state === 'enforced' && (!certify || certificate !== undefined) ? 'enforced' : undefined
}

/** Whether an audience stays unproven for longer than there is time. */
function isHopeless(enforcement: Enforcement, leftMs: number): boolean {
  return enforcement.state === 'open' && leftMs < untilMs(enforcement)
}

/** From the answer to the last instant until which an audience is unproven, milliseconds. */
function untilMs({ audiences, at, certainBy }: Enforcement): number {
  const untils = audiences.filter(isUnproven).map(({ until }) => momentOf(until ?? certainBy))
  return Math.max(...untils, 0) - momentOf(at)
}

const momentOf = (time: string): number => parseInstant(time) ?? 0

/** Why it is not exit 0 although it is recorded; `undefined` where it is as somebody asked. */
export function unconfirmed(id: string, watched: Watched): Problem | undefined {
  const { end, enforcement } = watched
  const again = `credctl revocation wait ${id}`
  switch (end) {
    case 'enforced':
      return undefined
    case 'failed':
      return watched.problem
    case 'interrupted':
      return new Problem('interrupted', `only the waiting ended; ${id} stays as it is`, {
        next: again,
        facts: factsOf(id, enforcement),
      })
    case 'lifted':
      return new Problem('revocation-lifted', `${id} was lifted, so it will not be enforced`, {
        next: `credctl revocation show ${id}`,
        facts: factsOf(id, enforcement),
      })
    case 'open':
    case 'late':
      return new Problem('not-confirmed', whyNot(id, enforcement), {
        next: enforcement === undefined ? again : `${again} --timeout ${timeoutFor(enforcement)}`,
        facts: factsOf(id, enforcement),
      })
  }
}

function whyNot(id: string, enforcement: Enforcement | undefined): string {
  if (enforcement === undefined) return `${id} is recorded`
  const { position, verifiers, audiences, certainBy, graceEndsAt, at } = enforcement
  const { waiting, total } = verifiers
  const reasons = [
    ...(waiting === 0
      ? []
      : [
          `${waiting} of ${total} verifiers may still decide without it: ${waitingNames(enforcement)}`,
        ]),
    ...audiences
      .filter(isUnproven)
      .map(
        ({ audience, until }) =>
          `no verifier of ${audience} follows the feed, which leaves it unproven until ${until ?? certainBy}`,
      ),
    ...(graceEndsAt !== undefined && at < graceEndsAt ? [`its grace ends at ${graceEndsAt}`] : []),
  ]
  const why = reasons.length === 0 ? '' : `; ${reasons.join('; ')}`
  return `${id} is recorded at position ${position}, and its enforcement is certain by ${certainBy}${why}`
}

/** Long enough for what is certain to have come. */
function timeoutFor({ certainBy, at }: Enforcement): string {
  const seconds = Math.ceil((momentOf(certainBy) - momentOf(at)) / 1000) + 1
  return formatDuration(Math.max(seconds, 1))
}

function factsOf(id: string, enforcement: Enforcement | undefined): Record<string, unknown> {
  if (enforcement === undefined) return { revocationId: id }
  const { position, state, certainBy, stragglers, audiences } = enforcement
  return {
    revocationId: id,
    position,
    state,
    certainBy,
    stragglers: stragglers.filter(({ lapsed }) => !lapsed).map(({ name }) => name),
    unproven: audiences.filter(isUnproven).map(({ audience, until }) => ({ audience, until })),
  }
}

/** Refused before anything is done: a file is of use only for what is waited for. */
export function mustWaitForCertificate(input: {
  readonly wait: 'published' | 'enforced' | undefined
  readonly certificate: string | undefined
}): void {
  if (input.certificate === undefined || input.wait === 'enforced') return
  refuse(
    'usage-invalid',
    '--certificate needs --wait enforced: only what is enforced is certified',
    {
      next: 'add --wait enforced, or leave out --certificate',
    },
  )
}

/**
 * Puts the certificate that the work ends with into a file. It is made before anything is done, so
 * that no revocation is waited for in vain, and removed again where there is nothing to put into it.
 */
export async function keepingCertificate<T extends { readonly certificate?: string | undefined }>(
  kit: Kit,
  path: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (path === undefined) return await work()
  const claimed = await kit.files.claimPrivate(path)
  try {
    const result = await work()
    await finish(claimed, result.certificate)
    return result
  } catch (thrown) {
    await claimed.discard()
    throw thrown
  }
}

async function finish(claimed: PrivateFile, certificate: string | undefined): Promise<void> {
  if (certificate === undefined) return await claimed.discard()
  await claimed.append(`${certificate}\n`)
  await claimed.close()
}
