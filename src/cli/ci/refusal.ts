import {
  claimLines,
  claimShape,
  type ClaimLine,
  type TrustFinding,
} from '#cli/commands/trust/shape.ts'
import type { Kit } from '#cli/kit.ts'
import { isForPrograms } from '#cli/render/failure.ts'
import { tableWriter } from '#cli/render/table.ts'
import { clean } from '#cli/render/text.ts'
import type { Column } from '#cli/view.ts'
import { parseToken } from '#contract/token.ts'
import { formatInstant, fromSeconds } from '#kernel/instant.ts'
import { Problem } from '#kernel/problem.ts'

/** Of a public issuer there may be many trusts; those that fit best are what the job was meant for. */
const TRUSTS_SHOWN_MAX = 3

/**
 * The claims table of a refused exchange, on stderr, before the refusal itself: claim, expected, actual. For
 * programs it is among the facts. Where the authority says nothing, since the token is not its issuer's, it
 * is what the token says of itself.
 */
export async function explained(kit: Kit, problem: Problem, idToken: string): Promise<Problem> {
  const trusts = findingsOf(problem)
  const own = trusts.length === 0 ? ownLines(kit, idToken) : []
  if (!isForPrograms(kit.settings.output)) {
    const fitting = trusts.toSorted((one, other) => misses(one) - misses(other))
    for (const finding of fitting.slice(0, TRUSTS_SHOWN_MAX)) {
      const { trustId, mode, because } = finding
      kit.io.err(`${clean(`Trust ${trustId} (${mode}): ${because.join('; ')}`)}\n`)
      await writeTable(kit, claimLines(finding))
    }
    const more = fitting.length - TRUSTS_SHOWN_MAX
    if (0 < more) kit.io.err(`${more} more of this issuer fit less; name one with --trust\n\n`)
    if (0 < own.length) {
      kit.io.err('What the token says of itself:\n')
      await writeTable(kit, own)
    }
  }
  const told = new Problem('trust-unmatched', problem.message, {
    next:
      trusts.length === 0
        ? 'compare with what the operator sees: credctl trust list'
        : 'mend the job, or the trust: credctl trust update; to try a token: credctl trust test',
    facts: { ...problem.facts, ...(0 < own.length ? { claims: own } : {}) },
  })
  told.requestId = problem.requestId
  return told
}

/** What does not fit stands at the left, where it is seen first and no long value pushes it away. */
const COLUMNS: readonly Column[] = [
  { key: 'ok', title: '' },
  ...claimShape.columns.filter(({ key }) => key !== 'ok'),
]

/** Whole, however narrow the terminal is: half a value explains nothing. */
async function writeTable(kit: Kit, lines: readonly ClaimLine[]): Promise<void> {
  const write = tableWriter({
    columns: COLUMNS,
    withHeaders: true,
    width: undefined,
    now: kit.clock.now(),
    style: await kit.style.err(),
    times: 'absolute',
  })
  kit.io.err(`${write(lines)}\n`)
}

type Finding = Pick<TrustFinding, 'trustId' | 'mode' | 'because' | 'claims' | 'conditions'>

/** As the authority's answer has them, which is a stranger's until it has been looked at. */
function findingsOf({ facts }: Problem): Finding[] {
  const { trusts } = facts
  return (Array.isArray(trusts) ? trusts : []).filter(
    (one: Partial<Finding> | null): one is Finding =>
      typeof one?.trustId === 'string' &&
      [one.because, one.claims, one.conditions].every((list) => Array.isArray(list)),
  )
}

const misses = (finding: Finding): number =>
  claimLines(finding).filter(({ ok }) => ok !== 'ok').length

function ownLines(kit: Kit, idToken: string): ClaimLine[] {
  const parsed = parseToken(idToken)
  if (typeof parsed === 'string') return []
  const { header, claims } = parsed
  const said = (value: unknown): string =>
    value === undefined ? 'MISSING' : typeof value === 'string' ? value : JSON.stringify(value)
  const { exp } = claims
  const isOver = Number.isSafeInteger(exp) && Number(exp) * 1000 <= kit.clock.now()
  return [
    { claim: 'iss', expected: 'that of a trust', actual: said(claims['iss']), ok: '?' },
    { claim: 'aud', expected: 'that of the trust', actual: said(claims['aud']), ok: '?' },
    {
      claim: 'exp',
      expected: `later than ${formatInstant(kit.clock.now())}`,
      actual: Number.isSafeInteger(exp) ? formatInstant(fromSeconds(Number(exp))) : said(exp),
      ok: isOver || exp === undefined ? 'NO' : 'ok',
    },
    { claim: 'sub', expected: 'any', actual: said(claims['sub']), ok: 'ok' },
    {
      claim: 'signature',
      expected: 'by a key that the issuer publishes',
      actual: `${said(header['alg'])}, key ${said(header['kid'])}`,
      ok: '?',
    },
  ]
}
