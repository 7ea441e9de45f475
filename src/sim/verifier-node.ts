import type { Admin } from '#contract/admin-api.ts'
import type { DecisionCause } from '#domain/credential/decision.ts'
import { Problem } from '#kernel/problem.ts'
import { createVerifierCore } from '#verifier/core.ts'
import type {
  VerifierCapabilities,
  VerifierConfig,
  VerifierCore,
  VerifierDecision,
} from '#verifier/config.ts'
import type { SyncQuestion, VerifierEffect, VerifierEvent } from '#verifier/protocol.ts'
import type { NodeClocks } from './clocks.ts'
import { createFollowing } from './following.ts'
import type { Link } from './link.ts'
import type { FeedStreams } from './feed-streams.ts'
import type { Sightings } from './sightings.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** What a node says happened, for the trace and for the checks. */
export interface NodeNotes {
  asked(): void
  applied(position: number, timeMicros: number): void
  alarmed(detail: string): void
}

export interface VerifierNode {
  readonly core: VerifierCore
  start(): void
  /** Decides on a token, and calls back once: now, or when it has waited for the authority. */
  verify(token: string, decided: (decision: VerifierDecision, waitedMicros: number) => void): void
  localMicros(): number
  /**
   * Why a `stale` is nobody's fault, for a token that came so long ago; `undefined` where there is no
   * excuse.
   */
  excuse(waitedMicros: number, cause: DecisionCause | undefined): string | undefined
}

export interface VerifierNodeOptions {
  readonly clock: VirtualClock
  readonly clocks: NodeClocks
  readonly config: VerifierConfig
  readonly capabilities: VerifierCapabilities
  readonly admin: Pick<Admin, 'syncFeed' | 'listFeedEntries' | 'acknowledgeFeed'>
  readonly streams: FeedStreams
  readonly link: Link
  readonly notes: NodeNotes
  readonly sightings: Sightings
  /** Which of its clocks it takes for monotonic; anything but the default is a planted bug. */
  readonly localClock?: 'monotonic' | 'wall'
}

interface Attempt {
  readonly sentMicros: number
  state: 'under-way' | 'spoiled' | 'good'
}

/** How long a token waits for the authority before the answer is `stale`. */
const WAIT_MICROS_MAX = 250_000
/** A verifier that has not even asked for so long has no excuse. */
const EXCUSE_MICROS_MAX = 10_000_000
/** For so long, by cause, a message that was lost or late is an excuse: what it brought comes again. */
const TROUBLE_MICROS: Readonly<Record<DecisionCause, number>> = {
  cold: EXCUSE_MICROS_MAX,
  lease: EXCUSE_MICROS_MAX,
  behind: 2_000_000,
  clock: 0,
}
/** After a question the next is held back for 250 ms; its answer may then come too late for a token. */
const HELD_BACK_MICROS_MAX = 500_000
/** What an interval has beside the exchange: twice 250 ms of a jump, a millisecond, and rounding. */
const SLACK_MICROS = 502_000

/** The shell of the verifier's core in a simulated process: its link, its clock, its waiting room. */
export function createVerifierNode(options: VerifierNodeOptions): VerifierNode {
  const { clock, clocks, config, notes, sightings } = options
  const core = createVerifierCore(config, options.capabilities)
  const localMicros = (): number =>
    options.localClock === 'wall'
      ? clocks.wallMicros(clock.nowMicros())
      : clocks.monotonicMicros(clock.nowMicros())
  const waiting = new Set<() => void>()
  let attempt: Attempt | undefined

  const tell = (event: VerifierEvent): void => perform(core.on(event, localMicros()))
  const follow = createFollowing({ ...options, tell })
  const perform = (effects: readonly VerifierEffect[]): void => {
    for (const effect of effects) {
      if (effect.kind === 'ask') ask(effect.question)
      else if (effect.kind === 'wake') wake(effect.atMicros)
      else if (effect.kind === 'alarm') notes.alarmed(effect.detail)
      else if (effect.kind === 'applied') {
        notes.applied(effect.position, effect.timeMicros)
        for (const decideAgain of waiting) decideAgain()
      } else follow(effect)
    }
  }
  const wake = (atMicros: number): void => {
    if (atMicros === Number.POSITIVE_INFINITY) return
    const delay = Math.max(0, atMicros - localMicros())
    const at = clocks.trueMicros(clocks.monotonicMicros(clock.nowMicros()) + delay)
    clock.at(at, () => tell({ kind: 'woken' }))
  }
  const ask = (question: SyncQuestion): void => {
    const mine: Attempt = { sentMicros: clock.nowMicros(), state: 'under-way' }
    attempt = mine
    notes.asked()
    clock.launch(async () => {
      const answer = await syncOnce(options.admin, question)
      const isUseful = answer !== undefined && !options.link.wasReplayed()
      mine.state = isUseful && isQuick(mine, clock, config) ? 'good' : 'spoiled'
      const { nonce } = question
      tell(
        answer === undefined
          ? { kind: 'unanswered', nonce }
          : { kind: 'answered', nonce, ...answer },
      )
    })
  }

  return {
    core,
    localMicros,
    start: () => tell({ kind: 'started' }),
    verify: verifying({ clock, core, localMicros, perform, waiting }),
    excuse(waitedMicros, cause) {
      if (attempt === undefined) return undefined
      // Entries and heads come by other messages than answers do; any of them may have been lost.
      if (clock.nowMicros() - options.link.troubledMicros() < TROUBLE_MICROS[cause ?? 'clock']) {
        sightings.see('stale-excused')
        return 'network'
      }
      const ageMicros = clock.nowMicros() - attempt.sentMicros
      const isGood = attempt.state === 'good'
      // An answer to a question that was asked before the token came cannot know of it.
      if (isGood && ageMicros <= waitedMicros) return undefined
      if ((isGood ? HELD_BACK_MICROS_MAX : EXCUSE_MICROS_MAX) < ageMicros) return undefined
      sightings.see('stale-excused')
      return attempt.state === 'good' ? 'held-back' : attempt.state
    },
  }
}

interface WaitingRoom {
  readonly clock: VirtualClock
  readonly core: VerifierCore
  readonly localMicros: () => number
  readonly perform: (effects: readonly VerifierEffect[]) => void
  /** Whoever waits decides again when the authority has answered. */
  readonly waiting: Set<() => void>
}

/** Decides at once where that can be; else waits a little for what the authority says. */
const verifying =
  ({ clock, core, localMicros, perform, waiting }: WaitingRoom): VerifierNode['verify'] =>
  (token, decided) => {
    const request = { token, arrivedMicros: localMicros(), scopes: [] }
    const arrivedMicros = clock.nowMicros()
    const tryTo = (isLast: boolean): boolean => {
      const { decision, effects } = core.decide(request, localMicros())
      perform(effects)
      if (decision.verdict === 'stale' && !isLast) return false
      decided(decision, clock.nowMicros() - arrivedMicros)
      return true
    }
    if (tryTo(false)) return
    const again = (): void => {
      if (tryTo(false)) waiting.delete(again)
    }
    waiting.add(again)
    clock.at(arrivedMicros + WAIT_MICROS_MAX, () => {
      if (waiting.delete(again)) tryTo(true)
    })
  }

type Answered = Awaited<ReturnType<Admin['syncFeed']>>

/** Asks once; that nobody answers is an answer too. */
async function syncOnce(
  admin: Pick<Admin, 'syncFeed'>,
  question: SyncQuestion,
): Promise<Answered | undefined> {
  try {
    return await admin.syncFeed({ ...question, audiences: [...question.audiences] })
  } catch (thrown) {
    if (thrown instanceof Problem && thrown.code !== 'internal') return undefined
    throw thrown
  }
}

/** Whether an answer came quickly enough for an interval no wider than the leeway. */
const isQuick = ({ sentMicros }: Attempt, clock: VirtualClock, config: VerifierConfig): boolean =>
  clock.nowMicros() - sentMicros < Math.max(config.leewayMicros, 1_000_000) - SLACK_MICROS
