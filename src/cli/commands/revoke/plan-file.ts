import type { Plan } from '#cli/commands/revocation/shape.ts'
import { refuse } from '#kernel/problem.ts'
import type { PlanRequest } from './carry-out.ts'

/** Every member that a plan has, and its kind; those that it may lack are not looked for. */
const members = {
  hash: 'string',
  position: 'number',
  policyVersion: 'number',
  selector: 'object',
  exceptions: 'object',
  reach: 'string',
  reason: 'string',
  graceSeconds: 'number',
  blocks: 'boolean',
  final: 'boolean',
  phrase: 'string',
} as const satisfies Partial<Record<keyof Plan, string>>

/**
 * A plan as `-o json` printed it. Only its frame is checked here: what is in it is a request like any
 * other, which the authority reads strictly. Refusal: `request-invalid`.
 */
export function readPlan(text: string, name: string): Plan {
  const value = parsed(text)
  if (value === undefined) return refuseNoPlan(name, 'it is not one JSON object')
  const missing = Object.entries(members).flatMap(([key, kind]) =>
    isOf(kind, value[key]) ? [] : [key],
  )
  if (0 < missing.length) return refuseNoPlan(name, `it has no ${missing.join(', ')}`)
  const { matched } = value
  if (matched !== undefined && !isMatched(matched)) {
    return refuseNoPlan(name, 'its member matched holds no counts')
  }
  return value as unknown as Plan
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isOf = (kind: string, value: unknown): boolean =>
  kind === 'object' ? isObject(value) : typeof value === kind

const isMatched = (value: unknown): boolean =>
  isObject(value) &&
  typeof value['credentials'] === 'number' &&
  ['byClient', 'byScope', 'byAudience'].every((key) => isObject(value[key]))

const refuseNoPlan = (name: string, why: string): never =>
  refuse('request-invalid', `${name} is no plan: ${why}`, {
    next: 'credctl revocation plan SELECTORS… --reason REASON -o json > plan.json',
  })

/** What was asked for, from the plan that came of it. */
export function requestOf(plan: Plan): PlanRequest {
  const { tokenCount: _, ...selector } = plan.selector
  return {
    // A list that was drawn up before is named by its id, and not by its tokens.
    selector: plan.selectionId === undefined ? selector : { ...selector, tokens: [] },
    exceptions: plan.exceptions,
    reason: plan.reason,
    reach: plan.reach,
    graceSeconds: plan.graceSeconds,
    block: plan.blocks,
    final: plan.final,
    ...(plan.message === undefined ? {} : { message: plan.message }),
    ...(plan.expiresAt === undefined ? {} : { expiresAt: plan.expiresAt }),
    ...(plan.incidentId === undefined ? {} : { incidentId: plan.incidentId }),
    ...(plan.selectionId === undefined ? {} : { selectionId: plan.selectionId }),
    ...(plan.matched === undefined ? { count: false } : {}),
  }
}
