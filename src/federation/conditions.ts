import { type ASTNode, Environment } from '@marcbachmann/cel-js'
import type { Conditions, ConditionVariables } from '#domain/trust/conditions.ts'

/** Enough for a page of conditions; a condition that needs more is a program. */
const CHARACTERS_MAX = 2000
const LIMITS = {
  maxAstNodes: 300,
  maxDepth: 16,
  maxListElements: 100,
  maxMapEntries: 50,
  maxCallArguments: 8,
}
/** A list inside a list inside a list: what is gone through grows as its power. */
const NESTED_LOOPS_MAX = 2
/** A claim may be a list, and who made the token chose its length. */
const LIST_ITEMS_MAX = 1000

const LOOPS = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])

/** CEL over what `ConditionVariables` names; anything else is unknown, and unknown is an error. */
export function createConditions(): Conditions {
  const environment = new Environment({ unlistedVariablesAreDyn: false, limits: LIMITS })
    .registerVariable('trust', 'map')
    .registerVariable('client', 'map')
    .registerVariable('subject', 'string')
    .registerVariable('scopes', 'list')
    .registerVariable('audience', 'list')
    .registerVariable('ttl', 'int')
    .registerVariable('now', 'google.protobuf.Timestamp')

  const faultOf: Conditions['faultOf'] = (expression) => {
    if (CHARACTERS_MAX < expression.length) return `it is longer than ${CHARACTERS_MAX} characters`
    try {
      const parsed = environment.parse(expression)
      const { valid, type, error } = parsed.check()
      if (!valid) return firstLine(error)
      if (type !== 'bool' && type !== 'dyn') return `it is a ${type}, and only true can hold`
      return costOf(parsed.ast, 0)
    } catch (failure) {
      return firstLine(failure)
    }
  }

  return {
    faultOf,
    evaluate(expression, variables) {
      const fault = faultOf(expression) ?? sizeFault(variables)
      if (fault !== undefined) return { holds: false, detail: fault }
      try {
        const result: unknown = environment.evaluate(expression, {
          ...variables,
          ttl: BigInt(Math.trunc(variables.ttl)),
          now: timestampOf(environment, variables.now),
        })
        // Whatever else may count as true elsewhere, an error among it, does not here.
        if (result === true) return { holds: true }
        return {
          holds: false,
          detail: result === false ? 'it is false' : 'it is not true or false',
        }
      } catch (failure) {
        return { holds: false, detail: firstLine(failure) }
      }
    },
  }
}

/** Time as CEL has it, made by CEL: this room has no clock and no dates. */
const timestampOf = (environment: Environment, milliseconds: number): unknown =>
  environment.evaluate(`timestamp(${Math.floor(milliseconds / 1000)})`)

/** A regular expression can be made to run for hours on a text that a stranger chose. */
function costOf(node: unknown, loops: number): string | undefined {
  if (!isNode(node)) {
    return Array.isArray(node) ? firstOf(node.map((one) => costOf(one, loops))) : undefined
  }
  const { op, args } = node
  const name = op === 'rcall' || op === 'call' ? String((args as readonly unknown[])[0]) : ''
  if (name === 'matches') return 'matches() is not allowed; use ==, in, startsWith or endsWith'
  const deeper = op === 'rcall' && LOOPS.has(name) ? loops + 1 : loops
  if (NESTED_LOOPS_MAX < deeper) return `more than ${NESTED_LOOPS_MAX} loops in one another`
  return Array.isArray(args)
    ? firstOf(args.map((one) => costOf(one, deeper)))
    : costOf(args, deeper)
}

const isNode = (value: unknown): value is ASTNode =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value

const firstOf = (faults: readonly (string | undefined)[]): string | undefined =>
  faults.find((fault) => fault !== undefined)

const sizeFault = ({ trust }: ConditionVariables): string | undefined =>
  Object.values(trust.claims).some((one) => Array.isArray(one) && LIST_ITEMS_MAX < one.length)
    ? `a claim is a list of more than ${LIST_ITEMS_MAX}`
    : undefined

const firstLine = (failure: unknown): string =>
  (failure instanceof Error ? failure.message : 'it cannot be evaluated').split('\n')[0] ?? ''
