import { Problem } from '#kernel/problem.ts'
import { type Chance, chanceOf } from '#sim/chance.ts'
import type { SimCredential } from './credentials.ts'
import { committedKey } from './following.ts'
import { mint } from './minting.ts'
import { isSettlingDue, settle } from './revoking.ts'
import { forgedToken, type Forgery, forgeriesOf, type SimToken, tokenOf } from './tokens.ts'
import { AUDIENCE } from './verifier.ts'
import type { CoreWorld } from './world.ts'

const SECOND = 1_000_000
const SESSIONS = 3
const RING = 192
const HOT = 48

/** One sign-in of a client, and the token that it holds. */
interface Session {
  readonly clientId: string
  readonly subject: string
  readonly scopes: readonly string[]
  readonly team: string
  readonly chance: Chance
  token: SimToken | undefined
}

/** Clients: they sign in, use their tokens, renew them, and begin anew when they are refused. */
export class Clients {
  readonly sessions: readonly Session[]
  tokens = 0
  renewals = 0
  readonly #world: CoreWorld
  readonly #recent: SimToken[] = []
  readonly #hot: SimToken[] = []
  readonly #forged: SimToken[] = []
  readonly #forgeries: readonly Forgery[]
  #requests = 0

  constructor(world: CoreWorld) {
    this.#world = world
    const { plan, seed, faults } = world
    this.#forgeries = forgeriesOf(faults.adversary.puzzles)
    this.sessions = Array.from({ length: plan.clients * SESSIONS }, (_, i): Session => {
      const client = Math.floor(i / SESSIONS)
      return {
        clientId: `client-${client}`,
        subject: `user-${i % 7}`,
        scopes: i % 2 === 0 ? ['deploy:prod', 'read:all'] : ['deploy:test:eu'],
        team: `team-${client % 4}`,
        chance: chanceOf(seed, 'session', i),
        token: undefined,
      }
    })
  }

  start(): void {
    const { plan } = this.#world
    this.sessions.forEach((session) => {
      this.#later(session, session.chance.between(0, plan.ttlSeconds * SECOND * 0.3), false)
    })
  }

  /** The next token to present, such as makes most trouble: fresh, lately revoked, forged, or any. */
  pick(chance: Chance): SimToken | undefined {
    const lot = chance.unit()
    const { length } = this.#recent
    if (length === 0) return undefined
    if (lot < 0.25) return this.#recent[Math.max(0, length - 1 - Math.floor(lot * 32))]
    if (lot < 0.65 && 0 < this.#hot.length)
      return this.#hot[chance.between(0, this.#hot.length - 1)]
    if (lot < 0.7 && 0 < this.#forged.length) {
      return this.#forged[chance.between(0, this.#forged.length - 1)]
    }
    return this.#recent[chance.between(0, length - 1)]
  }

  /** These are of interest now: a revocation or a lift is about them. */
  heat(concerned: (token: SimToken) => boolean): void {
    for (const token of this.#recent) if (concerned(token)) keep(this.#hot, token, HOT)
  }

  any(chance: Chance): SimToken | undefined {
    const held = this.sessions[chance.between(0, this.sessions.length - 1)]?.token
    return held ?? this.#recent[chance.between(0, Math.max(0, this.#recent.length - 1))]
  }

  #later(session: Session, micros: number, isRenewal: boolean): void {
    const { heap } = this.#world
    this.#world.call(heap.nowMicros + micros, () => this.#ask(session, isRenewal))
  }

  /** Asks a node for a token, over a network that may lose the question or the answer. */
  #ask(session: Session, isRenewal: boolean): void {
    const { network, heap, nodes } = this.#world
    const delay = network.outsideDelayMicros()
    const node = nodes[session.chance.between(0, nodes.length - 1)]
    let isAnswered = false
    const retry = (micros: number, renews: boolean): void => {
      if (isAnswered) return
      isAnswered = true
      this.#later(session, micros, renews)
    }
    // Nobody answered; the parent may have been renewed all the same, so that it derives twice.
    this.#world.call(heap.nowMicros + 5 * SECOND, () => retry(0, isRenewal))
    if (delay < 0 || node === undefined) return
    this.#world.call(heap.nowMicros + delay, () => {
      if (node.isUp) this.#mint(session, node.index, isRenewal, retry)
    })
  }

  #mint(
    session: Session,
    index: number,
    isRenewal: boolean,
    retry: (micros: number, renews: boolean) => void,
  ): void {
    const { transactions, nodes, authorityRules, database } = this.#world
    const site = nodes[index]?.site
    if (site === undefined) return
    if (authorityRules.settlesFirst && isSettlingDue(site, database.begin())) {
      const again = (): void => this.#mint(session, index, isRenewal, retry)
      return transactions.begin(index, {
        run: (tx) => settle(site, tx),
        done: (result) => (result instanceof Problem ? retry(SECOND, isRenewal) : again()),
      })
    }
    const parent = isRenewal ? session.token : undefined
    const { clientId, subject, scopes, team } = session
    const request = {
      n: this.#requests++,
      clientId,
      subject,
      scopes,
      audience: [AUDIENCE],
      tags: { team },
      ttlSeconds: this.#world.plan.ttlSeconds,
      parentId: parent?.credential?.id,
    }
    let token: SimToken | undefined
    transactions.begin(index, {
      run: (tx) => mint(site, tx, request),
      committed: (credential) => {
        const key =
          database.rows.keys.get(credential.keyId) ?? committedKey(database.rows.keys, 'token')
        token = tokenOf(this.tokens++, credential, key, this.#world.signatures)
        this.#circulate(token, parent)
      },
      done: (result) => {
        if (result instanceof Problem) {
          return retry(this.#refused(session, result, parent), false)
        }
        const delay = this.#world.network.outsideDelayMicros()
        if (delay < 0 || token === undefined) return
        if (isRenewal) this.renewals++
        session.token = token
        const share = 0.4 + 0.3 * session.chance.unit()
        retry(
          this.#world.plan.ttlSeconds * SECOND * (share / this.#world.faults.churn ** 0.5),
          true,
        )
      },
    })
  }

  /** How long to wait before beginning anew. */
  #refused(session: Session, problem: Problem, parent: SimToken | undefined): number {
    if (problem.code === 'store-busy') return 50_000
    if (problem.code === 'policy-denied' && parent !== undefined) {
      this.#world.sightings.see('derived-refused')
      this.#world.judge.derivationRefused(parent)
    }
    if (problem.code === 'issuance-blocked') this.#world.sightings.see('blocked')
    session.token = undefined
    return session.chance.between(SECOND / 10, 3 * SECOND)
  }

  #circulate(token: SimToken, parent: SimToken | undefined): void {
    const { tokens, judge, trace, heap } = this.#world
    const { credential } = token
    if (credential === undefined) return
    tokens.set(credential.id, token)
    keep(this.#recent, token, RING)
    trace.note(heap.nowMicros, 8, token.n, credential.feedSeq)
    judge.minted(token, parent)
    if (token.n % 12 === 0) this.#forge(token)
  }

  #forge(like: SimToken): void {
    const { credential } = like
    if (credential === undefined) return
    const which = this.#forged.length === 0 ? 0 : like.n / 12
    const forgery = this.#forgeries[which % this.#forgeries.length]
    if (forgery !== undefined) keep(this.#forged, this.#forgedLike(credential, forgery), HOT)
  }

  #forgedLike(credential: SimCredential, forgery: Forgery): SimToken {
    const { database, signatures } = this.#world
    const thief = signatures.newKey('token', credential.issuedAt, 'active')
    const keys = {
      token: committedKey(database.rows.keys, 'token'),
      feed: committedKey(database.rows.keys, 'feed'),
      thief: { ...thief, id: credential.keyId },
    }
    return forgedToken(this.tokens++, forgery, credential, keys, signatures)
  }

  /** Tokens that name what nobody knows, and will not know. */
  puzzles(): SimToken[] {
    const like = this.#recent.at(-1)?.credential
    if (like === undefined) return []
    return forgeriesOf('only').map((forgery) => this.#forgedLike(like, forgery))
  }

  /** Somebody has the signing key, and makes a token of any claims with it. */
  steal(): string | undefined {
    const { database, signatures } = this.#world
    const like = this.#recent.at(-1)?.credential
    const key = committedKey(database.rows.keys, 'token')
    if (like === undefined || like.keyId !== key.id) return undefined
    const id = `${like.id}stolen`
    const token = tokenOf(this.tokens++, { ...like, id, sessionId: id }, key, signatures)
    this.#world.tokens.set(id, token)
    keep(this.#recent, token, RING)
    keep(this.#hot, token, HOT)
    return key.id
  }
}

function keep(ring: SimToken[], token: SimToken, most: number): void {
  ring.push(token)
  if (most < ring.length) ring.shift()
}
