/**
 * `issuedAfter` → `issued-after`.
 *
 * In a file of its own, so that help and the search for a command load no commander.
 */
export const kebab = (key: string): string => key.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)
