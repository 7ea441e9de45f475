import { defineCommand } from '#cli/command.ts'
import { auditShape } from '#cli/commands/shapes.ts'
import { text, time } from '#cli/flags.ts'
import { list } from '#cli/view.ts'
import { formatInstant, type Instant } from '#kernel/instant.ts'

/** `credctl audit list`: who did what, and what was refused, the newest first. */
export const auditList = defineCommand({
  path: ['audit', 'list'],
  summary: 'List audit entries, the newest first',
  description: [
    'Every change and every refusal is on record, with its actor, origin and request id. The outcome is ok, or the code of the refusal.',
  ],
  args: {},
  flags: {
    actor: text('Only what an actor did, such as local:root or client:ops', {
      placeholder: 'ACTOR',
    }),
    action: text('Only an action, such as credential.issue', { placeholder: 'ACTION' }),
    target: text('Only what was done to a target, such as client:deploy-bot', {
      placeholder: 'TARGET',
    }),
    outcome: text('Only an outcome: ok, or the code of a refusal', { placeholder: 'OUTCOME' }),
    requestId: text('Only a request, by the id that errors show', { placeholder: 'ID' }),
    after: time('Only from a time on'),
    before: time('Only before a time'),
  },
  examples: [
    { run: 'credctl audit list --after 1h', about: 'The last hour' },
    {
      run: 'credctl audit list --target client:deploy-bot -o wide',
      about: 'What was done to a client, with origins and details',
    },
    {
      run: 'credctl audit list --outcome scope-refused -o jsonl',
      about: 'Who asked for a scope in vain',
    },
  ],
  output: [auditShape],
  isPaged: true,
  seeAlso: ['token list', 'revocation list'],

  async run(kit, { actor, action, target, outcome, requestId, after, before }) {
    const { listAudit } = await kit.admin()
    const filter = {
      actor,
      action,
      target,
      outcome,
      requestId,
      after: formatted(after),
      before: formatted(before),
    }
    return {
      view: list(auditShape, (page) => listAudit({ ...filter, ...page }), {
        empty: 'There are no such audit entries.',
      }),
    }
  },
})

const formatted = (at: Instant | undefined): string | undefined =>
  at === undefined ? undefined : formatInstant(at)
