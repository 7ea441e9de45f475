import type { Rules } from '#verifier/rules.ts'

/** What came of a text, and by which key; without a key it follows from the text alone. */
interface Known<R> {
  readonly kid: string | undefined
  readonly mark: string | undefined
  readonly result: R
}

const KEPT_MAX = 4096

/**
 * The readers of heads and tokens, which remember what came of a text. What comes of it is fixed by
 * the text and the key that it names, for every verifier alike: so one reading serves them all.
 */
export function remembering(rules: Rules): Rules {
  const heads = new Map<string, Known<ReturnType<Rules['readHead']>>>()
  const tokens = new Map<string, Known<ReturnType<Rules['readToken']>>>()
  return {
    ...rules,
    readHead(text, context) {
      const known = heads.get(text)
      if (known !== undefined) {
        const { kid, mark, result } = known
        if (kid === undefined || context.feedKey(kid)?.['x'] === mark) return result
      }
      let kid: string | undefined
      let mark: string | undefined
      const feedKey = (asked: string) => {
        const jwk = context.feedKey(asked)
        kid = asked
        mark = jwk?.['x']
        return jwk
      }
      const result = rules.readHead(text, { ...context, feedKey })
      keep(heads, text, { kid, mark, result })
      return result
    },
    readToken(text, context) {
      const known = tokens.get(text)
      if (known !== undefined) {
        const { kid, mark, result } = known
        if (kid === undefined || context.findKey(kid)?.thumbprint === mark) return result
      }
      let kid: string | undefined
      let mark: string | undefined
      const findKey = (asked: unknown) => {
        const key = context.findKey(asked)
        kid = String(asked)
        mark = key?.thumbprint
        return key
      }
      const result = rules.readToken(text, { ...context, findKey })
      keep(tokens, text, { kid, mark, result })
      return result
    },
  }
}

function keep<R>(into: Map<string, R>, text: string, known: R): void {
  if (KEPT_MAX <= into.size) into.clear()
  into.set(text, known)
}
