import type { HeadClaims } from '#domain/feed/head.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { CoreBreach } from './invariants.ts'
import { countThrough, digestOf, inForce } from './oracle.ts'
import type { CoreVerifier } from './verifier.ts'
import type { CoreWorld } from './world.ts'

/** Every so many heads the digest is worked out anew, besides whenever there are new entries. */
const SAMPLE = 32

/** Judges what the authority signs: order, chain and digest of its heads. */
export class FeedJudge {
  readonly #world: CoreWorld
  readonly #broken: (breach: CoreBreach, verifier?: CoreVerifier) => void
  /** Heads and entries by time, each with its position: both must rise together. */
  readonly #times: number[] = []
  readonly #positions: number[] = []
  readonly #chains = new Map<number, string>()
  readonly #issued = new Map<string, HeadClaims>()
  #sampledPosition = 0
  #heads = 0
  #inForce = 0

  constructor(world: CoreWorld, broken: (breach: CoreBreach, verifier?: CoreVerifier) => void) {
    this.#world = world
    this.#broken = broken
  }

  headIssued(node: number, claims: HeadClaims): void {
    const { position, chain, time, digest } = claims
    this.#ordered(position, chain, time, `a head of node ${node + 1}`)
    this.#issued.set(`${position} ${time}`, claims)
    if (position === this.#sampledPosition && ++this.#heads % SAMPLE !== 0) return
    this.#sampledPosition = position
    const { entries } = this.#world.database.rows
    const through = entries.slice(0, countThrough(entries, position))
    const expected = digestOf(through, time)
    const live = inForce(through, time).length
    if (live < this.#inForce) this.#world.sightings.see('collected')
    this.#inForce = live
    if (digest === expected) return
    this.#broken({
      invariant: 'I5',
      said: `node ${node + 1} signed a digest that is not the oracle’s`,
    })
  }

  /** An entry was committed at a time. */
  entered(position: number, chain: Uint8Array, timeMicros: number): void {
    this.#ordered(position, encodeBase64url(chain), timeMicros, 'an entry')
  }

  #ordered(position: number, chain: string, time: number, what: string): void {
    let at = this.#times.length
    while (0 < at && time < (this.#times[at - 1] as number)) at--
    const before = this.#positions[at - 1] ?? 0
    const after = this.#positions[at] ?? Number.POSITIVE_INFINITY
    if (position < before || after < position) {
      const said = `${what} is of position ${position}, although what is ${position < before ? 'earlier' : 'later'} is of ${position < before ? before : after}`
      this.#broken({ invariant: 'I11', said })
    }
    this.#times.splice(at, 0, time)
    this.#positions.splice(at, 0, position)
    const known = this.#chains.get(position)
    if (known !== undefined && known !== chain) {
      this.#broken({ invariant: 'I11', said: `position ${position} has two chains` })
    }
    this.#chains.set(position, chain)
  }

  wasIssued(position: number, time: number): boolean {
    return this.#issued.has(`${position} ${time}`)
  }

  /** What is wrong with what a verifier says that it has applied. */
  faultOf(position: number, time: number, digest: string, chain: string): string | undefined {
    const claims = this.#issued.get(`${position} ${time}`)
    if (claims === undefined) return 'it acknowledged a head that was never issued'
    if (claims.digest !== digest) return 'it acknowledged another digest than that of its head'
    return claims.chain === chain
      ? undefined
      : 'it acknowledged another chain than that of its head'
  }

  /** After a restore the feed goes on from where the backup was, in another epoch. */
  restored(position: number): void {
    for (const known of this.#chains.keys()) if (position < known) this.#chains.delete(known)
  }
}
