import { formatInstant, fromSeconds, type Instant } from '#kernel/instant.ts'
import { type Conditions, type ConditionVariables } from './conditions.ts'
import type { ClaimFinding, Trust } from './trust.ts'

export interface ConditionFinding {
  readonly expression: string
  readonly ok: boolean
  readonly detail?: string
}

/** How a token stands to a trust: every line of it, not only the first that fails. */
export interface TrustFinding {
  readonly trustId: string
  readonly matched: boolean
  readonly claims: readonly ClaimFinding[]
  readonly conditions: readonly ConditionFinding[]
}

type Claims = Readonly<Record<string, unknown>>

/**
 * Holds the claims of a token, whose signature and times are good, against a trust. All of its claims
 * and conditions must hold; what is absent, of another type or an error does not.
 */
export function evaluateTrust(
  trust: Trust,
  claims: Claims,
  { conditions, variables }: { conditions: Conditions; variables: ConditionVariables },
): TrustFinding {
  const findings = [
    finding('iss', [trust.issuer], claims['iss']),
    finding('aud', [trust.audience], soleAudience(claims)),
    ...Object.entries(trust.claims).map(([claim, expected]) =>
      finding(claim, expected, Object.hasOwn(claims, claim) ? claims[claim] : undefined),
    ),
  ]
  const held = trust.conditions.map((expression): ConditionFinding => {
    const result = conditions.evaluate(expression, variables)
    return result.holds
      ? { expression, ok: true }
      : { expression, ok: false, detail: result.detail }
  })
  const matched = findings.every(({ ok }) => ok) && held.every(({ ok }) => ok)
  return { trustId: trust.id, matched, claims: findings, conditions: held }
}

/** An audience among others proves that others may use the token too (RFC 8725 §3.9). */
export function soleAudience({ aud }: Claims): unknown {
  return Array.isArray(aud) && aud.length === 1 ? (aud[0] as unknown) : aud
}

export function finding(claim: string, expected: readonly string[], actual: unknown): ClaimFinding {
  return {
    claim,
    expected: expected.join(' | '),
    actual: actual === undefined ? undefined : shown(actual),
    ok: expected.some((one) => isSame(one, actual)),
  }
}

/** Whether a token's end is still to come, or its beginning has been. */
export function timeFinding(claim: 'exp' | 'nbf', value: unknown, now: Instant): ClaimFinding {
  const seconds = Number.isFinite(value) ? Number(value) : undefined
  const isEnd = claim === 'exp'
  const ok =
    seconds !== undefined && (isEnd ? now < fromSeconds(seconds) : fromSeconds(seconds) <= now)
  return {
    claim,
    expected: `${isEnd ? 'later' : 'not later'} than ${formatInstant(now)}`,
    actual: value === undefined ? undefined : timeText(value),
    ok,
  }
}

/** Of a year with four digits; whoever made the token may have written anything. */
const SECONDS_MAX = 253_402_300_800

const timeText = (value: unknown): string =>
  Number.isSafeInteger(value) && 0 <= Number(value) && Number(value) < SECONDS_MAX
    ? formatInstant(fromSeconds(Number(value)))
    : shown(value)

/**
 * Exactly the same text. Some issuers write ids as numbers and some as texts: a whole number is the
 * text of its digits, a boolean its word; nothing else is ever compared.
 */
function isSame(expected: string, actual: unknown): boolean {
  if (typeof actual === 'string') return expected === actual
  if (typeof actual === 'boolean') return expected === String(actual)
  return Number.isSafeInteger(actual) && expected === String(actual)
}

const SHOWN_CHARACTERS_MAX = 200

/** A claim as a table has it: whole, where that is not too long for one. */
export const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  return text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX)}…`
}
