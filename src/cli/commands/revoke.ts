import { defineCommand } from '#cli/command.ts'
import { confirm, confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import { duration, oneOf, onOff, text, time, toggle } from '#cli/flags.ts'
import type { Kit } from '#cli/kit.ts'
import { below, type Outcome, record } from '#cli/view.ts'
import { reaches, reasons } from '#contract/words.ts'
import { formatInstant, type Instant } from '#kernel/instant.ts'
import { Problem } from '#kernel/problem.ts'
import {
  itemShape,
  planShape,
  type Revocation,
  type RevocationItem,
  type Revoked,
  revokedShape,
  type ServerPlan,
} from './revocation/shape.ts'
import { credentials, planText, visible } from './revoke/plan-text.ts'
import { mustNameSomething, readSelection, selectionFlags } from './revoke/selection.ts'

type Reason = (typeof reasons)[number]
const waits = ['published', 'enforced'] as const

/** What each reason means, for whoever has to choose in a hurry. */
const meanings: Readonly<Record<Reason, string>> = {
  compromise: 'somebody else may hold it: no grace, and issuing is blocked',
  superseded: 'something newer takes its place',
  'sign-out': 'its holder has left',
  'privilege-withdrawn': 'its holder may no longer do this',
  'policy-change': 'the rules have become stricter',
  testing: 'a rehearsal',
  other: 'none of these',
}

const askReason = (kit: Kit): Promise<Reason> =>
  kit.prompt.select({
    message: 'Reason:',
    choices: reasons.map((value) => ({ value, name: value, about: meanings[value] })),
  })

const flags = {
  ...selectionFlags,
  reason: oneOf(reasons, 'Why', { required: true, ask: askReason }),
  reach: oneOf(reaches, 'What is compared: the sign-in a token derives from, or the token itself', {
    initial: 'sessions',
  }),
  message: text('Shown to whoever is denied: at most 200 printable ASCII characters'),
  grace: duration('How long resource servers go on accepting what is revoked', {
    initial: 0,
    zero: true,
  }),
  block: onOff('Issue nothing that matches while it lasts; on by default for compromise'),
  expires: time('When the block ends; without a block, when all of it is undone', { ahead: true }),
  final: toggle('It cannot be lifted'),
  incident: text('The incident that it belongs to', { placeholder: 'ID' }),
  dryRun: toggle('Print the plan and do nothing'),
  noCount: toggle('Do not count first; confirmed as a severe step'),
  wait: oneOf(waits, 'Until when to wait', { initial: 'published' }),
  timeout: duration('How long to wait', { initial: 30 }),
  ...confirmationFlags,
}

/** `credctl revoke`: plan, confirm and apply in one go. */
export const revoke = defineCommand({
  path: ['revoke'],
  summary: 'Revoke credentials: plan, confirm and apply in one go',
  description: [
    'Revokes what the selectors name. Values of one selector are alternatives; different selectors must all hold. An empty selector never means all.',
    'The plan is shown before the question. A severe step (--all, --no-count, or more credentials than policy allows unasked) is confirmed by typing its phrase, or with --confirm PHRASE; for the rest --yes is enough. Without a terminal one of the two is needed.',
    'It is one unit: `credctl revocation lift ID` undoes it, unless it is final.',
    'A resource server that checks only signature and expiry goes on accepting a revoked token until it expires.',
  ],
  args: {},
  flags,
  examples: [
    {
      run: 'credctl revoke --client deploy-bot --reason compromise',
      about: 'Kill what a client holds and issue nothing to it',
    },
    {
      run: 'credctl revoke --token - --reason compromise --yes < leaked.jwt',
      about: 'Revoke a token that was found somewhere',
    },
    {
      run: 'credctl revoke --from ids.txt --reason superseded --yes -o json',
      about: 'Revoke a list, with a result for each line',
    },
    {
      run: "credctl revoke --scope 'deploy:*' --except-client release-bot --reason policy-change --dry-run",
      about: 'See what it would hit',
    },
    {
      run: 'credctl revoke --all --reason compromise --confirm all',
      about: 'Revoke everything, from a script',
    },
  ],
  output: [revokedShape, planShape],
  exits: {
    3: 'nothing matched and nothing was blocked; nothing is recorded',
    6: 'some of what was named was not found or failed; results per item in the output',
    7: 'recorded, but --wait enforced was not confirmed in time',
    8: 'the plan no longer fits: something changed between plan and revocation',
  },
  seeAlso: ['revocation lift', 'revocation unblock', 'token list'],

  async run(kit, input) {
    mustNameSomething(input)
    if (!input.dryRun) mustBeConfirmable(kit, input)
    const request = { ...(await readSelection(kit, input)), ...terms(input) }

    const admin = await kit.admin()
    const plan = await admin.planRevocation(request)
    if (input.dryRun) return dryRun(plan)
    if (kit.isInteractive && isVain(plan)) throw nothingMatched(plan)
    await agree(kit, plan, input)

    const answer = await admin.revoke({ ...request, planHash: plan.hash })
    const revoked: Revoked = { revocation: answer.revocation ?? null, items: answer.items }
    await showResult(kit, plan, revoked)
    return { problem: shortfall(revoked, input.wait) }
  },
})

/** Everything about the revocation but what it hits, as the admin API takes it. */
const terms = (input: {
  readonly reason: Reason
  readonly reach: 'sessions' | 'tokens'
  readonly message: string | undefined
  readonly grace: number
  readonly block: boolean | undefined
  readonly expires: Instant | undefined
  readonly final: boolean
  readonly incident: string | undefined
}) => ({
  reason: input.reason,
  reach: input.reach,
  graceSeconds: input.grace,
  final: input.final,
  message: input.message,
  block: input.block,
  incidentId: input.incident,
  expiresAt: input.expires === undefined ? undefined : formatInstant(input.expires),
})

function dryRun(plan: ServerPlan): Outcome {
  const { severe: _, items: __, ...printed } = plan
  return {
    view: record(planShape, printed, { text: planText(plan) }),
    problem: isVain(plan) ? nothingMatched(plan) : undefined,
  }
}

/** Whether there is nothing that it would revoke, block, or find done already. */
const isVain = ({ items, blocks }: ServerPlan): boolean =>
  !blocks && items.every(({ result }) => result === 'not-found')

const nothingMatched = ({ phrase, items }: ServerPlan): Problem =>
  new Problem('nothing-matched', `no live credential matches ${visible(phrase)}`, {
    next: 'credctl token list shows what is live; --block would keep more from being issued',
    facts: { items },
  })

async function agree(
  kit: Kit,
  plan: ServerPlan,
  {
    yes,
    confirm: phrase,
    noCount,
  }: { yes: boolean; confirm: string | undefined; noCount: boolean },
): Promise<void> {
  const isSevere = plan.severe || noCount
  const willAsk = kit.isInteractive && phrase === undefined && (isSevere || !yes)
  if (willAsk) kit.io.err(planText(plan))
  else for (const warning of plan.warnings) kit.warn(warning)
  await confirm(kit, {
    severity: isSevere ? 'severe' : 'moderate',
    question: isSevere
      ? `It would revoke ${credentials(plan.matched.credentials)}.`
      : `Revoke ${credentials(plan.matched.credentials)}?`,
    phrase: plan.phrase,
    yes,
    confirm: phrase,
  })
}

async function showResult(kit: Kit, plan: ServerPlan, revoked: Revoked): Promise<void> {
  const { revocation, items } = revoked
  const isPlain = items.every(({ result }) => result === 'revoked')
  await kit.show(
    record(revokedShape, revoked, {
      headline: [headline(plan, revocation)],
      ...(isPlain ? {} : { below: below(itemShape, items) }),
    }),
  )
  if (revocation === null) return
  if (!revocation.final) kit.hint(`to undo it: credctl revocation lift ${revocation.id}`)
  if (revocation.blocks) kit.hint(`to issue again: credctl revocation unblock ${revocation.id}`)
  if (0 < revocation.matched.credentials) {
    kit.hint('resource servers that check only the JWKS accept these tokens until they expire')
  }
}

/** What, how many, for whom and why, in one sentence. */
function headline(plan: ServerPlan, revocation: Revocation | null): string {
  if (revocation === null) return 'Nothing was left to revoke, and nothing was recorded.'
  const { id, position, matched, reason, blocks, expiresAt, selector } = revocation
  // One that stood in the feed before the plan was made is not of our doing.
  if (position <= plan.position)
    return `Nothing was left to revoke: ${id} (${reason}) did it before.`
  const until = expiresAt === undefined ? '' : ` until ${expiresAt}`
  const isSuspension = expiresAt !== undefined && !blocks
  const keys = selector.keys.map((key) => `key ${visible(key)} and `).join('')
  const what = `${keys}${credentials(matched.credentials)}${holders(matched.byClient)}`
  const ending = blocks ? `; issuing is blocked${until}` : ''
  return isSuspension
    ? `Suspended ${what}${until} (${reason}).`
    : `Revoked ${what} (${reason})${ending}.`
}

const CLIENTS_SHOWN_MAX = 3

function holders(byClient: Readonly<Record<string, number>>): string {
  const clients = Object.keys(byClient).sort()
  if (clients.length === 0) return ''
  return clients.length <= CLIENTS_SHOWN_MAX
    ? ` of ${clients.join(', ')}`
    : ` of ${clients.length} clients`
}

/** What is still to be desired although it is recorded; what is missing comes before what is unproven. */
function shortfall(
  { revocation, items }: Revoked,
  wait: (typeof waits)[number],
): Problem | undefined {
  const missed = items.filter(isMissed)
  if (0 < missed.length && missed.length < items.length) {
    return new Problem(
      'partly-done',
      `${missed.length} of ${items.length} named values hit nothing live`,
      {
        next: 'look at items in the output: not-found may be a slip of the pen',
        facts: { items: missed },
      },
    )
  }
  if (wait === 'published' || revocation === null || revocation.state === 'enforced')
    return undefined
  const { id, position } = revocation
  return new Problem(
    'not-confirmed',
    `${id} is recorded at position ${position}, but no verifier follows the feed, so it is unproven until the last token that it matches expires`,
    {
      next: `credctl revocation show ${id}`,
      facts: { revocationId: id, position, state: revocation.state },
    },
  )
}

const isMissed = ({ result }: RevocationItem): boolean =>
  result === 'not-found' || result === 'failed'
