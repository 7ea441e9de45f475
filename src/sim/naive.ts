import type { Validity } from '#verifier/authority-time.ts'

/**
 * What most resource servers do: compare `exp` with the wall clock, in whole seconds, with a leeway.
 * As the common libraries have it, `nbf` is checked where there is one, and `iat` is not.
 */
export function naiveAccepts(
  { untilMicros }: Validity,
  wallMicros: number,
  leewaySeconds: number,
): boolean {
  const nowSeconds = Math.floor(wallMicros / 1_000_000)
  return nowSeconds - leewaySeconds < untilMicros / 1_000_000
}
