/* oxlint-disable max-lines -- the invariants of one decision are read in one place */
import type { Violation } from '#contract/simulation.ts'
import type { FeedEntry } from '#domain/feed/entry.ts'
import type { HeadClaims } from '#domain/feed/head.ts'
import { stalenessLimits } from '#domain/policy/policy.ts'
import type { Acknowledgement } from '#verifier/protocol.ts'
import type { VerifierDecision } from '#verifier/config.ts'
import { seconds } from '#sim/checks.ts'
import { naiveAccepts } from '#sim/naive.ts'
import { emptyTally, type Tally } from '#sim/tally.ts'
import type { SimCredential } from './credentials.ts'
import type { CoreBreach } from './invariants.ts'
import { FeedJudge } from './judge-feed.ts'
import { textOf } from './oracle.ts'
import type { OperatorRequest } from './revoking.ts'
import { coreStory } from './story.ts'
import type { SimToken } from './tokens.ts'
import { concerns, mayHit, mustHit, type TrueRevocation, truthOf } from './truth.ts'
import type { CoreVerifier } from './verifier.ts'
import type { CoreWorld } from './world.ts'

/** Violations of one run that are told; the rest are mostly the same again. */
const VIOLATIONS_MAX = 20
const SECOND = 1_000_000
/** How long after the end of all trouble a verifier may still not know. */
const RECOVERY_MICROS = 15 * SECOND
const PUZZLES_MAX = 8

/** What is known of one verifier, from outside. */
interface Watched {
  readonly limitMicros: number
  position: number
  timeMicros: number
  /** The last time that something went wrong on its way to the feed. */
  troubleMicros: number
  /** Since when it has been saying nothing but `stale`. */
  staleSinceMicros: number | undefined
  staleMicros: number
  /** Unknown keys and positions that it could say nothing of, one after the other. */
  puzzles: number
}

/** Judges every decision of a run by what is true, with none of the code that decided. */
export class CoreJudge {
  readonly violations: Violation[] = []
  readonly tallies: readonly Tally[]
  readonly feed: FeedJudge
  readonly truths: TrueRevocation[] = []
  readonly #byId = new Map<string, TrueRevocation>()
  /** Of each revocation at each verifier, how long after publication something it hits was accepted. */
  readonly exposures = new Map<TrueRevocation, Float64Array>()
  readonly naiveExposures = new Map<TrueRevocation, Float64Array>()
  readonly #world: CoreWorld
  readonly #watched: readonly Watched[]
  readonly #leewayMicros: number
  readonly #naiveLeewaySeconds: number
  #hasRestored = false

  constructor(world: CoreWorld, naiveLeewaySeconds: number) {
    this.#world = world
    this.#leewayMicros = world.plan.leewayMicros
    this.#naiveLeewaySeconds = naiveLeewaySeconds
    this.feed = new FeedJudge(world, (breach, verifier) => this.broken(breach, verifier))
    const limits = stalenessLimits(world.policy)
    this.#watched = world.modes.map((mode) => ({
      limitMicros: limits[mode] * SECOND,
      position: 0,
      timeMicros: 0,
      troubleMicros: world.plan.startMicros,
      staleSinceMicros: undefined,
      staleMicros: 0,
      puzzles: 0,
    }))
    this.tallies = world.modes.map(emptyTally)
  }

  broken(breach: CoreBreach, verifier?: CoreVerifier, token?: SimToken, by?: TrueRevocation): void {
    if (VIOLATIONS_MAX <= this.violations.length) return
    this.violations.push(coreStory(this.#world, breach, { verifier, token, by }))
  }

  headIssued(node: number, claims: HeadClaims): void {
    this.feed.headIssued(node, claims)
  }

  started(verifier: number): void {
    const watched = this.#watched[verifier] as Watched
    watched.position = 0
    watched.timeMicros = 0
    watched.troubleMicros = this.#world.heap.nowMicros
  }

  /** Something kept a verifier, or all of them, from a whole path to the feed. */
  trouble(verifier: number | undefined): void {
    const now = this.#world.heap.nowMicros
    if (verifier !== undefined) (this.#watched[verifier] as Watched).troubleMicros = now
    else for (const watched of this.#watched) watched.troubleMicros = now
  }

  applied(index: number, position: number, timeMicros: number): void {
    const watched = this.#watched[index] as Watched
    const { heap, trace, verifiers } = this.#world
    trace.note(heap.nowMicros, 1, index, timeMicros + position)
    if (position < watched.position || timeMicros < watched.timeMicros) {
      this.broken({ invariant: 'I6', said: 'it applied an older head' }, verifiers[index])
    }
    watched.position = position
    watched.timeMicros = timeMicros
    this.#recorded(index, timeMicros)
    if (!this.feed.wasIssued(position, timeMicros)) {
      const said = 'it applied a head that the authority never issued'
      this.broken({ invariant: 'forgery', said }, verifiers[index])
    }
  }

  /** A head is a lease, and a certificate counts only those that are on record. */
  #recorded(index: number, timeMicros: number): void {
    const { verifiers, database } = this.#world
    const verifier = verifiers[index]
    // A restore has forgotten who was given what; somebody who stands for them all is on record.
    if (verifier === undefined || this.#hasRestored) return
    const until = database.rows.incarnations.get(verifier.incarnation)?.headsUntilMicros ?? 0
    if (timeMicros <= until) return
    const said =
      'it applied a head that it was never given by the record, so no certificate counts it'
    this.broken({ invariant: 'I12', said }, verifier)
  }

  acknowledged(index: number, { position, time, digest, chain }: Acknowledgement): void {
    const said = this.feed.faultOf(position, time, digest, chain)
    if (said !== undefined) this.broken({ invariant: 'I5', said }, this.#world.verifiers[index])
  }

  /** A revocation became true: it is looked at from now on. */
  published(asked: OperatorRequest, id: string, order: number): TrueRevocation | undefined {
    const { database, policy, trace, heap, tokens } = this.#world
    const { rows } = database
    const row = rows.revocations.get(id)
    if (row === undefined) return undefined
    const at = rows.entries.findIndex(({ position }) => position === row.position)
    const spared = (asked.exceptions?.tokens ?? []).flatMap(
      (token) => tokens.get(token)?.credential?.sessionId ?? [],
    )
    const truth = truthOf(asked, row, {
      order,
      publishedMicros: rows.entryMicros[at] ?? 0,
      untilSeconds: rows.entries[at]?.untilSeconds,
      sparedSessions: new Set(spared),
    })
    const { graceSeconds } = row
    const isMercy = asked.reason === 'compromise' && graceSeconds !== 0
    if (policy.defaults.graceSecondsMax < graceSeconds || isMercy) {
      this.broken({ invariant: 'I9', said: `a grace of ${graceSeconds} s was given` })
    }
    this.truths.push(truth)
    this.#byId.set(id, truth)
    trace.note(heap.nowMicros, 9, this.truths.length, row.position)
    return truth
  }

  truth(id: string): TrueRevocation | undefined {
    return this.#byId.get(id)
  }

  /** An entry was committed: what it ends or undoes, is so from now on. */
  entered(entry: FeedEntry, timeMicros: number): void {
    const { position, chain, op } = entry
    this.feed.entered(position, chain, timeMicros)
    if (op !== 'lift' && op !== 'unblock') return
    const truth = this.#byId.get((JSON.parse(textOf(entry)) as { id: string }).id)
    if (truth === undefined) return
    if (op === 'lift') {
      truth.liftedMicros ??= timeMicros
      if (!truth.mayLift)
        this.broken({
          invariant: 'I8',
          said: `${truth.id} was lifted, and nobody had asked for it`,
        })
    } else if (!truth.isUnblocked) {
      // A block that a restore brought back ends again; what was minted in between is lost anyway.
      truth.endOrder = this.#world.database.version
      truth.cut = position
      truth.isUnblocked = true
      truth.untilSeconds = entry.untilSeconds
    }
    this.#world.sightings.see(op === 'lift' ? 'lifted' : 'unblocked')
  }

  /** What came after a backup that was brought back is undone, and a revocation of all stands for it. */
  restored(position: number): void {
    this.#hasRestored = true
    this.feed.restored(position)
    for (const truth of this.truths) {
      if (truth.position <= position) continue
      truth.liftedMicros ??= this.#world.heap.nowMicros
      truth.isLost = true
    }
  }

  /** The longest that anything revoked may be accepted after publication, in this run. */
  boundMicros(): number {
    return Math.max(...this.#watched.map(({ limitMicros }) => limitMicros))
  }

  alarmed(verifier: number, detail: string): void {
    this.#world.trace.note(this.#world.heap.nowMicros, 2, verifier, detail.length)
  }

  /** The revocations that are about a token; each pair is looked at once. */
  #look(token: SimToken, credential: SimCredential): void {
    const { truths } = this
    for (; token.looked < truths.length; token.looked++) {
      const truth = truths[token.looked] as TrueRevocation
      if (!concerns(truth, credential, () => this.#world.ancestorsOf(credential))) continue
      token.concerning.push(truth)
      if (!mustHit(truth, credential)) continue
      if (token.untilMicros <= truth.publishedMicros || truth.liftedMicros !== undefined) continue
      // What a restore has wiped out is on no list; the revocation of all that came with it hits it.
      if (!this.#world.database.rows.credentials.has(credential.id)) continue
      if (!mayHit(truth, credential)) {
        const said = 'it was authorised before the revocation, and escapes it by its claims'
        this.broken({ invariant: 'minting', said }, undefined, token, truth)
      }
      const until = truth.untilSeconds
      if (until !== undefined && until * SECOND < token.untilMicros) {
        const said = `it expires ${seconds(token.untilMicros - until * SECOND)} after the revocation is collected`
        this.broken({ invariant: 'I7', said }, undefined, token, truth)
      }
    }
  }

  /** A token was minted and is on record. */
  minted(token: SimToken, parent: SimToken | undefined): void {
    const { credential } = token
    if (credential === undefined) return
    this.#look(token, credential)
    this.#settled(token, credential)
    for (const truth of token.concerning) {
      if (truth.order <= credential.order) {
        const isBlocked =
          truth.endOrder === Number.POSITIVE_INFINITY && truth.asked.selector.keys === undefined
        const isSpared = truth.liftedMicros !== undefined
        if (isBlocked && !isSpared && truth.listed === undefined) {
          const said = 'it was minted although a block was in force'
          this.broken({ invariant: 'I9', said }, undefined, token, truth)
        }
      } else this.#world.sightings.see('minted-beside-a-revocation')
    }
    if (parent?.credential === undefined) return
    this.#look(parent, parent.credential)
    for (const truth of parent.concerning) {
      if (credential.order < truth.order || truth.liftedMicros !== undefined) continue
      if (!mustHit(truth, parent.credential)) continue
      const said = 'it was derived from one that was revoked, or in grace'
      this.broken({ invariant: 'I9', said }, undefined, token, truth)
    }
  }

  /** Nothing was to be derived from a token: something must be about it, or have been a moment ago. */
  derivationRefused(parent: SimToken): void {
    const { credential } = parent
    const { heap, authorityClock, database } = this.#world
    if (credential === undefined || !database.rows.credentials.has(credential.id)) return
    const latest = authorityClock.latest(heap.nowMicros)
    if (parent.untilMicros - 2 * SECOND < latest) return
    this.#look(parent, credential)
    const isMeant = parent.concerning.some(
      (truth) =>
        (mayHit(truth, credential) || mustHit(truth, credential)) &&
        latest <= (truth.liftedMicros ?? latest) + 5 * SECOND,
    )
    if (isMeant) return
    const said = 'nothing was to be derived from it, and no revocation is about it'
    this.broken({ invariant: 'refusal', said }, undefined, parent)
  }

  /** What ends by itself has its end on record before anything is minted after it. */
  #settled(token: SimToken, { issuedAt }: SimCredential): void {
    for (const truth of this.truths) {
      const { expiresAt } = truth.asked
      if (expiresAt === undefined || issuedAt < expiresAt) continue
      if (truth.liftedMicros !== undefined || truth.isUnblocked) continue
      const said = 'it was minted after the end of a revocation that was not settled before'
      this.broken({ invariant: 'minting', said }, undefined, token, truth)
    }
  }

  decided(
    verifier: CoreVerifier,
    token: SimToken,
    decision: VerifierDecision,
    waited: number,
  ): void {
    const { heap, trace, authorityClock, sightings } = this.#world
    const now = heap.nowMicros
    const { verdict } = decision
    trace.note(now, VERDICT_CODES[verdict] ?? 9, verifier.index, token.n)
    const { credential } = token
    const tally = this.tallies[verifier.index] as Tally
    if (credential === undefined) {
      if (verdict === 'accepted')
        this.broken({ invariant: 'forgery', said: FORGED }, verifier, token)
      if (verdict === 'invalid') sightings.see('invalid')
      this.#puzzled(verifier, token, decision)
      return
    }
    tally.decisions++
    this.#look(token, credential)
    const earliest = authorityClock.earliest(now)
    this.#naively(verifier, token, earliest, tally)
    this.#stay(verifier, verdict === 'stale', now)
    const latest = authorityClock.latest(now)
    this.#clock(verifier, token, earliest, latest)
    if (verdict === 'accepted') return this.#accepted(verifier, token, decision, earliest, waited)
    if (verdict === 'stale') return this.#stale(verifier, token, decision, tally)
    if (verdict === 'revoked') return this.#revoked(verifier, token, latest, tally)
    if (verdict === 'expired') {
      sightings.see('expired')
      if (token.untilMicros < latest) return
      const early = seconds(token.untilMicros - latest)
      const said = `it was called expired ${early} before it was`
      this.broken({ invariant: 'I3', said }, verifier, token)
    } else if (earliest <= token.untilMicros && token.fromMicros <= earliest) {
      const said = `a valid token was ${verdict} (${decision.detail ?? ''})`
      // A stolen or rotated key is a reason of its own; what a revocation is about may be invalid.
      if (this.#isHit(token, credential) || this.#isForgotten(credential)) return
      tally.falseRefusals++
      this.broken({ invariant: 'refusal', said }, verifier, token)
    }
  }

  /** A restore has wiped it out, and perhaps the key that signed it. */
  #isForgotten = ({ id }: SimCredential): boolean =>
    !this.#world.database.rows.credentials.has(id) && !id.endsWith('stolen')

  #isHit = (token: SimToken, credential: SimCredential): boolean =>
    token.concerning.some((truth) => mayHit(truth, credential) || mustHit(truth, credential))

  /**
   * What names an unknown key or position is waited for, and an answer may come too late for one such
   * token; never for one after the other.
   */
  #puzzled(
    verifier: CoreVerifier,
    token: SimToken,
    { verdict, cause, detail }: VerifierDecision,
  ): void {
    const watched = this.#watched[verifier.index] as Watched
    const isKnown = verdict === 'invalid' && detail?.includes('known here') === true
    if (isKnown) watched.puzzles = 0
    if (verdict !== 'stale' || cause !== 'behind') return
    const quietMicros = this.#world.heap.nowMicros - watched.troubleMicros
    watched.puzzles = quietMicros <= RECOVERY_MICROS ? 0 : watched.puzzles + 1
    if (watched.puzzles < PUZZLES_MAX) return
    const said = `it waited ${watched.puzzles} times for what nobody knows, although nothing was in its way`
    this.broken({ invariant: 'I4', said }, verifier, token)
  }

  /**
   * The interval by which it decides holds the authority's time; and where its clock has not jumped
   * yet, would hold it too if it did so now, ahead by as much as it may.
   */
  #clock(verifier: CoreVerifier, token: SimToken, earliest: number, latest: number): void {
    const interval = verifier.core.interval(verifier.localMicros())
    if (interval === undefined) return
    const { lowerMicros, upperMicros } = interval
    const { authorityClock, heap } = this.#world
    const jump = authorityClock.mayJumpBy(heap.nowMicros)
    const most = jump === 0 ? earliest : authorityClock.earliest(heap.nowMicros, jump)
    if (lowerMicros <= latest && most <= upperMicros) return
    const beyond = upperMicros < most ? most - upperMicros : lowerMicros - latest
    const said = `the interval by which it decided is ${seconds(beyond)} off the true time`
    this.broken({ invariant: 'clock', said }, verifier, token)
  }

  #accepted(
    verifier: CoreVerifier,
    token: SimToken,
    { graceSeconds }: VerifierDecision,
    earliest: number,
    waited: number,
  ): void {
    const { sightings } = this.#world
    sightings.see(0 < waited ? 'waited-and-accepted' : 'accepted')
    if (graceSeconds !== undefined) sightings.see('accepted-in-grace')
    const { fromMicros, untilMicros } = token
    if (untilMicros < earliest) sightings.see('accepted-in-leeway')
    if (untilMicros + this.#leewayMicros < earliest) {
      ;(this.tallies[verifier.index] as Tally).falseAccepts++
      const said = `it was accepted ${seconds(earliest - untilMicros)} after it had expired`
      this.broken({ invariant: 'I3', said }, verifier, token)
    }
    const latest = this.#world.authorityClock.latest(this.#world.heap.nowMicros)
    if (latest < fromMicros - this.#leewayMicros) {
      this.broken({ invariant: 'I3', said: 'it was accepted before it was valid' }, verifier, token)
    }
    if (token.concerning.length === 0) return
    for (const truth of token.concerning) this.#acceptedDespite(verifier, token, truth, earliest)
  }

  #acceptedDespite(
    verifier: CoreVerifier,
    token: SimToken,
    truth: TrueRevocation,
    earliest: number,
  ): void {
    const { credential } = token
    if (credential === undefined || truth.liftedMicros !== undefined) return
    if (!mustHit(truth, credential)) return
    const afterMicros = earliest - truth.publishedMicros
    const { limitMicros } = this.#watched[verifier.index] as Watched
    const boundMicros = Math.max(truth.publishedMicros + limitMicros, truth.graceEndMicros)
    if (truth.graceEndMicros < earliest) {
      if (0 < afterMicros) this.#world.sightings.see('accepted-before-it-was-known')
      note(this.exposures, truth, verifier.index, this.tallies.length, afterMicros)
    }
    if (boundMicros < earliest) {
      ;(this.tallies[verifier.index] as Tally).falseAccepts++
      const said = `it was accepted ${seconds(afterMicros)} after its revocation was published`
      const invariant = revivedBy(token, truth) ? 'I8' : 'I1'
      this.broken({ invariant, said }, verifier, token, truth)
      return
    }
    const { certifiedMicros } = truth
    if (certifiedMicros === undefined || truth.graceEndMicros >= earliest) return
    if (earliest <= certifiedMicros) return
    const said = `it was accepted ${seconds(earliest - certifiedMicros)} after a certificate that it is not`
    this.broken({ invariant: 'I12', said }, verifier, token, truth)
  }

  #revoked(verifier: CoreVerifier, token: SimToken, latest: number, tally: Tally): void {
    const { credential } = token
    if (credential === undefined) return
    this.#world.sightings.see('revoked')
    const { limitMicros } = this.#watched[verifier.index] as Watched
    const isDue = token.concerning.some(
      (truth) =>
        mayHit(truth, credential) &&
        (truth.liftedMicros === undefined || latest <= truth.liftedMicros + limitMicros),
    )
    if (isDue) return
    tally.falseRefusals++
    const said = 'it was called revoked, and no revocation is about it'
    this.broken({ invariant: 'I2', said }, verifier, token)
  }

  #stale(verifier: CoreVerifier, token: SimToken, decision: VerifierDecision, tally: Tally): void {
    const { sightings, heap, database } = this.#world
    tally.stale++
    const { cause, detail = '' } = decision
    if (cause === 'cold') sightings.see('stale-cold')
    if (cause === 'lease') sightings.see('stale-lease')
    if (cause === 'behind') sightings.see('stale-behind')
    const { troubleMicros, limitMicros } = this.#watched[verifier.index] as Watched
    const quietMicros = heap.nowMicros - troubleMicros
    const wait = cause === 'lease' ? limitMicros : 0
    if (quietMicros <= wait + RECOVERY_MICROS) return
    // A token that is younger than messages take is not known anywhere yet, and what a restore has
    // wiped out never will be.
    if (heap.nowMicros - token.fromMicros < 3 * SECOND) return
    const { credential } = token
    if (credential !== undefined && !database.rows.credentials.has(credential.id)) return
    tally.falseRefusals++
    const said = `it could not say (${cause ?? ''}: ${detail}), although nothing was in its way for ${seconds(quietMicros)}`
    this.broken({ invariant: 'I4', said }, verifier, token)
  }

  #stay({ index }: CoreVerifier, isStale: boolean, now: number): void {
    const watched = this.#watched[index] as Watched
    if (isStale) {
      watched.staleSinceMicros ??= now
      return
    }
    if (watched.staleSinceMicros !== undefined)
      watched.staleMicros += now - watched.staleSinceMicros
    watched.staleSinceMicros = undefined
  }

  staleMicros(): number {
    return this.#watched.reduce((sum, { staleMicros }) => sum + staleMicros, 0)
  }

  /** What a check of `exp` by the wall clock does in the same place: it knows of no revocation. */
  #naively(verifier: CoreVerifier, token: SimToken, earliest: number, tally: Tally): void {
    const wallMicros = verifier.clocks.wallMicros(this.#world.heap.nowMicros)
    const { fromMicros, untilMicros, concerning, credential } = token
    if (!naiveAccepts({ fromMicros, untilMicros }, wallMicros, this.#naiveLeewaySeconds)) {
      if (earliest <= untilMicros) tally.naiveFalseRefusals++
      return
    }
    let isFalse = untilMicros + this.#leewayMicros < earliest
    if (credential !== undefined && 0 < concerning.length) {
      const { limitMicros } = this.#watched[verifier.index] as Watched
      for (const truth of concerning) {
        if (truth.liftedMicros !== undefined || !mustHit(truth, credential)) continue
        if (earliest <= truth.graceEndMicros) continue
        const afterMicros = earliest - truth.publishedMicros
        note(this.naiveExposures, truth, verifier.index, this.tallies.length, afterMicros)
        if (limitMicros < afterMicros) isFalse = true
      }
    }
    if (!isFalse) return
    tally.naiveFalseAccepts++
    this.#world.sightings.see('naive-false-accept')
  }
}

const FORGED = 'a token was accepted that the authority never issued'

const VERDICT_CODES: Readonly<Record<string, number>> = {
  accepted: 3,
  revoked: 4,
  expired: 5,
  stale: 6,
  invalid: 7,
}

/** Another one that was about it has been lifted, or its block has ended. */
const revivedBy = ({ concerning }: SimToken, by: TrueRevocation): boolean =>
  by.isUnblocked || concerning.some(({ liftedMicros }) => liftedMicros !== undefined)

function note(
  into: Map<TrueRevocation, Float64Array>,
  truth: TrueRevocation,
  verifier: number,
  verifiers: number,
  micros: number,
): void {
  const last = into.get(truth) ?? new Float64Array(verifiers)
  if ((last[verifier] as number) < micros) last[verifier] = micros
  into.set(truth, last)
}
