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
import { Problem } from '#kernel/problem.ts'

/** Of a public issuer there may be many trusts; those that fit best are what the job was meant for. */
const TRUSTS_SHOWN_MAX = 3

/**
 * The claims table of a refused exchange, on stderr, before the refusal itself: claim, expected, actual. For
 * programs it is among the facts. Of a token that its issuer has not signed it holds what the authority says
 * to strangers.
 */
export async function explained(kit: Kit, problem: Problem): Promise<Problem> {
  const trusts = findingsOf(problem)
  const own = trusts.length === 0 ? ownLines(problem) : []
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
      kit.io.err('The token by itself:\n')
      await writeTable(kit, own)
    }
  }
  const told = new Problem('trust-unmatched', problem.message, {
    next:
      trusts.length === 0
        ? 'compare with what the operator sees: credctl trust list'
        : 'mend the job, or the trust: credctl trust update; to try a token: credctl trust test',
    facts: problem.facts,
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

/** Of a token that its issuer has not signed there is no trust to be told of. */
const ownLines = ({ facts: { claims } }: Problem): ClaimLine[] =>
  claimLines({
    claims: (Array.isArray(claims) ? claims : []).filter(
      (one: Partial<Finding['claims'][number]> | null): one is Finding['claims'][number] =>
        [one?.claim, one?.expected, one?.actual ?? ''].every((text) => typeof text === 'string'),
    ),
    conditions: [],
  })
