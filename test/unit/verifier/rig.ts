import type { DecisionRequest, VerifierConfig, VerifierCore } from '#verifier/config.ts'
import { createVerifierCore } from '#verifier/core.ts'
import type { SyncQuestion, VerifierEffect, VerifierEvent } from '#verifier/protocol.ts'
import { type Rules, soundRules } from '#verifier/rules.ts'
import type { VerifySignature } from '#verifier/signature.ts'
import { AUDIENCE, Authority, ISSUER, quickSignatures, SECOND } from './authority.ts'

export type Effect<K extends VerifierEffect['kind']> = Extract<VerifierEffect, { kind: K }>

/** The same bytes every time, so that a pause is what it is expected to be. */
export const steadyEntropy = () => {
  let next = 0
  return { bytes: (length: number) => new Uint8Array(length).fill(next++ % 256) }
}

/** A verifier by hand: the test is its clock, its network and its timer. */
export class Rig {
  readonly authority: Authority
  readonly core: VerifierCore
  readonly signatures = quickSignatures()
  /** The local clock; its zero means nothing. */
  now = 5 * SECOND
  /** All that it has asked for. */
  readonly effects: VerifierEffect[] = []
  stream: number | undefined

  constructor(
    about: Partial<VerifierConfig> = {},
    {
      authority = new Authority(),
      rules = {},
      verifySignature = this.signatures.verify,
    }: { authority?: Authority; rules?: Partial<Rules>; verifySignature?: VerifySignature } = {},
  ) {
    this.authority = authority
    this.core = createVerifierCore(
      {
        issuer: ISSUER,
        audiences: [AUDIENCE],
        name: 'api-1',
        mode: 'standard',
        incarnation: 'i'.repeat(22),
        leewayMicros: 2 * SECOND,
        ...about,
      },
      {
        entropy: steadyEntropy(),
        rules: { ...soundRules, ...rules },
        verifySignature,
      },
    )
  }

  /** What is to be done now; when it wants to be woken is in `effects` with the rest. */
  on(event: VerifierEvent): readonly VerifierEffect[] {
    const effects = this.core.on(event, this.now)
    this.effects.push(...effects)
    if (event.kind === 'stream-closed' && event.stream === this.stream) this.stream = undefined
    for (const effect of effects) {
      if (effect.kind === 'open-stream') this.stream = effect.stream
      if (effect.kind === 'close-stream' && effect.stream === this.stream) this.stream = undefined
    }
    return effects.filter(({ kind }) => kind !== 'wake')
  }

  /** Time passes, here and in the authority alike. */
  pass(micros: number): void {
    this.now += micros
    this.authority.clockMicros += micros
  }

  wake(): readonly VerifierEffect[] {
    return this.on({ kind: 'woken' })
  }

  answer(question: SyncQuestion, head?: string): readonly VerifierEffect[] {
    const { nonce } = question
    const { authority } = this
    return this.on({
      kind: 'answered',
      nonce,
      head: head ?? authority.head({ nonce }),
      feedKeys: [authority.feedKey],
    })
  }

  /** Does at once whatever is asked for, until nothing more is. */
  serve(effects: readonly VerifierEffect[]): void {
    const left = [...effects]
    for (let effect = left.shift(); effect !== undefined; effect = left.shift()) {
      left.push(...this.#perform(effect))
    }
  }

  #perform(effect: VerifierEffect): readonly VerifierEffect[] {
    const { authority } = this
    switch (effect.kind) {
      case 'ask':
        return this.answer(effect.question)
      case 'fetch-entries': {
        const { fetch, after } = effect
        if (after < authority.floor) return this.on({ kind: 'entries-failed', fetch, isGone: true })
        return this.on({ kind: 'entries', fetch, entries: authority.texts(after) })
      }
      case 'fetch-snapshot':
        return this.on({ kind: 'snapshot', fetch: effect.fetch, ...authority.snapshot() })
      case 'open-stream':
        return this.on({ kind: 'stream-opened', stream: effect.stream })
      case 'acknowledge':
        return this.on({ kind: 'acknowledged', position: effect.acknowledgement.position })
      case 'alarm':
      case 'applied':
      case 'close-stream':
      case 'next-url':
      case 'wake':
        return []
    }
  }

  /** Starts, and hears all that there is. */
  start(): this {
    this.serve(this.on({ kind: 'started' }))
    return this
  }

  entry(text: string): readonly VerifierEffect[] {
    return this.on({ kind: 'stream-entry', stream: this.stream ?? -1, text })
  }

  head(text = this.authority.head()): readonly VerifierEffect[] {
    return this.on({ kind: 'stream-head', stream: this.stream ?? -1, text })
  }

  /** What has been published since, and a head over it, by the stream. */
  follow(): void {
    const position = this.core.applied()?.position ?? 0
    for (const text of this.authority.texts(position)) this.serve(this.entry(text))
    this.serve(this.head())
  }

  decide(token: string, about: Partial<DecisionRequest> = {}) {
    const request = { token, arrivedMicros: this.now, scopes: [], ...about }
    const decided = this.core.decide(request, this.now)
    this.effects.push(...decided.effects)
    return decided
  }

  /** The verdict, with its cause where it has one. */
  verdict(token: string, about: Partial<DecisionRequest> = {}): string {
    const { verdict, cause } = this.decide(token, about).decision
    return cause === undefined ? verdict : `${verdict} ${cause}`
  }

  /** The effects of one kind so far, and forgets them. */
  taken<K extends VerifierEffect['kind']>(kind: K): Effect<K>[] {
    const found = this.effects.filter((effect): effect is Effect<K> => effect.kind === kind)
    this.effects.length = 0
    return found
  }

  get upper(): number {
    return this.core.interval(this.now)?.upperMicros ?? Number.NaN
  }

  get lower(): number {
    return this.core.interval(this.now)?.lowerMicros ?? Number.NaN
  }
}
