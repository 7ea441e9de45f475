import type { SimulationRequest } from '#contract/simulation.ts'
import type { RevokeRecord } from '#domain/feed/record.ts'
import { RuleIndex } from '#domain/revocation/rule-index.ts'
import type { Revocable, Rule } from '#domain/revocation/rule.ts'
import { ruleOfRecord } from '#domain/revocation/rule.ts'
import { instant } from '#kernel/instant.ts'
import { soundAuthority } from '#sim/core/site.ts'
import { soundRules, type VerdictIndex } from '#verifier/rules.ts'
import { animal } from './core-animal.ts'
import type { Animal } from './zoo.ts'

const SECOND = 1_000_000

/** Races are between transactions, so a world of many of them and few verifiers. */
const races: Partial<SimulationRequest> = { scenario: 'bulk-revocation', verifiers: 2, minutes: 5 }

/** Bugs that somebody could make in the verifier: heads, log, verdict. */
const verifierBugs: readonly Animal[] = [
  animal(
    'a lease counted from the head’s receipt',
    {
      rules: {
        isLeased: ({ limitSeconds, receivedMicros, nowMicros }) =>
          nowMicros <= receivedMicros + limitSeconds * SECOND,
      },
    },
    ['I1', 'I2', 'I8', 'I12'],
    15,
    { lossPercent: 30, mode: 'strict', verifiers: 30, minutes: 4 },
  ),
  animal(
    'a lease that does not end',
    { rules: { isLeased: () => true } },
    ['I1', 'I2', 'I8', 'I12'],
    10,
  ),
  animal(
    'the longest limit taken for every mode',
    { rules: { limitOf: (limits) => Math.max(...Object.values(limits)) } },
    ['I1', 'I2', 'I8', 'I12'],
    20,
  ),
  animal(
    'no gap seen, nor any sign of one',
    {
      rules: {
        followsOn: (tip, record) => (record.position <= tip.position ? 'old' : 'next'),
        isChain: () => true,
        isDigest: () => true,
      },
    },
    ['I1', 'I2', 'I8', 'I9', 'I12', 'refusal', 'L1', 'minting'],
    20,
  ),
  animal(
    'entries that come twice taken twice',
    {
      rules: {
        followsOn: (tip, record) =>
          record.position === tip.position ? 'next' : soundRules.followsOn(tip, record),
        revoke: (index, record) => index.replace(ruleOfRecord(record)),
      },
    },
    ['I4', 'L1', 'I1', 'I2'],
    20,
    { scenario: 'message-loss' },
  ),
  animal(
    'neither chain nor digest compared with the head’s',
    { rules: { isChain: () => true, isDigest: () => true } },
    ['I1', 'I2', 'I8', 'I12', 'refusal'],
    20,
  ),
  animal(
    'a cut too low by one',
    {
      rules: {
        revoke: (index, record) => add(index, record, { cut: (record.cut ?? Infinity) - 1 }),
      },
    },
    ['I1', 'I8', 'I12'],
    10,
  ),
  animal(
    'a cut too high by one',
    {
      rules: {
        revoke: (index, record) => add(index, record, { cut: (record.cut ?? Infinity) + 1 }),
      },
    },
    ['I2', 'L1'],
    10,
  ),
  animal(
    'a cut by the time of issue',
    {
      rules: {
        revoke: (index, record) =>
          add(index, record, {
            cut: Number.POSITIVE_INFINITY,
            beforeSeconds: Math.floor(record.publishedMs / 1000),
          }),
      },
    },
    ['I1', 'I2', 'I8', 'I12', 'L1'],
    10,
  ),
  animal('a lift that is lost', { rules: { lift: () => {} } }, ['I2', 'L1'], 5),
  animal(
    'a lift that takes out all of its kind',
    {
      rules: {
        createIndex: () => new Kin(),
        lift: (index, { id }) => (index as Kin).removeKin(id),
      },
    },
    ['I1', 'I8', 'I12'],
    20,
  ),
  animal(
    'the end of a block that revives',
    { rules: { endBlock: (index, { id }) => void index.remove(id) } },
    ['I1', 'I8', 'I12'],
    10,
  ),
  animal(
    'a block whose end keeps its first cut',
    {
      rules: {
        endBlock: (index, { id }) => {
          for (const rule of index.partsOf(id)) {
            index.replace({ ...rule, cut: rule.position, blocks: false })
          }
        },
      },
    },
    ['I1', 'I8', 'I12'],
    20,
    races,
  ),
  animal('a block that does not end', { rules: { endBlock: () => {} } }, ['I2', 'L1'], 10),
  animal(
    'only the greatest cut of a value looked at, exceptions and all',
    { rules: { createIndex: () => new GreatestCut() } },
    ['I1', 'I2', 'I8', 'I12'],
    20,
  ),
  animal(
    'grace judged by the end of the lease',
    { rules: { graceInstant: ({ lowerMicros }) => instant(lowerMicros / 1000 - 30_000) } },
    ['I1', 'I8', 'I12'],
    20,
  ),
  animal(
    'a missing position taken for the newest',
    {
      rules: {
        revocableOf: (claims, keyId) =>
          soundRules.revocableOf(
            { ...claims, feed_seq: claims['feed_seq'] ?? claims['root_seq'] },
            keyId,
          ),
      },
    },
    ['forgery'],
    5,
  ),
  animal(
    'a missing root taken for the token’s own position',
    {
      rules: {
        revocableOf: (claims, keyId) =>
          soundRules.revocableOf(
            { ...claims, root_seq: claims['root_seq'] ?? claims['feed_seq'] },
            keyId,
          ),
      },
    },
    ['forgery'],
    5,
  ),
  animal(
    'signatures of heads not checked',
    {
      rules: {
        readHead: (text, context) =>
          soundRules.readHead(text, { ...context, verifySignature: () => true }),
      },
    },
    ['forgery', 'clock', 'I6'],
    20,
  ),
  animal(
    'signatures of tokens not checked',
    {
      rules: {
        readToken: (text, context) =>
          soundRules.readToken(text, { ...context, verifySignature: () => true }),
      },
    },
    ['forgery'],
    3,
  ),
  animal(
    'any head taken for the answer',
    { rules: { isAnswerTo: () => true } },
    ['clock', 'I1', 'I3', 'I4'],
    20,
  ),
  animal(
    'no sync after a suspend',
    { rules: { anchorAfterResume: (anchor) => anchor } },
    ['clock', 'I1', 'I3', 'I8'],
    20,
  ),
  animal(
    'a state on disk trusted to decide by',
    { rules: { isKeptStateALease: () => true, isLeased: () => true } },
    ['I1', 'I2', 'I8', 'I12', 'I6'],
    20,
  ),
  animal(
    'a rule dropped before what it hits has expired',
    { rules: { keptUntilSeconds: (until) => until - 45 } },
    ['I1', 'I8', 'I12'],
    10,
  ),
  animal(
    'only the active key verifies',
    { rules: { keyVerifies: ({ state }) => state === 'active' } },
    ['refusal'],
    20,
  ),
  animal(
    'an unknown position held to be unknown for good',
    { rules: { mayYetBeKnown: () => false } },
    ['refusal'],
    10,
  ),
]

/** Bugs that somebody could make in the authority: the three races, and what is around them. */
const authorityBugs: readonly Animal[] = [
  animal(
    'a mint that reads its position last',
    { authority: { mintReads: 'last' } },
    ['minting', 'I1', 'I9'],
    20,
    races,
  ),
  animal(
    'a list drawn up without its lock',
    { authority: { isListLocked: false } },
    ['minting', 'I1'],
    20,
    races,
  ),
  animal(
    'heads given by a read',
    { authority: { headBy: 'read' } },
    ['I11', 'I5', 'I12', 'I6'],
    20,
  ),
  animal(
    'a request done again when it is sent again',
    { authority: { isIdempotent: false } },
    ['I10'],
    20,
  ),
  animal(
    'renewal of what is in grace',
    { authority: { mayDerive: (found) => found !== 'revoked' } },
    ['I9', 'I7'],
    20,
  ),
  animal('renewal of what is revoked', { authority: { mayDerive: () => true } }, ['I9', 'I7'], 10),
  animal(
    'an end that is too early',
    {
      authority: {
        untilSeconds: (of, limits) =>
          soundAuthority.untilSeconds(of, {
            largestExpiry: undefined,
            maxTtlSeconds: limits.maxTtlSeconds / 2,
          }),
      },
    },
    ['I7', 'I1', 'I8'],
    10,
  ),
  animal('acknowledgements filed by name', { authority: { acknowledgedBy: 'name' } }, ['I12'], 20),
  animal('a restore that revokes nothing', { authority: { restoreRevokes: false } }, ['I10'], 60),
  animal(
    'a proof that knows nothing of whom a restore has forgotten',
    { authority: { remembersForgotten: false } },
    ['I12'],
    20,
  ),
  animal(
    'a rotated key that retires at once',
    { authority: { retireAfterSeconds: 5 } },
    ['refusal'],
    30,
  ),
  animal(
    'heads given for longer than is on record',
    { authority: { recordsHeads: false } },
    ['I12'],
    5,
    { scenario: 'partition', verifiers: 4 },
  ),
  animal(
    'a snapshot given to whom the record does not know any more',
    { authority: { recordsSnapshots: false } },
    ['I12'],
    20,
    { lossPercent: 40, verifiers: 8, minutes: 5 },
  ),
  animal(
    'nothing settled before a mint',
    { authority: { settlesFirst: false } },
    ['minting'],
    5,
    races,
  ),
  animal(
    'exceptions forgotten where something is minted',
    {
      authority: {
        ruleOf: (source) => ({ ...soundAuthority.ruleOf(source), spares: false }),
      },
    },
    ['refusal'],
    10,
  ),
  animal('a lift that lifts its like', { authority: { liftsOnlyItself: false } }, ['I8', 'I1'], 30),
]

export const coreZoo: readonly Animal[] = [...verifierBugs, ...authorityBugs]

const add = (index: VerdictIndex, record: RevokeRecord, change: Partial<Rule>): void =>
  index.add({ ...ruleOfRecord(record), ...(record.cut === null ? {} : change) })

/** Takes out whatever has the same clients as what is lifted. */
class Kin extends RuleIndex {
  readonly #clients = new Map<string, string>()

  override add(rule: Rule): void {
    super.add(rule)
    this.#clients.set(rule.id, JSON.stringify(rule.clients ?? rule.id))
  }

  removeKin(id: string): void {
    const kin = this.#clients.get(id)
    for (const [other, clients] of this.#clients) if (clients === kin) this.remove(other)
  }
}

/** One rule by client, that with the greatest cut; and what it spares is forgotten with the others. */
class GreatestCut extends RuleIndex {
  readonly #greatest = new Map<string, Rule>()

  override add(rule: Rule): void {
    super.add(rule)
    for (const client of rule.clients ?? []) {
      const before = this.#greatest.get(client)
      if (before === undefined || before.cut < rule.cut) this.#greatest.set(client, rule)
    }
  }

  override verdict(token: Revocable, now: Parameters<RuleIndex['verdict']>[1]) {
    const found = super.verdict(token, now)
    const greatest = this.#greatest.get(token.clientId)
    if (found.kind === 'clear' || greatest === undefined || found.by.clients === undefined)
      return found
    const isIt = greatest.id === found.by.id || greatest.cut <= found.by.cut
    return isIt ? found : ({ kind: 'clear' } as const)
  }
}
