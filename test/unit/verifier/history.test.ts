import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { instant } from '#kernel/instant.ts'
import type { VerifierEffect, VerifierEvent } from '#verifier/protocol.ts'
import { SECOND } from './authority.ts'
import { Chance } from './chance.ts'
import { Rig } from './rig.ts'
import { Story } from './story.ts'

/** How a network may treat what passes through it. */
interface Weather {
  readonly lost: number
  readonly twice: number
  readonly late: number
  readonly cut: number
}

/** A verifier behind a network that loses, repeats, delays and cuts, and an authority with a story. */
class World {
  readonly story: Story
  readonly rig: Rig
  readonly seen = new Map<string, number>()
  readonly #chance: Chance
  readonly #weather: Weather
  #late: VerifierEvent[] = []
  /** Up to where the stream has been sent. */
  #sent = 0
  isCalm = false
  #lastPosition = 0
  #lastTime = 0

  constructor(seed: number, weather: Weather) {
    this.#chance = new Chance(seed)
    this.#weather = weather
    this.story = new Story(this.#chance)
    this.rig = new Rig({ mode: 'relaxed' }, { authority: this.story.authority })
    this.#perform(this.rig.on({ kind: 'started' }))
  }

  see(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }

  step(): void {
    const chance = this.#chance
    if (!this.isCalm) this.story.happen()
    this.rig.pass(chance.upTo(2 * SECOND))
    if (chance.in(0.1)) this.story.authority.floor = this.story.authority.state.position
    if (chance.in(0.02) && !this.isCalm) this.#perform(this.rig.on({ kind: 'resumed' }))
    this.#stream()
    const late = this.#late
    this.#late = []
    for (const event of late) this.#arrive(event)
    this.#perform(this.rig.wake())
    this.#check()
  }

  /** What is new, then a head: each entry and head may be lost, repeated or come late. */
  #stream(): void {
    const { stream } = this.rig
    if (stream === undefined) return
    for (const { record, text } of this.story.authority.log) {
      if (record.position <= this.#sent) continue
      this.#deliver({ kind: 'stream-entry', stream, text })
      this.#sent = record.position
    }
    this.#deliver({ kind: 'stream-head', stream, text: this.story.authority.head() })
    if (this.#may(this.#weather.cut)) {
      this.#deliver({ kind: 'stream-closed', stream, isGone: this.#chance.in(0.3) })
    }
  }

  #may(ratio: number): boolean {
    return !this.isCalm && this.#chance.in(ratio)
  }

  #deliver(event: VerifierEvent): void {
    if (this.#may(this.#weather.lost)) return
    if (this.#may(this.#weather.late)) this.#late.push(event)
    else this.#arrive(event)
    if (this.#may(this.#weather.twice)) this.#late.push(event)
  }

  #arrive(event: VerifierEvent): void {
    this.#perform(this.rig.on(event))
  }

  #perform(effects: readonly VerifierEffect[]): void {
    for (const effect of effects) for (const event of this.#answersTo(effect)) this.#deliver(event)
  }

  #answersTo(effect: VerifierEffect): VerifierEvent[] {
    const { authority } = this.story
    switch (effect.kind) {
      case 'ask': {
        const { nonce } = effect.question
        const head = authority.head({ nonce })
        return [{ kind: 'answered', nonce, head, feedKeys: [authority.feedKey] }]
      }
      case 'fetch-entries': {
        const { fetch, after } = effect
        if (after < authority.floor) return [{ kind: 'entries-failed', fetch, isGone: true }]
        // Cut short, as a page is.
        const all = authority.texts(after)
        const entries = all.slice(0, this.isCalm ? 1000 : 1 + this.#chance.upTo(all.length))
        return [{ kind: 'entries', fetch, entries }]
      }
      case 'fetch-snapshot':
        this.see('snapshot')
        return [{ kind: 'snapshot', fetch: effect.fetch, ...authority.snapshot() }]
      case 'open-stream':
        this.#sent = effect.after
        return [{ kind: 'stream-opened', stream: effect.stream }]
      case 'acknowledge':
        return [{ kind: 'acknowledged', position: effect.acknowledgement.position }]
      case 'alarm':
        throw new Error(`an alarm, and nobody lied: ${effect.detail}`)
      case 'applied':
      case 'close-stream':
      case 'next-url':
      case 'wake':
        return []
    }
  }

  #check(): void {
    const { rig, story } = this
    const applied = rig.core.applied()
    if (applied === undefined) return
    expect(this.#lastPosition).toBeLessThanOrEqual(applied.position)
    expect(this.#lastTime).toBeLessThanOrEqual(applied.time)
    this.#lastPosition = applied.position
    this.#lastTime = applied.time
    for (const token of story.tokens.slice(-12)) {
      const { decision } = rig.decide(token.text, { arrivedMicros: rig.now })
      const { verdict, revocationId } = decision
      this.see(decision.graceSeconds === undefined ? verdict : 'grace')
      if (verdict === 'stale') continue
      if (verdict === 'expired') {
        expect(token.untilSeconds * SECOND).toBeLessThanOrEqual(rig.upper)
        continue
      }
      const said = revocationId === undefined ? verdict : `${verdict} by ${revocationId}`
      const isAhead = applied.position < token.revocable.feedSeq
      const now = instant(rig.upper / 1000)
      expect(said).toBe(isAhead ? 'invalid' : story.expected(token, applied.position, now))
    }
  }
}

const anyWeather = fc.record({
  lost: fc.constantFrom(0, 0.1, 0.4),
  twice: fc.constantFrom(0, 0.3),
  late: fc.constantFrom(0, 0.2, 0.5),
  cut: fc.constantFrom(0, 0.05, 0.2),
})

describe('whatever an authority does and however it comes', () => {
  it('the verdict is that of a scan over all that is applied, and all is applied in the end', () => {
    const seen = new Map<string, number>()
    fc.assert(
      fc.property(
        fc.nat(),
        anyWeather,
        fc.integer({ min: 10, max: 60 }),
        (seed, weather, steps) => {
          const world = new World(seed, weather)
          for (let i = 0; i < steps; i++) world.step()
          world.isCalm = true
          for (let i = 0; i < 40; i++) world.step()
          expect(world.rig.core.applied()?.position).toBe(world.story.authority.state.position)
          expect(world.rig.core.staleness(world.rig.now)).toBeUndefined()
          for (const [what, count] of world.seen) seen.set(what, (seen.get(what) ?? 0) + count)
        },
      ),
      { numRuns: 30, seed: 11 },
    )
    for (const what of [
      'accepted',
      'revoked',
      'grace',
      'expired',
      'stale',
      'invalid',
      'snapshot',
    ]) {
      expect([what, 20 < (seen.get(what) ?? 0)]).toEqual([what, true])
    }
  })
})
