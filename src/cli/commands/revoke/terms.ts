import { duration, oneOf, onOff, text, time, toggle, type Values } from '#cli/flags.ts'
import type { Kit } from '#cli/kit.ts'
import { reaches, reasons } from '#contract/words.ts'
import { formatInstant } from '#kernel/instant.ts'

type Reason = (typeof reasons)[number]

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

/** Everything about a revocation but what it hits. */
export const termsFlags = {
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
  noCount: toggle('Do not count what it hits, neither before nor after; a severe step'),
}

/** The terms as the admin API takes them. */
export const termsOf = (input: Values<typeof termsFlags>) => ({
  reason: input.reason,
  reach: input.reach,
  graceSeconds: input.grace,
  final: input.final,
  message: input.message,
  block: input.block,
  incidentId: input.incident,
  expiresAt: input.expires === undefined ? undefined : formatInstant(input.expires),
  ...(input.noCount ? { count: false } : {}),
})
