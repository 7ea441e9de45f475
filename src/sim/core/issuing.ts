import { type FeedState } from '#domain/feed/entry.ts'
import { HEADS_TOGETHER_MAX } from '#domain/feed/head.ts'
import { Problem } from '#kernel/problem.ts'
import type { Transaction } from './database.ts'
import { place } from './following.ts'
import type { Site } from './site.ts'
import type { Transactions } from './transactions.ts'

/** Somebody waits for a head. */
export interface WantedHead {
  readonly nonce?: string
  /** What its transaction writes beside the head: who is to be given it goes on record before. */
  readonly admit: (tx: Transaction, state: FeedState) => void
  /** Its caller is answered; the text was signed in the instant of the commit. */
  readonly done: (head: Problem | { readonly text: string; readonly state: FeedState }) => void
}

/** Signs one head for each nonce, of a place and a time that are committed. */
type Sign = (state: FeedState, nonces: readonly (string | undefined)[]) => string[]

/**
 * The heads of one node, as the product issues them: one transaction at a time, and whoever waits
 * meanwhile shares the next one, its place and its time. A row that is locked for long then delays
 * everybody by as long, and not each by all who came before.
 */
export class Issuing {
  readonly #site: Site
  readonly #transactions: Transactions
  readonly #node: number
  readonly #sign: Sign
  #waiting: WantedHead[] = []
  #isIssuing = false

  constructor(site: Site, transactions: Transactions, node: number, sign: Sign) {
    this.#site = site
    this.#transactions = transactions
    this.#node = node
    this.#sign = sign
  }

  /** The process is gone, and with it whoever waited; its transactions were aborted. */
  crash(): void {
    this.#waiting = []
    this.#isIssuing = false
  }

  want(wanted: WantedHead): void {
    this.#waiting.push(wanted)
    if (!this.#isIssuing) this.#issue()
  }

  #issue(): void {
    const group = this.#waiting.splice(0, HEADS_TOGETHER_MAX)
    this.#isIssuing = 0 < group.length
    if (!this.#isIssuing) return
    let texts: string[] = []
    const site = this.#site
    this.#transactions.begin(this.#node, {
      *run(tx) {
        const state = yield* place(site, tx)
        for (const { admit } of group) admit(tx, state)
        return state
      },
      committed: (state) => {
        texts = this.#sign(
          state,
          group.map(({ nonce }) => nonce),
        )
      },
      done: (result) => {
        group.forEach(({ done }, i) => {
          const text = texts[i]
          if (result instanceof Problem) done(result)
          else if (text !== undefined) done({ text, state: result })
        })
        this.#issue()
      },
    })
  }
}
