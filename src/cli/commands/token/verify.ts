import { defineCommand } from '#cli/command.ts'
import type { Decision } from '#cli/commands/shapes.ts'
import { many, text } from '#cli/flags.ts'
import { readToken } from '#cli/input.ts'
import type { Kit } from '#cli/kit.ts'
import { clean } from '#cli/render/text.ts'
import { absolute, relative } from '#cli/render/time.ts'
import { type Outcome, record, shape } from '#cli/view.ts'
import { Problem, rowOf } from '#kernel/problem.ts'
import { dated } from './claims.ts'

const decisionShape = shape<Decision>({
  kind: 'credential',
  id: ({ claims }) => textOf(claims?.['jti']) ?? '-',
  columns: [
    { key: 'verdict', kind: 'state' },
    { key: 'reason' },
    { key: 'detail' },
    { key: 'message' },
    { key: 'revocationId', title: 'revocation' },
    { key: 'graceSeconds', title: 'grace', kind: 'seconds' },
    { key: 'cause' },
    { key: 'retryAfterSeconds', title: 'retry after', kind: 'seconds' },
    { key: 'audienceChecked', title: 'audience checked' },
    { key: 'revocationChecked', title: 'revocation checked' },
    { key: 'claims', kind: 'map' },
  ],
})

/** `credctl token verify`: asks the authority whether a token is good, as a resource server would. */
export const tokenVerify = defineCommand({
  path: ['token', 'verify'],
  summary: 'Ask the authority to decide on a token',
  description: [
    'Checks form, signature, claims, revocation and expiry, and with --audience and --scope whether the token is meant for that server and allows that. Of an accepted token it is said which checks were skipped; the JSON always tells.',
    'With --issuer the token of another issuer is checked with the keys that it publishes; whether that issuer has revoked it cannot be known.',
    'The token comes from stdin. One on the command line works too, but stays in the history of the shell and can be read by others on this machine.',
  ],
  args: {
    token: text('The token; - for stdin', { placeholder: 'TOKEN', secret: true }),
  },
  flags: {
    audience: text('The server that it must be meant for', { placeholder: 'AUDIENCE' }),
    scope: many('A scope that it must carry', { placeholder: 'SCOPE' }),
    issuer: text('Who issued it; this authority unless given', { placeholder: 'URL' }),
  },
  examples: [
    {
      run: 'credctl token verify - --audience https://api.example.com --scope deploy:prod < token.txt',
      about: 'Decide as that server would',
    },
    {
      run: 'credctl token verify - -o json < token.txt | jq -r .verdict',
      about: 'The verdict, for a script',
    },
  ],
  output: [decisionShape],
  exits: {
    0: 'accepted',
    1: 'not accepted; the decision says why',
    75: 'it cannot be known now: the authority or the issuer cannot be reached',
  },
  seeAlso: ['token inspect', 'token show'],

  async run(kit, { token: given, audience, scope, issuer }) {
    const token = await readToken(kit, given)
    const { decision, problem } = await decide(kit, { token, audience, scopes: [...scope], issuer })
    const text = kit.settings.fields === undefined ? await sentence(kit, decision) : undefined
    return {
      view: record(decisionShape, decision, { text }),
      problem,
      status: statuses[decision.verdict] ?? 1,
    }
  },
})

const statuses: Partial<Record<Decision['verdict'], number>> = { accepted: 0, stale: 75 }

interface Question {
  readonly token: string
  readonly audience: string | undefined
  readonly scopes: string[]
  readonly issuer: string | undefined
}

/**
 * A decision in every case: where nobody can be asked now, that is `stale`, as a resource server
 * would say. The problem goes beside it, as it knows what to do next.
 */
async function decide(
  kit: Kit,
  question: Question,
): Promise<{ readonly decision: Decision } & Pick<Outcome, 'problem'>> {
  try {
    const { verifyToken } = await kit.admin()
    return { decision: await verifyToken(question) }
  } catch (thrown) {
    if (!(thrown instanceof Problem) || rowOf(thrown.code).retry !== true) throw thrown
    const unchecked = { audienceChecked: false, revocationChecked: false }
    return { decision: { verdict: 'stale', detail: thrown.message, ...unchecked }, problem: thrown }
  }
}

async function sentence(kit: Kit, decision: Decision): Promise<string> {
  const { verdict, detail, message, revocationId, graceSeconds } = decision
  const { green, red, yellow, bold } = await kit.style.out()
  const isAccepted = verdict === 'accepted'
  const paint = isAccepted ? green : verdict === 'stale' ? yellow : red
  const head = paint(`${isAccepted ? '✓' : '✗'} ${bold(verdict)}`)
  const says = isAccepted && detail === undefined ? holder(kit, decision) : (detail ?? '')
  const lines = [says === '' ? head : `${head}: ${clean(says)}`]
  if (isAccepted && graceSeconds !== undefined)
    lines.push(`  until      ${graceSeconds} s from now`)
  if (message !== undefined) lines.push(`  message    ${clean(message)}`)
  if (revocationId !== undefined)
    lines.push(`  why        credctl revocation show ${clean(revocationId)}`)
  return [...lines, ...skipped(decision)].join('\n')
}

/** What was not checked must not be taken for good; where the token fell before, it does not matter. */
function skipped({ verdict, audienceChecked, revocationChecked }: Decision): string[] {
  if (verdict !== 'accepted') return []
  return [
    ...(audienceChecked ? [] : ['  unchecked  its audience: give --audience']),
    ...(revocationChecked ? [] : ['  unchecked  its revocation: only its issuer knows']),
  ]
}

function holder(kit: Kit, { claims = {} }: Decision): string {
  const { client_id: client, sub, scope, exp, jti } = claims
  const who = textOf(client) ?? textOf(sub)
  const expiresAt = dated(exp)
  return [
    textOf(jti) ?? 'a token',
    ...(who === undefined ? [] : [`of ${who}`]),
    ...(textOf(scope) === undefined ? [] : [`for ${textOf(scope)}`]),
    ...(expiresAt === undefined
      ? []
      : [`expires ${relative(expiresAt, kit.clock.now())} (${absolute(expiresAt)})`]),
  ].join(', ')
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined
