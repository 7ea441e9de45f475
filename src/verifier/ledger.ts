import { feedOrigin } from '#domain/feed/entry.ts'
import type { HeadClaims } from '#domain/feed/head.ts'
import type { Position } from '#domain/feed/position.ts'
import { decodeBase64url } from '#kernel/base64url.ts'
import type { VerifierCapabilities, VerifierConfig } from './config.ts'
import type { Applied } from './decide.ts'
import type { HeadFault, SignedHead } from './head.ts'
import { createLog, type Log, type Offered } from './log.ts'
import type { Jwk } from './protocol.ts'
import { isFeedKey, type ReadSnapshot, readSnapshot } from './snapshot.ts'
import { createFeedView, type FeedView } from './state.ts'
import { createTrust, type Trust } from './trust.ts'

/** Heads that wait for entries; of more than this the oldest are not needed. */
const WAITING_MAX = 16

/** When a head came, by the local clock, and after what it was certainly issued. */
export interface HeadTimes {
  readonly receivedMicros: number
  readonly issuedAfterMicros: number
}

/** What came of looking whether a head speaks for what came. */
export type Settled =
  | { readonly kind: 'idle' }
  | { readonly kind: 'applied'; readonly head: HeadClaims }
  /** `forged`: entries were let go of. `diverged`: only a snapshot helps. `refused`: the head was. */
  | { readonly kind: 'forged' | 'diverged' | 'refused'; readonly detail: string }

const IDLE: Settled = { kind: 'idle' }

/** `late`: what is applied is newer. */
export type Restored = 'begun' | 'late' | { readonly fault: string }

export interface SnapshotTexts {
  readonly head: string
  readonly entries: readonly string[]
}

/** What was heard of the feed, what of it is vouched for, and by which head is decided. */
export interface Ledger {
  readonly applied: Applied | undefined
  /** The latest head that was signed well, whether its entries have come or not. */
  readonly seen: HeadClaims | undefined
  readonly view: FeedView
  readonly isDiverged: boolean
  readonly issuedAfterMicros: number
  readonly tip: Position
  readonly trust: Trust
  /** `firstKeys` are believed where there is nobody to believe yet. */
  readHead(text: string, firstKeys?: readonly Jwk[]): SignedHead | HeadFault
  /** `fork`: it contradicts what another one said. */
  hear(head: SignedHead, times: HeadTimes): 'newer' | 'older' | 'fork'
  offer(text: string): Offered
  settle(hasSynced: boolean): Settled
  /** Begins anew with a snapshot, unless one that came `late` or is at fault. */
  restore(snapshot: SnapshotTexts, receivedMicros: number): Restored
  /** Begins with what was kept on disk, if it is sound. */
  keep(kept: SnapshotTexts, feedKeys: readonly Jwk[]): void
}

export function createLedger(config: VerifierConfig, capabilities: VerifierCapabilities): Ledger {
  return new FeedLedger(config, capabilities)
}

class FeedLedger implements Ledger {
  readonly #config: VerifierConfig
  readonly #capabilities: VerifierCapabilities
  readonly #log: Log
  #waiting: (SignedHead & HeadTimes)[] = []
  trust: Trust
  applied: Applied | undefined
  seen: HeadClaims | undefined
  view: FeedView
  isDiverged = false
  issuedAfterMicros = Number.NEGATIVE_INFINITY

  constructor(config: VerifierConfig, capabilities: VerifierCapabilities) {
    this.#config = config
    this.#capabilities = capabilities
    this.#log = createLog(capabilities.rules)
    this.trust = createTrust(config.issuer, capabilities)
    this.trust.adopt(config.feedKeys ?? [])
    this.view = createFeedView(capabilities.rules, config.leewayMicros)
  }

  get tip(): Position {
    return this.#log.tip
  }

  readHead(text: string, firstKeys: readonly Jwk[] = []): SignedHead | HeadFault {
    const { rules, verifySignature } = this.#capabilities
    const feedKey = this.trust.isEmpty
      ? (kid: string) => firstKeys.find((jwk) => jwk['kid'] === kid)
      : (kid: string) => this.trust.find(kid)
    return rules.readHead(text, { issuer: this.#config.issuer, feedKey, verifySignature })
  }

  hear(head: SignedHead, times: HeadTimes): 'newer' | 'older' | 'fork' {
    const { claims } = head
    const order =
      this.seen === undefined ? 'newer' : this.#capabilities.rules.orderOf(this.seen, claims)
    if (order === 'fork') return order
    if (order === 'newer') this.seen = claims
    if (claims.time <= this.#appliedMicros) this.#issuedAfter(times)
    else this.#waiting.push({ ...head, ...times })
    if (1 < this.#waiting.length) this.#waiting.sort((a, b) => a.claims.time - b.claims.time)
    if (WAITING_MAX < this.#waiting.length) this.#waiting.shift()
    return order
  }

  offer(text: string): Offered {
    const offered = this.#log.offer(text)
    if (typeof offered === 'object' && 'record' in offered) {
      if (isFeedKey(offered.record)) this.trust.consider(offered.record)
    }
    return offered
  }

  settle(hasSynced: boolean): Settled {
    if (this.#waiting.length === 0) return IDLE
    const { rules } = this.#capabilities
    const next = this.#waiting.findLast(
      ({ claims }) => claims.position <= this.#log.tip && this.view.digestMicros <= claims.time,
    )
    if (next === undefined || this.isDiverged || !rules.mayLease(hasSynced)) return IDLE
    const { claims, kid } = next
    const chain = this.#log.chainAt(claims.position)
    if (chain === undefined || !rules.isChain(chain, claims.chain)) return this.#contradicted(next)
    const entries = this.#log.upTo(claims.position)
    const feedKeys = entries.map(({ record }) => record).filter(isFeedKey)
    if (!rules.mayVouch(this.trust.endOf(kid, feedKeys), claims.position)) {
      this.#drop(next)
      return { kind: 'refused', detail: 'a head was signed by a key that had ended' }
    }
    for (const { record, bytes } of entries) this.view.apply(record, bytes)
    for (const record of feedKeys) this.trust.end(record)
    this.#log.commit(claims.position)
    if (!rules.isDigest(this.view.digest(claims.time), claims.digest)) {
      this.isDiverged = true
      this.#drop(next)
      return { kind: 'diverged', detail: 'what is held does not give the digest of a signed head' }
    }
    this.#apply(next)
    return { kind: 'applied', head: claims }
  }

  /** The chain of what came is not that of a head: somebody put an entry in, or the feed forked. */
  #contradicted(head: SignedHead & HeadTimes): Settled {
    if (head.claims.position <= this.#log.base.position) {
      this.#drop(head)
      return { kind: 'refused', detail: 'the feed has forked: one position has two chains' }
    }
    this.#log.discard()
    return { kind: 'forged', detail: 'entries came that a signed head does not speak for' }
  }

  #apply(head: SignedHead & HeadTimes): void {
    const { claims, receivedMicros } = head
    this.applied = { head: claims, receivedMicros }
    for (const one of this.#waiting) if (one.claims.time <= claims.time) this.#issuedAfter(one)
    this.#waiting = this.#waiting.filter((one) => claims.time < one.claims.time)
    this.view.collect(claims.time)
  }

  #drop(head: SignedHead): void {
    this.#waiting = this.#waiting.filter((one) => one !== head)
  }

  #issuedAfter({ issuedAfterMicros }: HeadTimes): void {
    this.issuedAfterMicros = Math.max(this.issuedAfterMicros, issuedAfterMicros)
  }

  get #appliedMicros(): number {
    return this.applied?.head.time ?? Number.NEGATIVE_INFINITY
  }

  restore(snapshot: SnapshotTexts, receivedMicros: number): Restored {
    const { rules } = this.#capabilities
    const read = this.#readSnapshot(snapshot, this.trust)
    if (typeof read === 'string') return { fault: read }
    const { claims } = read.head
    const { base } = this.#log
    if (claims.time <= this.#appliedMicros) return 'late'
    if (claims.position < base.position) return { fault: 'it goes back behind what is applied' }
    if (claims.position === base.position && !rules.isChain(base.chainText, claims.chain)) {
      return { fault: 'the feed has forked: one position has two chains' }
    }
    const times = { receivedMicros, issuedAfterMicros: Number.NEGATIVE_INFINITY }
    if (this.hear(read.head, times) === 'fork') return { fault: 'its head contradicts another one' }
    this.#begin(read)
    return 'begun'
  }

  keep(kept: SnapshotTexts, feedKeys: readonly Jwk[]): void {
    const trust = createTrust(this.#config.issuer, this.#capabilities)
    trust.adopt(this.trust.isEmpty ? feedKeys : this.trust.keys())
    const read = this.#readSnapshot(kept, trust)
    if (typeof read === 'string' || this.seen !== undefined) return
    this.trust = trust
    this.seen = read.head.claims
    this.#begin(read)
    if (!this.#capabilities.rules.isKeptStateALease()) return
    this.applied = { head: read.head.claims, receivedMicros: 0 }
  }

  #readSnapshot(texts: SnapshotTexts, trust: Trust): ReadSnapshot | string {
    const { issuer, leewayMicros } = this.#config
    const { rules, verifySignature } = this.#capabilities
    return readSnapshot(texts, {
      rules,
      leewayMicros,
      readHead: (text) =>
        rules.readHead(text, { issuer, feedKey: (kid) => trust.find(kid), verifySignature }),
      consider: (record) => trust.consider(record),
      endOf: (kid, coming) => trust.endOf(kid, coming),
    })
  }

  #begin({ head: { claims }, view, feedKeys }: ReadSnapshot): void {
    const chain = decodeBase64url(claims.chain) ?? feedOrigin(0).chain
    this.#log.reset({ position: claims.position, chain })
    for (const record of feedKeys) this.trust.end(record)
    this.view = view
    this.isDiverged = false
  }
}
