/** What of a refusal (RFC 9457) is told on: its code, and its detail made fit for a log. */
export interface RefusedBy {
  readonly code: string
  readonly detail: string
}

const DETAIL_CHARACTERS_MAX = 300

/** `undefined` where the body is no refusal of an authority of ours. */
export function decodeProblem(body: string): RefusedBy | undefined {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { code, detail, next } = value as Readonly<Record<string, unknown>>
  if (typeof code !== 'string' || !/^[a-z-]{1,64}$/.test(code)) return undefined
  const said = [detail, next].filter((text) => typeof text === 'string').join('; ')
  // Whoever is in the authority's place writes this, and a terminal obeys what it is sent.
  const plain = said.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, DETAIL_CHARACTERS_MAX)
  return { code, detail: `${plain} [${code}]` }
}
