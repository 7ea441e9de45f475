import { describe, expect, it } from 'vitest'
import { defaultPolicy } from '#domain/policy/policy.ts'
import { Problem, refuse } from '#kernel/problem.ts'
import { chanceOf, entropyOf } from '#sim/chance.ts'
import { Database } from '#sim/core/database.ts'
import { EventHeap } from '#sim/core/heap.ts'
import { Issuing } from '#sim/core/issuing.ts'
import { standInSignatures } from '#sim/core/signatures.ts'
import { soundAuthority } from '#sim/core/site.ts'
import { Transactions } from '#sim/core/transactions.ts'

/** One node, of which every transaction counts. */
function oneNode() {
  const heap = new EventHeap(1_000_000)
  const database = new Database(heap.nowMicros)
  const pace = { statementMicros: 300, slowRatio: 0, slowMicrosMax: 0 }
  const transactions = new Transactions(database, heap, {
    kind: 0,
    chance: chanceOf(1, 'statements'),
    pace: () => pace,
    committed: () => {},
  })
  let isHalted = false
  const site = {
    policy: defaultPolicy,
    signatures: standInSignatures(1),
    entropy: entropyOf(1, 'authority'),
    rules: soundAuthority,
    clockMicros: () => heap.nowMicros,
    refuseStepped: () => (isHalted ? refuse('clock-stepped', 'look first') : undefined),
  }
  const issuing = new Issuing(site, transactions, 0, ({ timeMicros }, nonces) =>
    nonces.map((nonce) => `${nonce ?? 'nobody'} at ${timeMicros}`),
  )
  /** What each was answered, by its name: the time and the text, or the code. */
  const answers = new Map<string, { text: string; timeMicros: number } | string>()
  const admitted: string[] = []
  const want = (nonce: string): void =>
    issuing.want({
      nonce,
      admit: () => void admitted.push(nonce),
      done: (head) => {
        const { text, state } = head instanceof Problem ? { text: '', state: undefined } : head
        const timeMicros = state?.timeMicros ?? 0
        answers.set(nonce, head instanceof Problem ? head.code : { text, timeMicros })
      },
    })
  const drain = (): void => {
    while (heap.pop()) transactions.step(heap.value)
  }
  const halt = (): void => {
    isHalted = true
  }
  return { database, transactions, issuing, answers, admitted, want, drain, halt }
}

const timesOf = (answers: ReturnType<typeof oneNode>['answers']): number[] =>
  [...answers.values()].map((answer) => (typeof answer === 'string' ? 0 : answer.timeMicros))

describe('heads that wait in a simulated node', () => {
  it('share the transaction after the one under way, each with its nonce', () => {
    const { database, answers, admitted, want, drain } = oneNode()
    want('first')
    for (const nonce of ['a', 'b', 'c']) want(nonce)
    drain()
    const [first, ...together] = timesOf(answers)
    expect(new Set(together).size).toBe(1)
    expect(together[0]).toBeGreaterThan(first ?? 0)
    expect([...answers].map(([nonce, answer]) => [nonce, answer])).toEqual(
      ['first', 'a', 'b', 'c'].map((nonce, i) => {
        const timeMicros = i === 0 ? first : together[0]
        return [nonce, { text: `${nonce} at ${timeMicros}`, timeMicros }]
      }),
    )
    expect(admitted).toEqual(['first', 'a', 'b', 'c'])
    expect(database.version).toBe(2)
  })

  it('are 128 at most in one', () => {
    const { database, answers, want, drain } = oneNode()
    want('first')
    for (let i = 0; i < 300; i++) want(String(i))
    drain()
    expect(answers.size).toBe(301)
    expect(database.version).toBe(1 + Math.ceil(300 / 128))
  })

  it('wait for one lock together, and not each for all who came before', () => {
    const { database, answers, want, drain } = oneNode()
    const slow = {}
    database.feedRow.take(slow, false, () => {})
    for (let i = 0; i < 40; i++) want(String(i))
    drain()
    expect(answers.size).toBe(0)
    database.feedRow.release(slow)
    drain()
    expect(new Set(timesOf(answers)).size).toBe(2)
  })

  it('are refused together, and the next ones are tried again', () => {
    const { answers, want, drain, halt } = oneNode()
    halt()
    for (const nonce of ['a', 'b', 'c']) want(nonce)
    drain()
    expect(answers.size).toBe(3)
    expect([...new Set(answers.values())]).toEqual(['clock-stepped'])
  })

  it('are forgotten with the process, and another life begins anew', () => {
    const { transactions, issuing, answers, want, drain } = oneNode()
    for (const nonce of ['a', 'b']) want(nonce)
    transactions.crash(0)
    issuing.crash()
    drain()
    want('c')
    drain()
    expect([...answers.keys()]).toEqual(['c'])
  })
})
