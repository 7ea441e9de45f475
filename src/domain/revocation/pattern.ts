/**
 * Whether a scope pattern admits a scope. A `*` stands for one or more whole `:`-separated parts,
 * and only at the end: `deploy:*` matches `deploy:prod` and `deploy:prod:eu`, but not `deploy`; `*`
 * alone matches every scope; anything else matches itself.
 *
 * It also tells whether one pattern is contained in another: `deploy:*` contains `deploy:prod:*`.
 *
 * It compares in place because it runs once a rule on every decision.
 */
export function matchesPattern(pattern: string, scope: string): boolean {
  if (pattern === scope || pattern === '*') return true
  if (!isPattern(pattern)) return false
  // With the colon, without the star: what is left of the scope must not be empty.
  const prefixLength = pattern.length - 1
  if (scope.length <= prefixLength) return false
  for (let i = 0; i < prefixLength; i++) {
    if (pattern.charCodeAt(i) !== scope.charCodeAt(i)) return false
  }
  return true
}

/** `*`, or `*` as the last part. A star anywhere else is an ordinary character. */
export const isPattern = (scope: string): boolean => scope === '*' || scope.endsWith(':*')

/**
 * Every pattern that matches a scope, the scope itself first: the keys under which an index has to
 * look it up. `deploy:prod:eu` → `deploy:prod:eu`, `*`, `deploy:*`, `deploy:prod:*`.
 */
export function patternsOf(scope: string): string[] {
  const patterns = scope === '*' ? [scope] : [scope, '*']
  for (
    let at = scope.indexOf(':');
    0 <= at && at + 1 < scope.length;
    at = scope.indexOf(':', at + 1)
  ) {
    const pattern = `${scope.slice(0, at)}:*`
    if (pattern !== scope) patterns.push(pattern)
  }
  return patterns
}
