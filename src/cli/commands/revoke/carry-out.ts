import type { Enforcement } from '#cli/commands/revocation/enforcement.ts'
import { enforcementTables, enforcementText } from '#cli/commands/revocation/enforcement.ts'
import {
  itemShape,
  planShape,
  type Revocation,
  type RevocationItem,
  type Revoked,
  revokedShape,
  type ServerPlan,
} from '#cli/commands/revocation/shape.ts'
import {
  keepingCertificate,
  unconfirmed,
  watchEnforcement,
  type Watched,
} from '#cli/commands/revocation/watch.ts'
import { confirm } from '#cli/confirm.ts'
import type { Kit } from '#cli/kit.ts'
import { below, type Outcome, record } from '#cli/view.ts'
import type { Admin } from '#contract/admin-api.ts'
import { Problem } from '#kernel/problem.ts'
import { credentials, planText, visible } from './plan-text.ts'

export type PlanRequest = Parameters<Admin['planRevocation']>[0]
type Answer = Awaited<ReturnType<Admin['revoke']>>

export interface Steps {
  readonly yes: boolean
  /** The phrase. */
  readonly confirm: string | undefined
  readonly wait: 'published' | 'enforced' | undefined
  readonly timeout: number
  readonly certificate: string | undefined
}

/** The plan alone: what `revocation plan` prints, and `--dry-run`. */
export function showPlan(plan: ServerPlan): Outcome {
  const { severe: _, items: __, itemCounts: ___, ...printed } = plan
  return {
    view: record(planShape, printed, { text: planText(plan) }),
    problem: isVain(plan) ? nothingMatched(plan) : undefined,
  }
}

/** Whether there is nothing that it would revoke, block, or find done already. */
const isVain = ({ items, itemCounts, blocks, matched }: ServerPlan): boolean => {
  if (blocks || matched === undefined) return false
  if (itemCounts === undefined) return items.every(({ result }) => result === 'not-found')
  return itemCounts.revoked + itemCounts['already-revoked'] + itemCounts.spared === 0
}

const nothingMatched = ({ phrase, items }: ServerPlan): Problem =>
  new Problem('nothing-matched', `no live credential matches ${short(phrase)}`, {
    next: 'credctl token list shows what is live; --block would keep more from being issued',
    facts: { items },
  })

/** A list of ten thousand ids says how it begins. */
const short = (phrase: string): string =>
  phrase.length <= 200 ? visible(phrase) : `${visible(phrase.slice(0, 200))}…`

/**
 * Confirms a plan, applies it, waits for its enforcement as far as asked, and prints the result.
 * `planned` is what somebody has looked at before, in a file; a plan that is looked at here, at the
 * question, binds the authority in the same way. Without either, what is minted meanwhile is only told.
 */
export async function carryOut(
  kit: Kit,
  request: PlanRequest,
  plan: ServerPlan,
  { planned, ...steps }: Steps & { readonly planned?: ServerPlan['matched'] },
): Promise<Outcome> {
  if (kit.isInteractive && isVain(plan)) throw nothingMatched(plan)
  const isSevere = plan.severe || request.count === false
  const wasAsked = await agree(kit, plan, { ...steps, isSevere })
  const bound = planned ?? (wasAsked ? plan.matched : undefined)
  const { answer, watched } = await keepingCertificate(kit, steps.certificate, async () => {
    const admin = await kit.admin()
    const answer = await admin.revoke({ ...request, planHash: plan.hash, planned: bound })
    const watched = await waited(kit, plan, answer, steps)
    return { answer, watched, certificate: watched?.certificate }
  })
  const revoked = await resultOf(kit, plan, answer, watched)
  await showResult(kit, plan, revoked, steps)
  return { problem: shortfall(revoked, watched, steps) }
}

/** Whether a person was shown the plan and said yes to it. */
async function agree(
  kit: Kit,
  plan: ServerPlan,
  { yes, confirm: phrase, isSevere }: Steps & { readonly isSevere: boolean },
): Promise<boolean> {
  const willAsk = kit.isInteractive && phrase === undefined && (isSevere || !yes)
  if (willAsk) kit.io.err(planText(plan))
  else for (const warning of plan.warnings) kit.warn(warning)
  const what =
    plan.matched === undefined
      ? 'whatever matches, uncounted'
      : credentials(plan.matched.credentials)
  await confirm(kit, {
    severity: isSevere ? 'severe' : 'moderate',
    question: isSevere ? `It would revoke ${what}.` : `Revoke ${what}?`,
    phrase: plan.phrase,
    yes,
    confirm: phrase,
  })
  return willAsk
}

/** On a terminal enforcement is shown although nobody asked, since it is what one wants to know. */
async function waited(
  kit: Kit,
  plan: ServerPlan,
  { revocation }: Answer,
  { wait, timeout }: Steps,
): Promise<Watched | undefined> {
  if (revocation === undefined) return undefined
  const isNew = plan.position < revocation.position
  const isCourtesy = wait === undefined && kit.isInteractive && isForPeople(kit) && isNew
  if (wait !== 'enforced' && !isCourtesy) return undefined
  return await watchEnforcement(kit, revocation.id, {
    timeout,
    certify: wait === 'enforced',
    hint: `published: ${revocation.id}; Ctrl-C ends only the waiting`,
  })
}

const isForPeople = ({ settings }: Kit): boolean =>
  !settings.isQuiet && ['table', 'wide'].includes(settings.output)

async function resultOf(
  kit: Kit,
  plan: ServerPlan,
  { revocation, items, itemCounts, mintedMeanwhile }: Answer,
  watched: Watched | undefined,
): Promise<Revoked> {
  const meanwhile = mintedMeanwhile ?? grown(plan, revocation)
  const { enforcement, certificate } = watched ?? {}
  return {
    revocation: revocation === undefined ? null : await updated(kit, revocation, enforcement),
    items,
    ...(itemCounts === undefined ? {} : { itemCounts }),
    ...(0 < meanwhile ? { mintedMeanwhile: meanwhile } : {}),
    ...(enforcement === undefined ? {} : { enforcement }),
    ...(certificate === undefined ? {} : { certificate }),
  }
}

/** How many credentials came between the plan and the revocation, where both were counted. */
function grown({ matched, position }: ServerPlan, revocation: Revocation | undefined): number {
  if (matched === undefined || revocation === undefined || revocation.position <= position) return 0
  return revocation.matched.counted === false
    ? 0
    : revocation.matched.credentials - matched.credentials
}

/** The revocation as it is after the waiting. */
async function updated(
  kit: Kit,
  revocation: Revocation,
  enforcement: Enforcement | undefined,
): Promise<Revocation> {
  if (enforcement === undefined || enforcement.state === revocation.state) return revocation
  return await (await kit.admin()).showRevocation({ id: revocation.id })
}

async function showResult(
  kit: Kit,
  plan: ServerPlan,
  revoked: Revoked,
  { wait, certificate }: Steps,
): Promise<void> {
  const { revocation, items, enforcement, mintedMeanwhile } = revoked
  const isPlain = items.every(({ result }) => result === 'revoked')
  const headlines = [
    headline(plan, revoked),
    ...(mintedMeanwhile === undefined
      ? []
      : [`${credentials(mintedMeanwhile)} of these came after the plan.`]),
    ...(enforcement === undefined ? [] : enforcementText(enforcement)),
    ...(certificate === undefined || revoked.certificate === undefined
      ? []
      : [`The certificate is in ${visible(certificate)}.`]),
  ]
  await kit.show(
    record(revokedShape, revoked, {
      headline: headlines,
      below: [...(isPlain ? [] : [below(itemShape, items)]), ...enforcementTables(enforcement)],
    }),
  )
  if (revocation === null) return
  if (!revocation.final) kit.hint(`to undo it: credctl revocation lift ${revocation.id}`)
  if (revocation.blocks) kit.hint(`to issue again: credctl revocation unblock ${revocation.id}`)
  if (wait !== 'enforced' && !['enforced', 'lifted'].includes(revocation.state)) {
    kit.hint(`to see it enforced: credctl revocation wait ${revocation.id}`)
  }
  if (revocation.matched.counted === false || 0 < revocation.matched.credentials) {
    kit.hint('resource servers that check only the JWKS accept these tokens until they expire')
  }
}

/** What, how many, for whom and why, in one sentence. */
function headline(plan: ServerPlan, { revocation, items }: Revoked): string {
  if (revocation === null) return 'Nothing was left to revoke, and nothing was recorded.'
  const { id, position, matched, reason, blocks, expiresAt, selector } = revocation
  // One that stood in the feed before the plan was made is not of our doing.
  if (position <= plan.position)
    return `Nothing was left to revoke: ${id} (${reason}) did it before.`
  if (matched.counted !== false && matched.credentials === 0 && !blocks && isOfRevoked(items)) {
    return `Everything was revoked before; ${id} (${reason}) keeps it so, whatever else is lifted.`
  }
  const until = expiresAt === undefined ? '' : ` until ${expiresAt}`
  const isSuspension = expiresAt !== undefined && !blocks
  const keys = selector.keys.map((key) => `key ${visible(key)} and `).join('')
  const counted =
    matched.counted === false
      ? `whatever matches ${short(plan.phrase)}, uncounted`
      : `${credentials(matched.credentials)}${holders(matched.byClient)}`
  const what = `${keys}${counted}`
  const ending = blocks ? `; issuing is blocked${until}` : ''
  return isSuspension
    ? `Suspended ${what}${until} (${reason}).`
    : `Revoked ${what} (${reason})${ending}.`
}

const isOfRevoked = (items: readonly RevocationItem[]): boolean =>
  items.some(({ result }) => result === 'already-revoked')

const CLIENTS_SHOWN_MAX = 3

function holders(byClient: Readonly<Record<string, number>>): string {
  const clients = Object.keys(byClient).sort()
  if (clients.length === 0) return ''
  return clients.length <= CLIENTS_SHOWN_MAX
    ? ` of ${clients.join(', ')}`
    : ` of ${clients.length} clients`
}

/**
 * What is still to be desired although it is recorded. What was cut short comes first, then what is
 * missing, then what is unproven.
 */
function shortfall(
  { revocation, items, itemCounts }: Revoked,
  watched: Watched | undefined,
  { wait }: Steps,
): Problem | undefined {
  const unproven =
    wait === 'enforced' && watched !== undefined && revocation !== null
      ? unconfirmed(revocation.id, watched)
      : undefined
  if (unproven?.code === 'interrupted') return unproven
  const missed = items.filter(isMissed)
  // Of a long list only some are told.
  const count =
    itemCounts === undefined ? missed.length : itemCounts['not-found'] + itemCounts.failed
  const total = itemCounts === undefined ? items.length : sum(Object.values(itemCounts))
  if (count === 0 || count === total) return unproven
  return new Problem('partly-done', `${count} of ${total} named values hit nothing live`, {
    next: 'look at items in the output: not-found may be a slip of the pen',
    facts: { items: missed.slice(0, FACTS_MAX) },
  })
}

/** An error of more values than this is not read; the output has them all. */
const FACTS_MAX = 10_000

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)

const isMissed = ({ result }: RevocationItem): boolean =>
  result === 'not-found' || result === 'failed'
